#include <gtest/gtest.h>

#include "evidence/store_test.h"
#include "io/faulty.h"
#include "review/export.h"
#include "review/limits.h"
#include "review/recording.h"

namespace narrows::review {
namespace {

namespace store = evidence::testing;
using store::Map;
using store::observed;
using store::RecordKind;

/// A reader without keys.
Source at(io::FileSystem& fs) {
    static std::vector<std::unique_ptr<evidence::KeyRing>> rings;
    rings.push_back(std::make_unique<evidence::KeyRing>(fs, "/data"));
    return {fs, "/data", *rings.back()};
}

std::vector<OperationView> operations_of(io::FileSystem& fs, Limits& limits,
                                         const ReadOptions& options = {}) {
    std::vector<OperationView> all;
    const auto sessions = list_sessions(at(fs)).value();
    const RecordingSink sink{[&](const EventView& event) { limits.add(event); },
                             [&](const OperationView& operation) {
                                 limits.add(operation);
                                 all.push_back(operation);
                             }};
    EXPECT_TRUE(read_recording(at(fs), sessions.back(), options, sink));
    return all;
}

bool say(const std::vector<std::string>& sentences, std::string_view words) {
    return std::any_of(sentences.begin(), sentences.end(), [&](const std::string& each) {
        return each.find(words) != std::string::npos;
    });
}

TEST(Review, a_session_goes_on_in_a_second_part) {
    io::FaultyFileSystem disk;
    store::Store made(disk);
    made.begin();
    made.operation();
    made.put(RecordKind::unknown, observed({{"op", made.intent("allow")}, {"why", "restart"}}));
    made.close("interrupted");
    made.begin();
    const SessionSummary open = list_sessions(at(disk)).value().back();
    EXPECT_EQ(open.completeness, Completeness::open);
    EXPECT_EQ(open.end, 0);
    made.close();
    made.stop();
    const SessionSummary session = list_sessions(at(disk)).value().back();
    EXPECT_EQ(session.parts.size(), 2u);
    EXPECT_EQ(session.operations, 2u);
    EXPECT_EQ(session.unknown, 1u);
    EXPECT_EQ(session.bytes, 15u);
    EXPECT_EQ(session.completeness, Completeness::interrupted);
}

TEST(Review, a_declared_gap_shows) {
    io::FaultyFileSystem disk;
    store::Store made(disk);
    made.begin();
    made.put(RecordKind::gap, observed({{"first", 7}, {"last", 9}, {"why", "torn"}}));
    made.close();
    made.stop();
    EXPECT_EQ(list_sessions(at(disk)).value().back().completeness, Completeness::gaps);
}

TEST(Review, sessions_are_found_by_id_beginning_or_last) {
    std::vector<SessionSummary> sessions(2);
    sessions[0].session = "ns-aaaa";
    sessions[1].session = "ns-aabb";
    EXPECT_EQ(find_session(sessions, "ns-aaaa").value().session, "ns-aaaa");
    EXPECT_EQ(find_session(sessions, "ns-aab").value().session, "ns-aabb");
    EXPECT_EQ(find_session(sessions, "aaa").value().session, "ns-aaaa");
    EXPECT_EQ(find_session(sessions, "last").value().session, "ns-aabb");
    EXPECT_EQ(find_session(sessions, "ns-aa").error().code, ErrorCode::invalid);
    EXPECT_EQ(find_session(sessions, "ns-c").error().code, ErrorCode::not_found);
    EXPECT_EQ(find_session({}, "last").error().code, ErrorCode::not_found);
}

TEST(Review, one_session_is_summed_up_without_the_others) {
    io::FaultyFileSystem disk;
    store::Store made(disk);
    made.begin("ns-other");
    made.operation();
    made.close();
    made.begin();
    made.operation();
    made.close("interrupted");
    made.begin("ns-third");
    made.put(RecordKind::gap, observed({{"first", 7}, {"last", 9}, {"why", "torn"}}));
    made.close();
    made.stop();
    const SessionSummary session = read_session(at(disk), store::kSession).value();
    EXPECT_EQ(session.session, store::kSession);
    EXPECT_EQ(session.operations, 1u);
    EXPECT_EQ(session.bytes, 15u);
    EXPECT_EQ(session.completeness, Completeness::interrupted);
    EXPECT_EQ(read_session(at(disk), "last").value().completeness, Completeness::gaps);
    EXPECT_EQ(read_session(at(disk), "ns-q").error().code, ErrorCode::not_found);
}

TEST(Review, operations_come_in_the_order_they_were_asked) {
    io::FaultyFileSystem disk;
    store::Store made(disk);
    made.begin();
    const auto first = made.intent("allow");
    const auto second = made.operation();
    made.sent(first);
    made.result(first, "");
    made.stop();
    Limits limits;
    const auto all = operations_of(disk, limits, {.body_bytes_max = 4, .only = {}, .body = {}});
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].op.value(), first);
    EXPECT_EQ(all[1].op.value(), second);
    EXPECT_EQ(all[1].response.size, 15u);
    EXPECT_EQ(to_string(all[1].response.bytes), "hell");
    EXPECT_EQ(all[1].outcome_words(), "200");
}

