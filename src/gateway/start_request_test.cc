#include "gateway/start_request.h"

#include <gtest/gtest.h>

namespace narrows::gateway {
namespace {

identity::Enrolment enrolled(const Secret& key) {
    identity::Enrolment enrolment;
    enrolment.key_sha256 = identity::key_digest(key.text());
    return enrolment;
}

class StartRequest : public testing::Test {
  protected:
    Result<Start> prove(const std::string& launcher, const std::string& body) {
        identity::Authenticator authenticator(registry_, keys_, replays_, clock_, "gw-1");
        return prove_start(authenticator, launcher, body);
    }
    std::string body(const std::string& members) const {
        return R"({"agent":"a","agent_key":")" + std::string(agent_key_.text()) +
               R"(","connections":["c"])" + members + "}";
    }
    std::string launcher() const { return std::string(launcher_key_.text()); }

    Secret launcher_key_ = identity::new_key(identity::KeyKind::launcher);
    Secret agent_key_ = identity::new_key(identity::KeyKind::agent);
    ManualClock clock_{kNsPerSecond};
    identity::Registry registry_{
        {}, {{"ci", enrolled(launcher_key_)}}, {{"a", enrolled(agent_key_)}}, {}};
    identity::KeySources keys_;
    identity::ReplayMemory replays_;
};

TEST_F(StartRequest, names_launcher_agent_and_task) {
    const Result<Start> start =
        prove(launcher(), body(R"(,"task":{"title":"t"},"principal":"ada","lifetime_s":60)"));
    ASSERT_TRUE(start.has_value()) << start.error().what;
    EXPECT_EQ(start.value().launcher->id, "ci");
    EXPECT_EQ(start.value().agent.id, "a");
    EXPECT_EQ(start.value().task.title, "t");
    EXPECT_EQ(start.value().principal, "ada");
    EXPECT_EQ(start.value().lifetime_s, 60);
}

TEST_F(StartRequest, without_a_launcher_the_agent_starts_itself) {
    const Result<Start> start = prove("", body(R"(,"task":{"title":"t"})"));
    ASSERT_TRUE(start.has_value()) << start.error().what;
    EXPECT_FALSE(start.value().launcher.has_value());
}

TEST_F(StartRequest, no_task_no_session) {
    EXPECT_EQ(prove(launcher(), body("")).error().code, ErrorCode::invalid);
    EXPECT_EQ(prove(launcher(), body(R"(,"task":{"title":""})")).error().code, ErrorCode::invalid);
}

TEST_F(StartRequest, a_stranger_is_refused_before_the_body_is_read) {
    EXPECT_EQ(prove("wrong", "{").error().code, ErrorCode::unauthenticated);
    EXPECT_EQ(prove(std::string(agent_key_.text()), "{").error().code, ErrorCode::unauthenticated);
    EXPECT_EQ(prove(launcher(), R"({"agent":"a","agent_key":"no","connections":["c"],)"
                                R"("task":{"title":"t"}})")
                  .error()
                  .code,
              ErrorCode::unauthenticated);
}

TEST_F(StartRequest, members_that_are_not_known_are_refused) {
    const std::string task = R"(,"task":{"title":"t"})";
    EXPECT_EQ(prove(launcher(), body(task + R"(,"scope":"*")")).error().code, ErrorCode::invalid);
    EXPECT_EQ(prove(launcher(), body(task + task)).error().code, ErrorCode::invalid);
    EXPECT_EQ(prove(launcher(), body(task + R"(,"agent_token":"t")")).error().code,
              ErrorCode::invalid);
}

}  // namespace
}  // namespace narrows::gateway
