#include "session/admission.h"

#include <gtest/gtest.h>

#include "base/soon_test.h"
#include "recording/recorder_test.h"

namespace narrows::session {
namespace {

using model::Reason;
using recording::RecordKind;
using recording::testing::Record;
using recording::testing::Recorder;

constexpr WallNs kNow = 1'795'435'200 * kNsPerSecond;

constexpr const char* kScope =
    R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]})";

Connection connection(Budget budget, const std::string& scope) {
    return Connection{"c1",
                      "aws",
                      "123456789012",
                      "aws",
                      {"us-east-1"},
                      "",
                      "",
                      "",
                      "",
                      {},
                      budget,
                      policy::Scope::parse(scope).value(),
                      "",
                      false,
                      "ASIA"};
}

class Admission : public ::testing::Test {
  protected:
    SessionPtr session(Budget budget) {
        Terms terms;
        terms.id = model::SessionId("ns-test");
        terms.agent = "agent";
        terms.started_at = kNow;
        terms.expires_at = kNow + 3600 * kNsPerSecond;
        terms.connections.push_back(connection(budget, scope));
        return std::make_shared<Session>(std::move(terms), recorder.opened_part());
    }
    static Asked asked(const char* action, std::size_t body = 0) {
        Asked asked;
        asked.seen.body = Bytes(body, 'x');
        asked.operation.emplace();
        asked.operation->accesses.push_back({action, {{"arn:aws:s3:::bucket/key", true}}});
        return asked;
    }
    Result<session::Admission> admit(const SessionPtr& session, Asked asked) {
        return recorder.wait<Result<session::Admission>>(
            [&]() -> net::Task<Result<session::Admission>> {
                co_return co_await session::admit(session, 0, gate, clock, std::move(asked));
            });
    }

    std::string scope = kScope;
    Recorder recorder;
    Gate gate{8};
    ManualClock clock{kNow};
};

TEST_F(Admission, refused_attempts_are_charged_and_end_the_session) {
    const SessionPtr one = session({.bytes_max = 2000});
    for (int i = 0; i < 20 && one->is_active(); ++i) {
        EXPECT_FALSE(admit(one, asked("sqs:SendMessage")).value().permit);
    }
    EXPECT_FALSE(one->is_active());
    EXPECT_EQ(one->ending().reason, "budget");
}

TEST_F(Admission, refused_attempts_count_in_the_rate) {
    const SessionPtr one = session({.per_second_max = 2});
    admit(one, asked("sqs:SendMessage")).value();
    admit(one, asked("sqs:SendMessage")).value();
    EXPECT_EQ(admit(one, asked("s3:GetObject")).value().decision.reason, model::Reason::budget);
    clock.advance(kNsPerSecond);
    EXPECT_TRUE(admit(one, asked("s3:GetObject")).value().permit);
}

TEST_F(Admission, what_iam_has_no_action_for_is_allowed_by_its_name_unless_the_scope_denies_it) {
    const SessionPtr one = session({});
    Asked question = asked("sso:ListAccounts");
    EXPECT_EQ(admit(one, question).value().decision.reason, Reason::implicit_deny);
    question.allowed_by_name = true;
    const auto named = admit(one, question);
    EXPECT_TRUE(named.value().permit);
    EXPECT_EQ(named.value().decision.statement, "");
    EXPECT_NE(named.value().decision.why.find("c1, which names it"), std::string::npos);
    scope = R"({"Version":"2012-10-17","Statement":[
        {"Effect":"Deny","Action":"sso:*","Resource":"*"}]})";
    const auto denied = admit(session({}), question);
    EXPECT_FALSE(denied.value().permit);
    EXPECT_EQ(denied.value().decision.reason, Reason::explicit_deny);
}

TEST_F(Admission, a_clock_set_back_does_not_prolong_a_session) {
    Terms terms;
    terms.id = model::SessionId("ns-test");
    terms.expires_at = kNow + kNsPerSecond;
    terms.mono_expires_at = clock.mono() + kNsPerSecond;
    const Session one(std::move(terms), nullptr);
    EXPECT_FALSE(one.over(clock));
    clock.advance(kNsPerSecond);
    clock.set_wall(kNow - 3600 * kNsPerSecond);
    EXPECT_TRUE(one.over(clock));
}