TEST(Review, what_a_recording_cannot_show_comes_from_its_records) {
    io::FaultyFileSystem disk;
    store::Store made(disk);
    made.begin();
    made.intent("allow", Map{}, "delegate");
    const auto secret = made.intent("allow", Map{}, "credential");
    made.sent(secret);
    made.put(RecordKind::result, observed({{"op", secret},
                                           {"outcome", "answered"},
                                           {"withheld", codec::List{"SecretString"}}}));
    made.stop();
    Limits limits;
    operations_of(disk, limits);
    const auto sentences = limits.sentences(disk, "/data");
    EXPECT_TRUE(say(sentences, "The agent had no other way to AWS."));
    EXPECT_TRUE(say(sentences, "set it in motion: s3:GetObject"));
    EXPECT_TRUE(say(sentences, "credentials that were returned: s3:GetObject"));
    EXPECT_TRUE(say(sentences, "withheld"));
    EXPECT_TRUE(say(sentences, "1 operations that were let through"));
    EXPECT_TRUE(say(sentences, "no end on record"));
    EXPECT_TRUE(say(sentences, "no outside anchor"));
    EXPECT_TRUE(say(sentences, "CloudTrail"));
    EXPECT_FALSE(say(sentences, "tunnels"));
}

TEST(Review, up_to_when_a_recording_is_anchored_is_said_with_it) {
    io::FaultyFileSystem disk;
    store::Store made(disk);
    made.begin();
    made.add({5, evidence::CosignEntry{"w1", "", 1, 1'764'000'000, Bytes(72)}});
    made.add({1'764'003'600 * kNsPerSecond, evidence::AnchorEntry{"usb", "directory", 2}});
    made.stop();
    Limits limits;
    operations_of(disk, limits);
    const auto sentences = limits.sentences(disk, "/data");
    EXPECT_TRUE(say(sentences, "recorded after 2025-11-24T17:00:00.000Z"));
    EXPECT_TRUE(say(sentences, "anchor usb, 2 entries"));
    EXPECT_FALSE(say(sentences, "no outside anchor"));
}

TEST(Review, what_a_request_withholds_is_told_without_any_outcome) {
    io::FaultyFileSystem disk;
    store::Store made(disk);
    made.begin();
    made.intent("deny", Map{{"withheld", true}});
    made.stop();
    Limits limits;
    const auto all = operations_of(disk, limits);
    EXPECT_EQ(withheld_of(all.at(0)), std::vector<std::string>{"request body"});
    EXPECT_TRUE(say(limits.sentences(disk, "/data"), "by name only: s3:GetObject"));
}

TEST(Review, parameters_that_are_withheld_are_told_by_their_paths) {
    io::FaultyFileSystem disk;
    store::Store made(disk);
    made.begin();
    const codec::Value commitment = Map{{"$withheld", Map{{"size", 9}, {"hmac", "ab"}}}};
    const codec::Value parameters =
        Map{{"Name", "db"},
            {"Users", codec::List{Map{{"Password", commitment}}, Map{{"Password", commitment}}}}};
    made.put(
        RecordKind::intent,
        Map{{"observed", Map{{"op", 2}, {"decision", Map{{"verdict", "allow"}}}}},
            {"derived",
             Map{{"service", "mq"}, {"operation", "CreateBroker"}, {"parameters", parameters}}}});
    made.stop();
    Limits limits;
    const auto all = operations_of(disk, limits);
    EXPECT_EQ(withheld_of(all.at(0)), std::vector<std::string>{"Users.Password"});
    EXPECT_TRUE(say(limits.sentences(disk, "/data"), "by name only: mq:CreateBroker"));
}

}  // namespace
}  // namespace narrows::review
