#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/clock.h"
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

TEST(Secret, is_empty_after_a_move) {
    Secret first(std::string_view("hunter2"));
    const Secret second = std::move(first);
    EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): the contract under test
    EXPECT_EQ(second.text(), "hunter2");
}

}  // namespace
}  // namespace narrows
