#include "apps/client/client_commands.h"

#include <gtest/gtest.h>

#include "apps/client/delivery_folder.h"
#include "apps/client/launcher.h"

namespace narrows::client {
namespace {

TEST(Client, lifetime_units) {
    EXPECT_EQ(lifetime_seconds("").value(), 0);
    EXPECT_EQ(lifetime_seconds("90s").value(), 90);
    EXPECT_EQ(lifetime_seconds("15m").value(), 900);
    EXPECT_EQ(lifetime_seconds("12h").value(), 43'200);
    EXPECT_EQ(lifetime_seconds("3600").value(), 3600);
    for (const char* bad : {"0", "h", "-1h", "13h", "1d", "1.5h", "99999999999999999999"}) {
        EXPECT_FALSE(lifetime_seconds(bad)) << bad;
    }
}

}  // namespace
}  // namespace narrows::client
