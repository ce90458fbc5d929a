#include "apps/witness/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace narrows::apps {
namespace {

using testing::HasSubstr;

constexpr const char* kLog = "narrows/gw-1+f20ca31c+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";

std::string whole(const std::string& more = "") {
    return "[witness]\nname = \"witness.example/w1\"\nstate_dir = \"state\"\n" + more +
           "[[log]]\nkey = \"" + kLog + "\"\n";
}

std::string mistakes(const std::string& text) {
    const auto config = parse_witness_config(text, "etc/witness.toml");
    return config ? "" : config.error().what;
}

TEST(WitnessConfig, the_smallest_one_has_defaults_beside_its_file) {
    const auto config = parse_witness_config(whole(), "etc/witness.toml").value();
    EXPECT_EQ(config.state_dir, "etc/state");
    EXPECT_EQ(config.key, "etc/state/witness.key");
    EXPECT_EQ(gateway::to_string(config.listen), "127.0.0.1:8460");
    ASSERT_EQ(config.logs.size(), 1u);
    EXPECT_EQ(config.logs[0].origin, "narrows/gw-1");
    EXPECT_EQ(evidence::vkey_text(config.logs[0].keys.at(0)), kLog);
}

TEST(WitnessConfig, mistakes_are_told_with_their_place) {
    EXPECT_THAT(mistakes("x"), HasSubstr("etc/witness.toml:1:"));
    EXPECT_THAT(mistakes(""), HasSubstr("add [witness]"));
    EXPECT_THAT(mistakes(""), HasSubstr("add a [[log]]"));
    EXPECT_THAT(mistakes(whole("listn = \"\"\n")), HasSubstr("did you mean \"listen\""));
    EXPECT_THAT(mistakes(whole("listen = \"8460\"\n")), HasSubstr("host:port"));
    EXPECT_THAT(mistakes(whole("certificate = \"c.pem\"\n")), HasSubstr("stand together"));
    EXPECT_THAT(mistakes("[witness]\nname = \"a b\"\nstate_dir = \"s\"\n"),
                HasSubstr("no blanks and no '+'"));
    EXPECT_THAT(mistakes(whole() + "[[log]]\nkey = \"narrows/gw-2\"\n"),
                HasSubstr("is not a log's key"));
}

}  // namespace
}  // namespace narrows::apps
