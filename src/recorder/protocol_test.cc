#include "recorder/protocol.h"

#include <gtest/gtest.h>

namespace narrows::recorder {
namespace {

using journal::Await;
using journal::Lane;

AppendMessage result() {
    AppendMessage message;
    message.part = 3;
    message.sequence = 7;
    message.kind = static_cast<std::uint8_t>(model::RecordKind::result);
    message.op = 5;
    message.payload = as_bytes("payload");
    return message;
}
AppendMessage intent() {
    AppendMessage message = result();
    message.id = 9;
    message.loop = 2;
    message.await = Await::durable;
    message.kind = static_cast<std::uint8_t>(model::RecordKind::intent);
    message.flags = journal::kFlagAllowed;
    message.op = UINT64_MAX;
    message.request = crypto::sha256("a request");
    return message;
}
BeginMessage begin() {
    AppendMessage open = result();
    open.id = 4;
    open.await = Await::durable;
    open.sequence = 0;
    open.kind = static_cast<std::uint8_t>(model::RecordKind::open);
    return {5, "session", "ns-a", open};
}

bool holds(const FromGateway& message) {
    return decode_from_gateway(encode(message)).has_value();
}

TEST(Protocol, appends_arrive_as_they_were) {
    const Bytes bytes = encode(FromGateway(intent()));
    const FromGateway read = decode_from_gateway(bytes).value();
    const auto& message = std::get<AppendMessage>(read);
    EXPECT_EQ(message.id, 9u);
    EXPECT_EQ(message.loop, 2u);
    EXPECT_EQ(message.part, 3u);
    EXPECT_EQ(message.sequence, 7u);
    EXPECT_EQ(as_text(message.payload), "payload");
    const journal::Subject subject = message.subject();
    EXPECT_EQ(subject.kind, model::RecordKind::intent);
    EXPECT_EQ(subject.op, journal::kOwn);
    EXPECT_EQ(std::get<crypto::Digest>(subject.attest), crypto::sha256("a request"));
}

TEST(Protocol, every_cut_and_every_excess_is_refused) {
    for (const FromGateway& message :
         {FromGateway(intent()), FromGateway(begin()), FromGateway(SyncMessage{1, 2, Lane::bulk}),
          FromGateway(CallMessage{0, "configured", as_bytes("x")})}) {
        Bytes bytes = encode(message);
        EXPECT_TRUE(decode_from_gateway(bytes).has_value());
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            EXPECT_FALSE(decode_from_gateway(ByteView(bytes).first(size)).has_value()) << size;
        }
        bytes.push_back(0);
        EXPECT_FALSE(decode_from_gateway(bytes).has_value());
    }
}

TEST(Protocol, what_breaks_a_rule_is_refused) {
    ASSERT_TRUE(holds(result()) && holds(intent()) && holds(begin()));
    const auto changed = [](AppendMessage message, auto change) {
        change(message);
        return holds(message);
    };
    EXPECT_FALSE(changed(result(), [](auto& m) { m.kind = 31; }));
    EXPECT_FALSE(changed(result(), [](auto& m) { m.flags = journal::kFlagSealed; }));
    EXPECT_FALSE(changed(result(), [](auto& m) { m.sequence = 0; }));
    EXPECT_FALSE(changed(result(), [](auto& m) { m.part = 0; }));
    EXPECT_FALSE(changed(result(), [](auto& m) { m.id = 1; }));
    EXPECT_FALSE(changed(result(), [](auto& m) { m.await = Await::held; }));
    const Bytes large(journal::kPayloadMax + 1);
    EXPECT_FALSE(changed(result(), [&](auto& m) { m.payload = large; }));
    EXPECT_FALSE(holds(SyncMessage{0, 0, Lane::bulk}));
    BeginMessage late = begin();
    late.open.sequence = 1;
    EXPECT_FALSE(holds(late));
}

TEST(Protocol, receipts_are_for_durable_records_of_their_kind_alone) {
    const auto changed = [](auto change) {
        AppendMessage message = intent();
        change(message);
        return holds(message);
    };
    EXPECT_FALSE(changed([](auto& m) { m.await = Await::held; }));
    EXPECT_FALSE(changed([](auto& m) { m.flags = 0; }));
    EXPECT_FALSE(
        changed([](auto& m) { m.kind = static_cast<std::uint8_t>(model::RecordKind::notice); }));
    EXPECT_FALSE(changed([](auto& m) { m.challenge.emplace(); }));
    EXPECT_FALSE(changed([](auto& m) {
        m.request.reset();
        m.challenge.emplace();
    }));
}

TEST(Protocol, a_status_arrives_whole) {
    StatusMessage message;
    message.received = 11;
    message.status.journal = {journal::Condition::low_space, "little is left"};
    message.status.counters.bulk.left_normal = 4096;
    message.status.counters.control.sync_us[3] = 8;
    message.status.anchors.push_back({"w1", "witness", 5, 6, "slow", true});
    message.status.alarms = {{"a", "why"}, {"b", "because"}};
    message.alarms.push_back({"a", "why", true});
    const Bytes bytes = encode(FromRecorder(message));
    const FromRecorder read = decode_from_recorder(bytes).value();
    const auto& got = std::get<StatusMessage>(read);
    EXPECT_EQ(got.received, 11u);
    EXPECT_EQ(got.status.journal.condition, journal::Condition::low_space);
    EXPECT_EQ(got.status.counters.bulk.left_normal, 4096u);
    EXPECT_EQ(got.status.counters.control.sync_us[3], 8u);
    EXPECT_EQ(got.status.anchors.at(0).age_ns, 5);
    EXPECT_TRUE(got.status.anchors.at(0).contradicts);
    EXPECT_EQ(got.status.alarms, message.status.alarms);
    EXPECT_EQ(got.alarms, message.alarms);
}

TEST(Protocol, what_custody_asks_for_arrives) {
    const evidence::HoldEntry word{true, "ns-a", "a case", "o+1+k", 77, to_bytes("signed")};
    EXPECT_EQ(decode_hold(encode(word)).value(), word);
    const ShredMessage asked{"ns-a", 1, "reviewer"};
    const ShredRequest request = decode_shred(encode(asked)).value().request().value();
    EXPECT_EQ(request.session, "ns-a");
    EXPECT_EQ(request.key, journal::KeyClass::bodies);
    EXPECT_EQ(request.by, "reviewer");
    EXPECT_FALSE((ShredMessage{"ns-a", 3, "reviewer"}.request().has_value()));
    Retention retention;
    retention.least_ns = {1, 2, 3};
    const Retention got = decode_retention(encode(texts_of(retention))).value().retention().value();
    EXPECT_EQ(got.least_ns, retention.least_ns);
    EXPECT_FALSE((RetentionTexts{{1, 2}, {}}.retention().has_value()));
}

TEST(Protocol, what_a_start_found_arrives) {
    Found found;
    found.next_part = model::PartNo(8);
    found.frames = 3;
    found.gaps.emplace_back(codec::Map{{"kind", "torn"}});
    found.may_go_on = {model::PartNo(2), model::PartNo(7)};
    const Found got = found_of(hello(found)).value();
    EXPECT_EQ(got.next_part, found.next_part);
    EXPECT_EQ(got.fields(), found.fields());
    EXPECT_EQ(got.may_go_on, found.may_go_on);
}

}  // namespace
}  // namespace narrows::recorder
