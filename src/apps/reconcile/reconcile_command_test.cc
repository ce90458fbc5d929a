#include "apps/reconcile/reconcile_command.h"

#include <gtest/gtest.h>

namespace narrows::apps {
namespace {

TEST(ReconcileCommand, durations) {
    EXPECT_EQ(duration_s("90s"), 90);
    EXPECT_EQ(duration_s("15m"), 900);
    EXPECT_EQ(duration_s("24h"), 86400);
    EXPECT_EQ(duration_s("0s"), 0);
    for (const char* wrong :
         {"", "s", "15", "15d", "-1h", "1h ", "1.5h", "169h", "99999999999999999999s"}) {
        EXPECT_FALSE(duration_s(wrong)) << wrong;
    }
}

}  // namespace
}  // namespace narrows::apps
