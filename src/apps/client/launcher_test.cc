#include "apps/client/launcher.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apps/client/output.h"
#include "codec/json.h"

namespace narrows::client {
namespace {

using testing::HasSubstr;

StartOptions whole() {
    StartOptions options;
    options.agent = "reader";
    options.task = "weekly report";
    options.connections = {"reports-ro", "queue"};
    return options;
}

TEST(Output, a_clear_no_is_an_answer_and_no_answer_leaves_it_open) {
    std::ostringstream out;
    std::ostringstream err;
    const Output to{out, err};
    for (const ErrorCode code : {ErrorCode::unauthenticated, ErrorCode::denied,
                                 ErrorCode::not_found, ErrorCode::conflict}) {
        EXPECT_EQ(operator_failed(to, {code, "no"}), 1) << name_of(code);
    }
    EXPECT_EQ(operator_failed(to, {ErrorCode::invalid, "what?"}), 2);
    EXPECT_EQ(operator_failed(to, {ErrorCode::unavailable, "nobody there"}), 3);
}

TEST(Output, an_error_is_a_sentence_or_one_line_of_json) {
    std::ostringstream out;
    std::ostringstream err;
    failed({out, err}, {ErrorCode::denied, "no \x1b[31mgrant"});
    EXPECT_EQ(err.str().find('\x1b'), std::string::npos);
    EXPECT_THAT(err.str(), HasSubstr("narrows: no "));
    err.str("");
    failed({out, err, true}, {ErrorCode::denied, "no \"grant\"\n"});
    EXPECT_EQ(err.str(), "{\"error\":\"denied\",\"message\":\"no \\\"grant\\\"\\n\"}\n");
    EXPECT_EQ(out.str(), "");
}

TEST(Lifetime, units) {
    EXPECT_EQ(lifetime_seconds("").value(), 0);
    EXPECT_EQ(lifetime_seconds("90s").value(), 90);
    EXPECT_EQ(lifetime_seconds("15m").value(), 900);
    EXPECT_EQ(lifetime_seconds("12h").value(), 43'200);
    EXPECT_EQ(lifetime_seconds("3600").value(), 3600);
}

TEST(Lifetime, refuses_what_is_no_time) {
    for (const char* bad : {"0", "0h", "h", "-1h", "13h", "43201", "1d", "1.5h", " 1h", "1 h",
                            "99999999999999999999999999h"}) {
        EXPECT_FALSE(lifetime_seconds(bad)) << bad;
    }
}

TEST(StartBody, holds_what_was_said_and_nothing_empty) {
    StartOptions options = whole();
    options.lifetime = "30m";
    options.principal = "ada@example.com";
    options.reason = "the \"Monday\" meeting";
    EXPECT_EQ(codec::json_encode(start_body(options, "k", "").value()),
              R"({"agent":"reader","agent_key":"k","connections":["reports-ro","queue"],)"
              R"("lifetime_s":1800,"principal":"ada@example.com",)"
              R"("task":{"reason":"the \"Monday\" meeting","title":"weekly report"}})");
}

TEST(StartBody, takes_a_token_instead_of_a_key) {
    const codec::Value body = start_body(whole(), "", "a.b.c").value();
    EXPECT_EQ(body.text("agent_token"), "a.b.c");
    EXPECT_EQ(body.find("agent_key"), nullptr);
}

TEST(StartBody, no_task_no_session) {
    StartOptions options = whole();
    options.task = "";
    const auto body = start_body(options, "k", "");
    ASSERT_FALSE(body);
    EXPECT_EQ(body.error().code, ErrorCode::invalid);
    EXPECT_THAT(body.error().what, HasSubstr("no task, no session"));
}

TEST(StartBody, wants_agent_connection_and_one_proof) {
    StartOptions options = whole();
    options.agent = "";
    EXPECT_FALSE(start_body(options, "k", ""));
    options = whole();
    options.connections.clear();
    EXPECT_FALSE(start_body(options, "k", ""));
    EXPECT_FALSE(start_body(whole(), "", ""));
    EXPECT_FALSE(start_body(whole(), "k", "t"));
}

constexpr const char* kAnswer = R"({"session":"ns-abc","expires_at":"2026-11-23T08:00:00.000Z",
    "credentials":[{"connection":"a","access_key_id":"ASIA1","secret_access_key":"s","session_token":"t"},
                   {"connection":"b","access_key_id":"ASIA2","secret_access_key":"s","session_token":"t"}],
    "endpoint_url":"http://127.0.0.1:8400","region":"eu-central-1","regions":["eu-central-1"]})";

TEST(StartedSession, a_connection_without_region_has_the_first_ones) {
    const auto session = parse_started(codec::json_decode(kAnswer).value());
    ASSERT_TRUE(session);
    EXPECT_EQ(session.value().session, "ns-abc");
    ASSERT_EQ(session.value().credentials.size(), 2u);
    EXPECT_EQ(session.value().credentials[1].access_key_id, "ASIA2");
    EXPECT_EQ(session.value().regions[1], "eu-central-1");
}

TEST(StartedSession, an_answer_that_lacks_something_is_refused) {
    for (const char* bad : {"{}", "[]", "null", R"({"session":"ns-a","endpoint_url":"http://h"})",
                            R"({"session":"ns-a","endpoint_url":"http://h","credentials":[]})",
                            R"({"session":"ns-a","endpoint_url":"http://h","credentials":{}})"}) {
        EXPECT_FALSE(parse_started(codec::json_decode(bad).value())) << bad;
    }
}

/// A file with a key, gone when the test ends.
class KeyFile {
  public:
    explicit KeyFile(std::string_view text) { std::ofstream(path_) << text; }
    ~KeyFile() { std::remove(path_.c_str()); }
    const std::string& path() const { return path_; }

  private:
    std::string path_ = testing::TempDir() + "narrows-launcher-test-key";
};

TEST(OperatorOptions, refuses_urls_that_are_more_than_a_place) {
    for (const char* bad : {"localhost:8401", "ftp://h", "http://h/v1", "http://u:p@h", ""}) {
        OperatorOptions options;
        options.url = bad;
        EXPECT_EQ(Operator::make(options).has_value(), *bad == '\0') << bad;
    }
}

TEST(OperatorOptions, a_key_file_holds_one_line) {
    OperatorOptions options;
    const KeyFile two("one\ntwo\n");
    options.launcher_key_file = two.path();
    EXPECT_FALSE(Operator::make(options));
    const KeyFile one("one\n");
    EXPECT_TRUE(Operator::make(options));
    options.launcher_key_file = "/does/not/exist";
    EXPECT_FALSE(Operator::make(options));
}

TEST(OperatorOptions, nobody_there_is_said_with_the_place) {
    OperatorOptions options;
    options.url = "http://127.0.0.1:1";
    const auto sessions = Operator::make(options).value().sessions();
    ASSERT_FALSE(sessions);
    EXPECT_EQ(sessions.error().code, ErrorCode::unavailable);
    EXPECT_THAT(sessions.error().what, HasSubstr("http://127.0.0.1:1 does not answer"));
}

}  // namespace
}  // namespace narrows::client