TEST_F(Admission, a_permit_given_up_leaves_unknown) {
    const SessionPtr one = session({});
    admit(one, asked("s3:GetObject")).value();
    const std::vector<Record> records = recorder.records(one->log().no());
    ASSERT_EQ(records.size(), 3u);
    EXPECT_EQ(records[2].kind, RecordKind::unknown);
    EXPECT_EQ(gate.inside(), 0u);
}

TEST_F(Admission, a_body_that_cannot_be_recorded_is_not_sent) {
    const SessionPtr one = session({});
    // The INTENT is a write and a sync of its own; the body's write comes after them.
    recorder.fs.set_faults({.write_error_at = recorder.fs.writes() + 2, .times = 1'000'000});
    EXPECT_FALSE(admit(one, asked("s3:PutObject", kInlineBodyMax + 1)).has_value());
    recorder.fs.set_faults({});
    ASSERT_TRUE(soon([&] {
        return recorder.wait<bool>([&]() -> net::Task<bool> {
            codec::Map fields = {{"reason", "ended"}};
            const auto closed = co_await one->log().close(std::move(fields), false);
            co_return closed.has_value();
        });
    }));
    const std::vector<Record> records = recorder.records(one->log().no());
    EXPECT_EQ(records.at(records.size() - 2).kind, RecordKind::not_sent);
}

TEST_F(Admission, a_permit_exists_once_its_intent_survives_a_power_cut) {
    const SessionPtr one = session({});
    {
        const auto allowed = admit(one, asked("s3:GetObject"));
        ASSERT_TRUE(allowed.value().permit.has_value());
        recorder.fs.power_cut();
    }
    const std::vector<Record> records = recorder.records(one->log().no());
    ASSERT_GE(records.size(), 2u);
    EXPECT_EQ(records[1].kind, RecordKind::intent);
    EXPECT_EQ(records[1].observed().find("decision")->text("verdict"), "allow");
}

TEST_F(Admission, the_receipt_names_the_intent_and_the_request_it_is_for) {
    const SessionPtr one = session({});
    Asked question = asked("s3:GetObject");
    question.request_digest = crypto::sha256(as_bytes("the request to AWS"));
    const auto allowed = admit(one, question);
    recording::Receipt receipt = allowed.value().permit->receipt();
    EXPECT_EQ(receipt.part, one->log().no());
    EXPECT_EQ(receipt.sequence, allowed.value().op);
    EXPECT_EQ(receipt.request_digest, question.request_digest);
    EXPECT_TRUE(recording::is_genuine(as_bytes("receipt key"), receipt));
    receipt.request_digest = crypto::sha256(as_bytes("another request"));
    EXPECT_FALSE(recording::is_genuine(as_bytes("receipt key"), receipt));
}

TEST_F(Admission, what_the_scope_does_not_allow_is_on_record_without_a_permit) {
    const SessionPtr one = session({});
    const auto denied = admit(one, asked("sqs:SendMessage"));
    EXPECT_FALSE(denied.value().permit.has_value());
    EXPECT_EQ(denied.value().record, "ns-test#1");
    const std::vector<Record> records = recorder.records(one->log().no());
    ASSERT_EQ(records.size(), 2u);
    EXPECT_EQ(records[1].observed().find("decision")->text("verdict"), "deny");
}

