#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/clock_state.h"
#include "base/result.h"
#include "base/secret.h"

namespace narrows {
namespace {

constexpr WallNs kNoon = 1'795'435'200'123'000'000;  // 2026-11-23T12:00:00.123Z

Result<int> half(int value) {
    if (value % 2 != 0) {
        return fail(ErrorCode::invalid, "odd");
    }
    return value / 2;
}

Result<int> quarter(int value) {
    NARROWS_TRY(const int once, half(value));
    return half(once);
}

TEST(Result, carries_value_or_error) {
    EXPECT_EQ(quarter(8).value(), 2);
    EXPECT_EQ(quarter(6).error().what, "odd");
}

TEST(ByteReader, overrun_is_sticky_and_yields_zero) {
    const Bytes bytes = {1, 0, 0, 0, 9};
    ByteReader reader(bytes);
    EXPECT_EQ(reader.le<std::uint32_t>(), 1u);
    EXPECT_EQ(reader.le<std::uint32_t>(), 0u);
    EXPECT_TRUE(reader.overrun());
    EXPECT_EQ(reader.remaining(), 0u);
}

TEST(Clock, formats) {
    EXPECT_EQ(rfc3339(kNoon), "2026-11-23T12:00:00.123Z");
    EXPECT_EQ(iso_basic(kNoon), "20261123T120000Z");
    EXPECT_EQ(imf_fixdate(kNoon), "Mon, 23 Nov 2026 12:00:00 GMT");
}

/// A machine on which something takes long between any two reads of a clock.
class PausedClock final : public Clock {
  public:
    WallNs wall() const override { return now() + set_by; }
    MonoNs mono() const override { return now(); }
    std::int64_t pause = 0;
    std::int64_t set_by = 0;

  private:
    std::int64_t now() const { return now_ += pause; }
    mutable std::int64_t now_ = 0;
};

TEST(JumpWatch, tells_a_clock_that_was_set_and_not_a_thread_that_was_paused) {
    PausedClock clock;
    JumpWatch watch;
    EXPECT_EQ(watch.look(clock), 0);
    for (const std::int64_t pause : {kNsPerMs, 3 * kNsPerSecond, 100 * kNsPerMs}) {
        clock.pause = pause;
        EXPECT_EQ(watch.look(clock), 0) << pause;
    }
    clock.pause = 0;
    clock.set_by = -2 * kNsPerSecond;
    EXPECT_EQ(watch.look(clock), -2 * kNsPerSecond - 100 * kNsPerMs);
    EXPECT_EQ(watch.look(clock), 0);
}

TEST(JumpWatch, what_a_pause_hid_is_told_by_the_next_look) {
    PausedClock clock;
    JumpWatch watch;
    EXPECT_EQ(watch.look(clock), 0);
    clock.set_by = 5 * kNsPerSecond;
    clock.pause = 3 * kNsPerSecond;
    EXPECT_EQ(watch.look(clock), 0);
    clock.pause = 0;
    EXPECT_EQ(watch.look(clock), 5 * kNsPerSecond);
}

TEST(Secret, is_empty_after_a_move) {
    Secret first(std::string_view("hunter2"));
    const Secret second = std::move(first);
    EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): the contract under test
    EXPECT_EQ(second.text(), "hunter2");
}

}  // namespace
}  // namespace narrows
