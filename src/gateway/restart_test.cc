#include <gtest/gtest.h>

#include "gateway/gateway_test.h"

namespace narrows::gateway {
namespace {

using model::RecordKind;
using testing::Boot;
using testing::Folder;
using testing::Record;

void begin_operation(Boot& boot, session::Session& session) {
    const bool taken = boot.wait<bool>([&]() -> net::Task<bool> {
        auto payload = [](model::Sequence op) {
            codec::Map decision{{"verdict", "allow"}};
            return recording::observed({{"op", op.value()}, {"decision", std::move(decision)}});
        };
        const auto intent = co_await session.log().intent(payload, crypto::Digest(), true);
        co_return intent.has_value();
    });
    ASSERT_TRUE(taken);
}

TEST(Restart, an_unfinished_operation_becomes_unknown_and_the_session_goes_on) {
    const Folder folder;
    std::string id;
    std::string key_id;
    {
        Boot boot(folder);
        const session::SessionPtr session = boot.session();
        id = session->terms().id.value();
        key_id = session->terms().connections.front().key_id;
        begin_operation(boot, *session);
    }
    {
        Boot boot(folder);
        const session::SessionPtr session = boot.runtime->sessions.find(model::SessionId(id));
        ASSERT_TRUE(session);
        EXPECT_EQ(session->terms().connections.front().key_id, key_id);
    }
    EXPECT_EQ(folder.records(RecordKind::unknown).size(), 1u);
}

TEST(Restart, a_session_that_was_being_killed_stays_dead) {
    const Folder folder;
    {
        Boot boot(folder);
        const session::SessionPtr session = boot.session();
        // What end_session does before its first record: a crash follows.
        ASSERT_TRUE(boot.runtime->kept->end(session->terms().id.value(), system_clock().wall()));
    }
    {
        Boot boot(folder);
        EXPECT_TRUE(boot.runtime->sessions.all().empty());
    }
}

TEST(Restart, killing_is_on_record_before_close) {
    const Folder folder;
    {
        Boot boot(folder);
        ASSERT_TRUE(boot.end(boot.session(), "killed").has_value());
        EXPECT_TRUE(boot.runtime->sessions.all().empty());
    }
    const std::vector<Record> notices = folder.records(RecordKind::notice);
    ASSERT_EQ(notices.size(), 1u);
    EXPECT_EQ(notices[0].observed().text("what"), "ending");
    EXPECT_EQ(notices[0].observed().text("reason"), "killed");
    Boot again(folder);
    EXPECT_TRUE(again.runtime->sessions.all().empty());
}

TEST(Restart, a_drained_session_goes_on_once) {
    const Folder folder;
    {
        Boot boot(folder);
        ASSERT_TRUE(boot.end(boot.session(), "drained").has_value());
    }
    for (int start = 0; start < 3; ++start) {
        Boot boot(folder);
        EXPECT_EQ(boot.runtime->sessions.all().size(), 1u);
    }
}

TEST(Restart, a_session_goes_on_under_the_configuration_in_force_and_says_so) {
    const Folder folder;
    { Boot(folder).session(); }
    folder.write("narrows.toml", Folder::config("endpoint = \"http://127.0.0.1:5000\""));
    { Boot boot(folder); }
    const Record open = folder.records(RecordKind::open).back();
    const codec::List& connections = *open.observed().find("connections")->as<codec::List>();
    EXPECT_EQ(connections.front().text("endpoint"), "http://127.0.0.1:5000");
    const std::vector<Record> configs = folder.records(RecordKind::config);
    EXPECT_EQ(open.observed().find("digests")->text("config"),
              configs.back().observed().text("digest"));
}

TEST(Restart, what_a_session_may_ask_unsigned_stays_as_it_was_granted) {
    const Folder folder;
    folder.write("narrows.toml", Folder::config("unsigned = [\"cognito-idp:SignUp\"]"));
    { Boot(folder).session(); }
    folder.write("narrows.toml", Folder::config());
    Boot boot(folder);
    const auto sessions = boot.runtime->sessions.all();
    ASSERT_EQ(sessions.size(), 1u);
    const session::Connection& granted = sessions[0]->terms().connections.front();
    EXPECT_TRUE(granted.names_unsigned("cognito-idp:SignUp"));
    EXPECT_FALSE(granted.names_unsigned("cognito-idp:GetUser"));
}

TEST(Restart, a_session_whose_grant_is_gone_does_not_go_on_then_or_later) {
    const Folder folder;
    { Boot(folder).session(); }
    folder.write("narrows.toml", Folder::config("", "self_start = true"));
    {
        Boot boot(folder);
        EXPECT_TRUE(boot.runtime->sessions.all().empty());
    }
    folder.write("narrows.toml", Folder::config());
    Boot boot(folder);
    EXPECT_TRUE(boot.runtime->sessions.all().empty());
}

identity::Identity by_key(const char* id) {
    return {id, identity::Method::key, "", {}, {}, 0};
}

identity::Identity by_token(const char* id, const char* token) {
    const WallNs expires = system_clock().wall() + 300 * kNsPerSecond;
    return {id, identity::Method::oidc, "", {}, crypto::sha256(token), expires};
}

Start start_of(identity::Identity launcher, identity::Identity agent) {
    Start start;
    start.launcher = std::move(launcher);
    start.agent = std::move(agent);
    start.task.title = "a task";
    start.connections = {"c1"};
    return start;
}

void opens_one_session(const Start& start) {
    const Folder folder;
    {
        Boot boot(folder);
        ASSERT_TRUE(boot.start(start).has_value());
        const Result<Started> again = boot.start(start);
        ASSERT_FALSE(again.has_value());
        EXPECT_EQ(again.error().code, ErrorCode::conflict);
    }
    const Result<Started> later = Boot(folder).start(start);
    ASSERT_FALSE(later.has_value());
    EXPECT_EQ(later.error().code, ErrorCode::conflict);
}

TEST(Restart, a_token_that_opened_a_session_opens_no_other) {
    opens_one_session(start_of(by_key("ci"), by_token("reader", "a token")));
    opens_one_session(start_of(by_token("ci", "a token"), by_key("reader")));
    opens_one_session(start_of(by_token("ci", "one for both"), by_token("reader", "one for both")));
}

}  // namespace
}  // namespace narrows::gateway
