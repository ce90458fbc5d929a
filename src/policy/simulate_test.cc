#include "policy/simulate.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace narrows::policy {
namespace {

using testing::HasSubstr;

Past past(const std::string& action, const std::string& arn, bool was_allowed) {
    Past made;
    made.operation.effect = model::EffectClass::read;
    made.operation.accesses = {{action, {{arn}}}};
    made.decided.verdict = was_allowed ? model::Verdict::allow : model::Verdict::deny;
    made.decided.reason = was_allowed ? model::Reason::allowed : model::Reason::implicit_deny;
    made.decided.action = action;
    made.by_scope = true;
    return made;
}

Scope scope_with(const std::string& statements) {
    return Scope::parse(R"({"Version":"2012-10-17","Statement":[)" + statements + "]}").value();
}

const char* change_of(const Scope& scope, const Past& each) {
    return name_of(decide_again(scope, each, false).change);
}

constexpr const char* kRead =
    R"({"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"})";

TEST(Simulate, tells_what_changes) {
    const Scope scope = scope_with(kRead);
    EXPECT_STREQ(change_of(scope, past("s3:GetObject", "arn:aws:s3:::b/k", true)), "unchanged");
    EXPECT_STREQ(change_of(scope, past("s3:GetObject", "arn:aws:s3:::b/k", false)),
                 "denied-to-allowed");
    EXPECT_STREQ(change_of(scope, past("s3:PutObject", "arn:aws:s3:::b/k", true)),
                 "allowed-to-denied");
    EXPECT_STREQ(change_of(scope, past("s3:PutObject", "arn:aws:s3:::b/k", false)), "unchanged");
}

TEST(Simulate, what_no_scope_decided_stays_as_it_was) {
    Past refused = past("s3:GetObject", "arn:aws:s3:::b/k", false);
    refused.by_scope = false;
    refused.decided.reason = model::Reason::budget;
    const Again again = decide_again(scope_with(kRead), refused, false);
    EXPECT_EQ(again.change, Change::none);
    EXPECT_EQ(again.now.reason, model::Reason::budget);
}

TEST(Simulate, approval_counts_as_denied_until_somebody_can_give_it) {
    const Scope scope = scope_with(R"({"Effect":"Allow","Action":"s3:GetObject",
        "Resource":"*","Condition":{"StringEquals":{"narrows:Approval":"required"}}})");
    EXPECT_STREQ(change_of(scope, past("s3:GetObject", "arn:aws:s3:::b/k", true)),
                 "allowed-to-denied");
}

TEST(Simulate, is_undecidable_only_where_what_is_missing_matters) {
    const std::string conditioned = R"({"Effect":"Allow","Action":"s3:ListBucket",
        "Resource":"arn:aws:s3:::b","Condition":{"StringLike":{"s3:prefix":"in/*"}}})";
    const std::string elsewhere = R"({"Effect":"Allow","Action":"s3:ListBucket",
        "Resource":"arn:aws:s3:::other","Condition":{"StringLike":{"s3:prefix":"in/*"}}})";
    const std::string plain =
        R"({"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::b"})";
    const std::string deny = R"({"Effect":"Deny","Action":"s3:*","Resource":"*"})";
    Past list = past("s3:ListBucket", "arn:aws:s3:::b", true);
    list.keyless = "the parameters were too large for the record";
    EXPECT_STREQ(change_of(scope_with(conditioned), list), "undecidable");
    EXPECT_STREQ(change_of(scope_with(elsewhere), list), "allowed-to-denied");
    EXPECT_STREQ(change_of(scope_with(plain), list), "unchanged");
    EXPECT_STREQ(change_of(scope_with(deny + "," + conditioned), list), "allowed-to-denied");
    EXPECT_EQ(decide_again(scope_with(conditioned), list, false).missing, list.keyless);
    list.keyless = "";
    // Now the key is unknown as it was to the gateway itself, and counts against the agent.
    EXPECT_STREQ(change_of(scope_with(conditioned), list), "allowed-to-denied");
    list.unrecorded = {"aws:securetransport"};
    const Scope tls = scope_with(R"({"Effect":"Allow","Action":"s3:ListBucket","Resource":"*",
        "Condition":{"Bool":{"aws:SecureTransport":"true"}}})");
    EXPECT_THAT(decide_again(tls, list, false).missing, HasSubstr("aws:SecureTransport"));
}

TEST(Simulate, resources_that_were_cut_off_matter_only_to_an_allow) {
    Past many = past("s3:GetObject", "arn:aws:s3:::b/k", true);
    many.cut = "the record names 32 of 40 resources";
    EXPECT_STREQ(change_of(scope_with(kRead), many), "undecidable");
    many.operation.accesses[0].resources[0].arn = "arn:aws:s3:::c/k";
    EXPECT_STREQ(change_of(scope_with(kRead), many), "allowed-to-denied");
}

TEST(Simulate, counts_by_action) {
    Simulation simulation;
    const Scope scope = scope_with(kRead);
    for (const bool was_allowed : {true, false}) {
        simulation.add(
            decide_again(scope, past("s3:GetObject", "arn:aws:s3:::b/k", was_allowed), false));
        simulation.add(
            decide_again(scope, past("s3:PutObject", "arn:aws:s3:::b/k", was_allowed), false));
    }
    const Simulation::Counts get = {1, 0, 1, 0};
    const Simulation::Counts put = {1, 1, 0, 0};
    const Simulation::Counts total = {2, 1, 1, 0};
    EXPECT_EQ(simulation.by_action().at("s3:GetObject"), get);
    EXPECT_EQ(simulation.by_action().at("s3:PutObject"), put);
    EXPECT_EQ(simulation.total(), total);
}

TEST(SimulateProperties, agrees_with_decide) {
    std::mt19937 random(7);
    const auto pick = [&](const std::vector<std::string>& from) {
        return from[random() % from.size()];
    };
    const std::vector<std::string> actions = {"s3:GetObject", "s3:PutObject", "s3:Get*", "s3:*"};
    const std::vector<std::string> resources = {"*", "arn:aws:s3:::b/*", "arn:aws:s3:::b/k",
                                                "arn:aws:s3:::c/?"};
    for (int round = 0; round < 4'000; ++round) {
        std::string statements;
        for (std::size_t n = 0; n <= random() % 3; ++n) {
            statements += statements.empty() ? "" : ",";
            statements += R"({"Effect":")" + pick({"Allow", "Allow", "Deny"}) + R"(","Action":")" +
                          pick(actions) + R"(","Resource":")" + pick(resources) + "\"" +
                          pick({"", R"(,"Condition":{"StringEquals":{"s3:prefix":"a"}})"}) + "}";
        }
        const Scope scope = scope_with(statements);
        Past each = past(pick({"s3:GetObject", "s3:PutObject"}),
                         pick({"arn:aws:s3:::b/k", "arn:aws:s3:::c/x"}), random() % 2 == 0);
        if (random() % 2 == 0) each.operation.context["s3:prefix"] = {pick({"a", "b"})};
        const Again again = decide_again(scope, each, false);
        const bool allowed = decide(scope, each.operation, each.facts).allowed();
        EXPECT_EQ(again.now.allowed(), allowed) << statements;
        EXPECT_EQ(again.change == Change::none, allowed == each.decided.allowed()) << statements;
    }
}

}  // namespace
}  // namespace narrows::policy
