#include "apps/client/client_commands.h"

#include <algorithm>
#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace narrows::apps {
namespace {

/// Parses one command line and returns its exit code; 2 if it does not parse.
int run(std::vector<std::string> arguments) {
    CLI::App app;
    app.require_subcommand(1);
    int exit_code = -1;
    register_client_commands(app, exit_code);
    std::reverse(arguments.begin(), arguments.end());
    try {
        app.parse(arguments);
    } catch (const CLI::ParseError&) {
        return 2;
    }
    return exit_code;
}

class ClientCommands : public testing::Test {
  protected:
    void SetUp() override {
        setenv("NARROWS_OPERATOR", "http://127.0.0.1:1", 1);
        setenv("NARROWS_AGENT_KEY", "k", 1);
    }
    void TearDown() override {
        unsetenv("NARROWS_OPERATOR");
        unsetenv("NARROWS_AGENT_KEY");
    }
};

TEST_F(ClientCommands, run_without_task_agent_or_command_is_usage) {
    EXPECT_EQ(run({"run", "--agent", "a", "--task", "", "--connection", "c", "--", "true"}), 2);
    EXPECT_EQ(run({"run", "--task", "t", "--connection", "c", "--", "true"}), 2);
    EXPECT_EQ(run({"run", "--agent", "a", "--task", "t", "--", "true"}), 2);
    EXPECT_EQ(run({"run", "--agent", "a", "--task", "t", "--connection", "c"}), 2);
}

TEST_F(ClientCommands, run_without_a_gateway_cannot_tell) {
    EXPECT_EQ(run({"run", "--agent", "a", "--task", "t", "--connection", "c", "--", "true"}), 3);
    EXPECT_EQ(run({"session", "list"}), 3);
    EXPECT_EQ(run({"session", "kill", "ns-a"}), 3);
}

TEST_F(ClientCommands, options_after_the_dashes_are_the_commands) {
    EXPECT_EQ(run({"run", "--agent", "a", "--task", "t", "--connection", "c", "--", "sh", "-c",
                   "--json", "--", "run", "--agent"}),
              3);
}

TEST_F(ClientCommands, a_key_is_never_an_argument) {
    EXPECT_EQ(run({"run", "--agent", "a", "--agent-key", "k", "--task", "t", "--connection", "c",
                   "--", "true"}),
              2);
}

TEST_F(ClientCommands, credentials_outside_a_session_is_usage) {
    unsetenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    EXPECT_EQ(run({"credentials", "--connection", "c"}), 2);
}

TEST_F(ClientCommands, key_names_are_ids) {
    EXPECT_EQ(run({"key", "new", "--kind", "agent", "reader"}), 0);
    EXPECT_EQ(run({"key", "new", "--kind", "agent", "a\"b"}), 2);
    EXPECT_EQ(run({"key", "new", "--kind", "king", "reader"}), 2);
}

TEST_F(ClientCommands, doctor_asks_where) {
    EXPECT_EQ(run({"doctor"}), 2);
    EXPECT_EQ(run({"doctor", "--config", "x", "--in-sandbox"}), 2);
    EXPECT_EQ(run({"doctor", "--config", "/does/not/exist"}), 1);
}

TEST_F(ClientCommands, scope_explain_asks_what) {
    EXPECT_EQ(run({"scope", "explain"}), 2);
    EXPECT_EQ(run({"scope", "explain", "--operation", "s3:GetObject"}), 0);
    EXPECT_EQ(run({"scope", "check", "/does/not/exist"}), 2);
}

}  // namespace
}  // namespace narrows::apps
