#include "apps/client/child.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace narrows::client {
namespace {

using testing::HasSubstr;

int run(const std::vector<std::string>& command, std::string* why = nullptr) {
    const SignalHold signals;
    std::string why_not_run;
    const Result<int> status =
        run_child(command, {"PATH=/usr/bin:/bin", "WORD=there"}, signals, why_not_run);
    if (why != nullptr) *why = why_not_run;
    return status ? status.value() : -1;
}

TEST(Child, exit_status_is_passed_on) {
    EXPECT_EQ(run({"true"}), 0);
    EXPECT_EQ(run({"sh", "-c", "exit 7"}), 7);
    EXPECT_EQ(run({"sh", "-c", "[ \"$WORD\" = there ]"}), 0);
}

TEST(Child, a_signal_is_128_and_its_number) {
    EXPECT_EQ(run({"sh", "-c", "kill -9 $$"}), 128 + 9);
    EXPECT_EQ(run({"sh", "-c", "kill -TERM $$"}), 128 + 15);
}

TEST(Child, what_cannot_be_run_says_why) {
    std::string why;
    EXPECT_EQ(run({"/does/not/exist"}, &why), 127);
    EXPECT_THAT(why, HasSubstr("/does/not/exist cannot be run: No such file"));
    EXPECT_EQ(run({"/etc/passwd"}, &why), 126);
}

TEST(Child, signals_sent_to_this_process_reach_it) {
    // The command asks its parent to end and ends only if that comes back to it.
    EXPECT_EQ(run({"sh", "-c",
                   "trap 'exit 42' TERM; kill -TERM $PPID; for i in 1 2 3 4 5 6; "
                   "do for j in 1 2 3 4 5 6 7 8 9; do sleep 1; done; done; exit 1"}),
              42);
}

TEST(Child, a_command_starts_with_the_signals_it_would_have_had) {
    EXPECT_EQ(run({"sh", "-c", "kill -INT $$; exit 1"}), 128 + 2);
}

TEST(SignalHold, what_comes_before_the_child_is_pending_once) {
    const SignalHold signals;
    EXPECT_EQ(signals.pending(), std::nullopt);
    kill(getpid(), SIGTERM);
    EXPECT_EQ(signals.pending(), SIGTERM);
    EXPECT_EQ(signals.pending(), std::nullopt);
}

}  // namespace
}  // namespace narrows::client