TEST_F(Admission, what_a_request_carries_must_be_allowed_as_well) {
    const SessionPtr one = session({});
    for (const char* inside : {"s3:GetObject", "sqs:SendMessage"}) {
        Asked question = asked("s3:GetObject");
        question.carried = {"PresignedUrl", "eu-west-1", "h", *asked(inside).operation};
        const auto admission = admit(one, std::move(question));
        const bool allowed = std::string(inside) == "s3:GetObject";
        EXPECT_EQ(admission.value().permit.has_value(), allowed);
        EXPECT_EQ(admission.value().decision.action, inside);
        EXPECT_NE(admission.value().decision.why.find(
                      "Of the URL in PresignedUrl: " + std::string(inside) + " on "),
                  std::string::npos);
    }
    Asked neither = asked("sqs:SendMessage");
    neither.carried = {"PresignedUrl", "eu-west-1", "h", *asked("s3:GetObject").operation};
    EXPECT_FALSE(admit(one, std::move(neither)).value().permit.has_value());
    const std::vector<Record> records = recorder.records(one->log().no());
    const codec::Value& carried = *records[1].payload.find("derived")->find("carried");
    EXPECT_EQ(carried.text("region"), "eu-west-1");
    EXPECT_EQ(carried.text("parameter"), "PresignedUrl");
    EXPECT_EQ(carried.find("access")->as<codec::List>()->front().text("action"), "s3:GetObject");
}

TEST_F(Admission, nothing_is_allowed_after_the_end_or_the_expiry) {
    const SessionPtr ended = session({});
    ended->end({"killed", "ci", std::nullopt});
    EXPECT_EQ(admit(ended, asked("s3:GetObject")).value().decision.reason, Reason::session_over);
    const SessionPtr expired = session({});
    clock.set_wall(expired->terms().expires_at);
    EXPECT_EQ(admit(expired, asked("s3:GetObject")).value().decision.reason, Reason::session_over);
    EXPECT_EQ(gate.inside(), 0u);
}

TEST_F(Admission, what_could_not_be_recorded_whole_is_not_let_through) {
    const SessionPtr one = session({});
    recorder.fs.set_faults({.capacity = 1});
    Asked upload = asked("s3:PutObject");
    upload.seen.body_size = 1ull << 40;
    upload.seen.body_streams = true;
    // That no space is left is learned when more is to be reserved; until then things go on.
    for (int more = 0; more < 20 && recorder.journal->can_open_session(); ++more) {
        (void)admit(one, asked("s3:PutObject", 256 << 10)).has_value();
    }
    // A lane that needed a new segment before that refuses altogether: then not even the refusal
    // is on record.
    const auto refused = admit(one, upload);
    EXPECT_TRUE(!refused.has_value() || refused.value().decision.reason == Reason::cannot_record);
}

TEST_F(Admission, a_budget_stops_its_own_session_alone) {
    const SessionPtr limited = session({.in_flight_max = 1});
    const auto first = admit(limited, asked("s3:GetObject"));
    ASSERT_TRUE(first.value().permit.has_value());
    const auto second = admit(limited, asked("s3:GetObject"));
    EXPECT_EQ(second.value().decision.reason, Reason::budget);
    EXPECT_FALSE(second.value().permit.has_value());
    const SessionPtr other = session({.bytes_max = 10});
    EXPECT_TRUE(admit(other, asked("s3:PutObject", 10)).value().permit.has_value());
    EXPECT_EQ(admit(other, asked("s3:PutObject", 1)).value().decision.reason, Reason::budget);
    EXPECT_EQ(gate.inside(), 1u);
}

TEST_F(Admission, the_lobby_counts_what_is_beyond_its_budget) {
    Lobby lobby(recorder.opened_part(), 8'000);
    std::uint64_t recorded = 0;
    for (int attempt = 0; attempt < 20; ++attempt) {
        const auto refused = recorder.wait<Result<session::Admission>>(
            [&]() -> net::Task<Result<session::Admission>> {
                co_return co_await lobby.refuse(asked("s3:GetObject", 1'000));
            });
        EXPECT_FALSE(refused.value().permit.has_value());
        recorded += refused.value().record.ends_with("#-") ? 0 : 1;
    }
    EXPECT_GT(recorded, 0u);
    EXPECT_LT(recorded, 8u) << "8 bodies of 1,000 bytes and their records are beyond the budget";
    EXPECT_EQ(recorded + lobby.counted(), 20u);
}

}  // namespace
}  // namespace narrows::session
