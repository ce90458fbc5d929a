#include "recorder/journal_watch.h"

#include <gtest/gtest.h>

namespace narrows::recorder {
namespace {

using journal::Condition;
using journal::Counters;
using journal::State;
using Names = std::vector<std::string>;

class JournalWatchTest : public testing::Test {
  protected:
    /// What is raised after so many seconds in which nothing changed.
    Names after(int seconds) {
        for (int i = 0; i < seconds; ++i) {
            now_ += kNsPerSecond;
            watch_.look(state, counters, now_, alarms);
            alarms.expire(now_);
        }
        Names names;
        for (const auto& [what, why] : alarms.active()) {
            EXPECT_FALSE(why.empty());
            names.push_back(what);
        }
        return names;
    }

    State state;
    Counters counters;
    Alarms alarms;

  private:
    JournalWatch watch_;
    MonoNs now_ = kNsPerSecond;
};

TEST_F(JournalWatchTest, conditions_are_alarms_as_long_as_they_last) {
    EXPECT_EQ(after(1), Names());
    state = {Condition::low_space, "no space"};
    EXPECT_EQ(after(1), Names{"disk full"});
    state = {Condition::refusing, "the disk takes no writes"};
    EXPECT_EQ(after(1), Names{"journal refuses"});
    EXPECT_EQ(alarms.active().at("journal refuses"), "the disk takes no writes");
    state = {};
    EXPECT_EQ(after(1), Names());
}

TEST_F(JournalWatchTest, a_fault_is_shown_for_an_hour_after_the_last_one) {
    EXPECT_EQ(after(1), Names());
    counters.control.faults = 1;
    EXPECT_EQ(after(3000), Names{"disk fault"});
    counters.bulk.faults = 1;
    EXPECT_EQ(after(3000), Names{"disk fault"});
    EXPECT_EQ(after(700), Names());
    EXPECT_EQ(alarms.take_for_log().size(), 4u);  // twice on, twice over
}

TEST_F(JournalWatchTest, syncs_that_take_long_are_a_slow_disk) {
    EXPECT_EQ(after(1), Names());
    counters.control.syncs = 10;
    counters.control.sync_us_sum = 10 * 99'000;
    EXPECT_EQ(after(5), Names());
    counters.control.syncs += 10;
    counters.control.sync_us_sum += 10 * 101'000;
    EXPECT_EQ(after(5), Names{"slow disk"});
    counters.bulk.syncs = 1;
    counters.bulk.sync_us_sum = 400;
    EXPECT_EQ(after(5), Names());
}

TEST_F(JournalWatchTest, a_sync_that_does_not_come_back_is_a_slow_disk) {
    counters.queued_frames = 3;
    EXPECT_EQ(after(1), Names());
    EXPECT_EQ(after(5), Names{"slow disk"});
    counters.queued_frames = 0;
    EXPECT_EQ(after(5), Names());
}

}  // namespace
}  // namespace narrows::recorder
