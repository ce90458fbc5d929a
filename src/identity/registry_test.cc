#include "identity/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace narrows::identity {
namespace {

using testing::HasSubstr;

Registry registry() {
    Grant people{"analyst", {"reports", "logs"}, {"ci"}, {"*@example.com"}, 7200, false};
    Grant alone{"analyst", {"logs"}, {}, {}, 600, true};
    Grant anyone{"analyst", {"metrics"}, {"ci"}, {"*"}, 43200, false};
    return {
        {}, {{"ci", {}}, {"desk", {}}}, {{"analyst", {}}, {"idle", {}}}, {people, alone, anyone}};
}

StartRequest request() {
    return {"analyst", "ci", "ann@example.com", {"reports"}, 0};
}

std::string refusal(const StartRequest& asked) {
    const auto result = authorise_start(registry(), asked);
    return result ? "" : result.error().what;
}

TEST(Registry, a_fitting_grant_gives_authority) {
    const auto authority = authorise_start(registry(), request());
    ASSERT_TRUE(authority) << authority.error().what;
    EXPECT_EQ(authority.value().lifetime_s, 3600);
    EXPECT_FALSE(authority.value().self_started);
    ASSERT_EQ(authority.value().grants.size(), 1u);
    EXPECT_EQ(authority.value().grants[0].lifetime_max_s, 7200);
}

TEST(Registry, each_connection_needs_its_grant) {
    StartRequest asked = request();
    asked.connections = {"reports", "metrics"};
    EXPECT_TRUE(authorise_start(registry(), asked));
    asked.connections = {"reports", "billing"};
    EXPECT_THAT(refusal(asked), HasSubstr("billing"));
    asked.connections = {};
    EXPECT_THAT(refusal(asked), HasSubstr("no connection"));
    asked.connections = {"reports", "reports"};
    EXPECT_THAT(refusal(asked), HasSubstr("twice"));
}

TEST(Registry, refusals_name_what_is_missing) {
    StartRequest asked = request();
    asked.launcher = "desk";
    EXPECT_THAT(refusal(asked), HasSubstr("launcher \"desk\""));
    asked = request();
    asked.principal = "ann@elsewhere.net";
    EXPECT_THAT(refusal(asked), HasSubstr("ann@elsewhere.net"));
    asked.principal = "";
    EXPECT_THAT(refusal(asked), HasSubstr("without a principal"));
    asked = request();
    asked.lifetime_s = 7201;
    EXPECT_THAT(refusal(asked), HasSubstr("at most 7200 s"));
    asked.lifetime_s = kLifetimeMaxS + 1;
    EXPECT_THAT(refusal(asked), HasSubstr("12 h"));
    asked = request();
    asked.agent = "idle";
    EXPECT_THAT(refusal(asked), HasSubstr("no grant"));
    asked.agent = "nobody";
    EXPECT_EQ(authorise_start(registry(), asked).error().code, ErrorCode::not_found);
}

TEST(Registry, self_start_needs_a_grant_that_says_so) {
    StartRequest asked{"analyst", std::nullopt, "", {"logs"}, 0};
    const auto authority = authorise_start(registry(), asked);
    ASSERT_TRUE(authority);
    EXPECT_TRUE(authority.value().self_started);
    EXPECT_EQ(authority.value().lifetime_s, 600);  // the default, cut to the grant's
    asked.connections = {"reports"};
    EXPECT_THAT(refusal(asked), HasSubstr("self_start"));
    asked = {"analyst", std::nullopt, "ann@example.com", {"logs"}, 0};
    EXPECT_NE(refusal(asked), "");  // that grant names no principal
}

TEST(Registry, the_grant_digest_says_which_grants) {
    StartRequest asked = request();
    const auto one = authorise_start(registry(), asked).value();
    EXPECT_EQ(authorise_start(registry(), asked).value().grant_sha256, one.grant_sha256);
    asked.connections = {"metrics"};
    EXPECT_NE(authorise_start(registry(), asked).value().grant_sha256, one.grant_sha256);
}

TEST(Glob, matches_whole_texts) {
    EXPECT_TRUE(glob_match("*", ""));
    EXPECT_TRUE(glob_match("", ""));
    EXPECT_FALSE(glob_match("", "a"));
    EXPECT_TRUE(glob_match("a*c", "abbc"));
    EXPECT_FALSE(glob_match("a*c", "abbcd"));
    EXPECT_TRUE(glob_match("*b*", "abc"));
    EXPECT_TRUE(glob_match("a?c", "abc"));
    EXPECT_FALSE(glob_match("a?c", "ac"));
    EXPECT_FALSE(glob_match("A", "a"));
    EXPECT_FALSE(glob_match(std::string(50, '*') + "b", std::string(10'000, 'a')));
}

}  // namespace
}  // namespace narrows::identity
