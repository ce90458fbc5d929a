#include "policy/session_policy.h"

#include <random>

#include <gtest/gtest.h>

#include "codec/json.h"
#include "codec/text.h"

namespace narrows::policy {
namespace {

const Target kTarget{"111122223333", {"eu-west-1", "eu-central-1"}};

Scope scope_of(const std::string& list) {
    Result<Scope> scope = Scope::parse(R"({"Version":"2012-10-17","Statement":[)" + list + "]}");
    EXPECT_TRUE(scope.has_value()) << (scope ? "" : scope.error().what) << list;
    return scope.value();
}

Facts facts() {
    return {"agent-1", std::nullopt, "T-1", "ns-x", std::nullopt};
}

SessionPolicy compiled(const Scope& scope, const Facts* known) {
    Result<SessionPolicy> policy = session_policy(scope, kTarget, known);
    EXPECT_TRUE(policy.has_value()) << (policy ? "" : policy.error().what);
    EXPECT_LE(policy.value().json.size(), kSessionPolicyMax);
    for (const char c : policy.value().json) EXPECT_TRUE(c >= 0x20 && c < 0x7F);
    EXPECT_TRUE(Scope::parse(policy.value().json).has_value()) << policy.value().json;
    return policy.value();
}

model::Operation op(const std::string& action, const std::string& resource) {
    model::Operation operation;
    operation.effect = model::EffectClass::read;
    operation.accesses = {{action, {{resource}}}};
    operation.context["aws:requestedregion"] = {"eu-west-1"};
    operation.context["aws:resourceaccount"] = {"111122223333"};
    return operation;
}

/// What AWS would say of the session policy alone: the context is fully known there, and narrows:
/// keys do not exist.
bool aws_allows(const SessionPolicy& policy, const model::Operation& operation) {
    return decide(Scope::parse(policy.json).value(), operation, facts()).allowed();
}

TEST(SessionPolicy, a_small_scope_with_its_complement_and_fences) {
    const SessionPolicy policy = compiled(scope_of(R"({"Sid":"Read","Effect":"Allow",
        "Action":["s3:GetObject"],"Resource":["arn:aws:s3:::reports/*"]})"),
                                          nullptr);
    EXPECT_EQ(
        policy.json,
        R"({"Statement":[{"Action":"s3:GetObject","Effect":"Allow","Resource":"arn:aws:s3:::reports/*","Sid":"Read"},)"
        R"({"Effect":"Deny","NotAction":"s3:GetObject","Resource":"*"},)"
        R"({"Action":"s3:GetObject","Effect":"Deny","NotResource":"arn:aws:s3:::reports/*"},)"
        R"({"Action":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":["eu-west-1","eu-central-1"]}},"Effect":"Deny","Resource":"*"},)"
        R"({"Action":"s3:*","Condition":{"Null":{"aws:ResourceAccount":"false"},"StringNotEquals":{"aws:ResourceAccount":"111122223333"}},"Effect":"Deny","Resource":"*"}],)"
        R"("Version":"2012-10-17"})");
    EXPECT_TRUE(policy.notes.empty());
    EXPECT_EQ(policy.sha256.size(), 64U);
}

TEST(SessionPolicy, global_services_are_exempt_from_the_region_and_some_from_the_account) {
    const SessionPolicy policy = compiled(
        scope_of(R"({"Effect":"Allow","Action":["iam:GetRole","ec2:Describe*"],"Resource":"*"})"),
        nullptr);
    model::Operation role = op("iam:GetRole", "arn:aws:iam::1:role/r");
    role.context["aws:requestedregion"] = {"us-east-1"};
    EXPECT_TRUE(aws_allows(policy, role));
    model::Operation describe = op("ec2:DescribeImages", "*");
    describe.context["aws:resourceaccount"] = {"999999999999"};
    EXPECT_TRUE(aws_allows(policy, describe));
    describe.context["aws:requestedregion"] = {"us-east-1"};
    EXPECT_FALSE(aws_allows(policy, describe));
}

TEST(SessionPolicy, other_accounts_buckets_are_out_of_reach_but_a_missing_key_is_not_denied) {
    const SessionPolicy policy =
        compiled(scope_of(R"({"Effect":"Allow","Action":"s3:GetObject","Resource":"*"})"), nullptr);
    model::Operation get = op("s3:GetObject", "arn:aws:s3:::b/x");
    EXPECT_TRUE(aws_allows(policy, get));
    get.context["aws:resourceaccount"] = {"999999999999"};
    EXPECT_FALSE(aws_allows(policy, get));
    get.context["aws:resourceaccount"] = {};
    EXPECT_TRUE(aws_allows(policy, get));
}

TEST(SessionPolicy, statements_for_calls_of_services_pass_unchanged) {
    const SessionPolicy policy = compiled(scope_of(R"({"Effect":"Allow","Action":"kms:Decrypt",
        "Resource":"arn:aws:kms:eu-west-1:1:key/k",
        "Condition":{"StringEquals":{"kms:ViaService":"s3.eu-west-1.amazonaws.com"}}})"),
                                          nullptr);
    EXPECT_NE(
        policy.json.find(
            R"({"Action":"kms:Decrypt","Condition":{"StringEquals":{"kms:ViaService":"s3.eu-west-1.amazonaws.com"}},)"
            R"("Effect":"Allow","Resource":"arn:aws:kms:eu-west-1:1:key/k"})"),
        std::string::npos);
    EXPECT_NE(policy.json.find(R"({"Effect":"Deny","NotAction":"kms:Decrypt","Resource":"*"})"),
              std::string::npos);
}

constexpr const char* kOwnKeys = R"(
    {"Sid":"Mine","Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/${narrows:Agent}/*"},
    {"Sid":"Other","Effect":"Allow","Action":"s3:PutObject","Resource":"*",
     "Condition":{"StringEquals":{"narrows:Agent":"agent-2"}}},
    {"Sid":"No","Effect":"Deny","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*/secret",
     "Condition":{"StringEquals":{"narrows:TaskId":"T-1"}}},
    {"Sid":"Ask","Effect":"Allow","Action":"s3:DeleteObject","Resource":"arn:aws:s3:::b/*",
     "Condition":{"StringEquals":{"narrows:Approval":"required"}}})";

TEST(SessionPolicy, a_known_session_decides_its_own_keys) {
    const Facts known = facts();
    const SessionPolicy policy = compiled(scope_of(kOwnKeys), &known);
    EXPECT_EQ(codec::lower(policy.json).find("narrows:"), std::string::npos);
    EXPECT_TRUE(aws_allows(policy, op("s3:GetObject", "arn:aws:s3:::b/agent-1/x")));
    EXPECT_FALSE(aws_allows(policy, op("s3:GetObject", "arn:aws:s3:::b/agent-2/x")));
    EXPECT_FALSE(aws_allows(policy, op("s3:GetObject", "arn:aws:s3:::b/agent-1/secret")));
    EXPECT_FALSE(aws_allows(policy, op("s3:PutObject", "arn:aws:s3:::b/agent-1/x")));
    EXPECT_TRUE(aws_allows(policy, op("s3:DeleteObject", "arn:aws:s3:::b/x")));
    ASSERT_EQ(policy.notes.size(), 1U);
    EXPECT_EQ(policy.notes[0], "Ask: only the gateway waits for the reviewer's approval.");
}

TEST(SessionPolicy, an_unknown_session_widens_allow_and_leaves_out_deny_and_says_so) {
    const SessionPolicy policy = compiled(scope_of(kOwnKeys), nullptr);
    EXPECT_TRUE(aws_allows(policy, op("s3:GetObject", "arn:aws:s3:::b/agent-2/secret")));
    EXPECT_FALSE(aws_allows(policy, op("s3:GetObject", "arn:aws:s3:::c/agent-2/x")));
    EXPECT_TRUE(aws_allows(policy, op("s3:PutObject", "arn:aws:s3:::b/agent-1/x")));
    EXPECT_EQ(policy.notes.size(), 4U);
}

TEST(SessionPolicy, values_are_escaped_and_text_is_ascii) {
    Facts star = facts();
    star.agent = "*";
    const SessionPolicy policy = compiled(scope_of(R"({"Effect":"Allow","Action":"s3:GetObject",
        "Resource":"arn:aws:s3:::b/${narrows:Agent}/\u00e9\u4e2d\ud83d\ude00"})"),
                                          &star);
    EXPECT_NE(policy.json.find(R"(b/${*}/\u00e9\u4e2d\ud83d\ude00)"), std::string::npos);
    EXPECT_TRUE(aws_allows(
        policy, op("s3:GetObject", "arn:aws:s3:::b/*/\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80")));
    EXPECT_FALSE(aws_allows(
        policy, op("s3:GetObject", "arn:aws:s3:::b/x/\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80")));
}

TEST(SessionPolicy, a_scope_that_allows_nothing_denies_everything) {
    const SessionPolicy policy =
        compiled(scope_of(R"({"Effect":"Deny","Action":"iam:*","Resource":"*"})"), nullptr);
    EXPECT_NE(policy.json.find(R"({"Action":"*","Effect":"Deny","Resource":"*"})"),
              std::string::npos);
}

std::string long_scope(int tables, int services, int buckets) {
    std::string list = R"({"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::b/secret/*"})";
    for (int i = 0; i < tables; ++i) {
        list += R"(,{"Sid":"T)" + std::to_string(i) +
                R"(","Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:Query"],"Resource":)" +
                R"("arn:aws:dynamodb:eu-west-1:111122223333:table/table-)" + std::to_string(i) +
                "\"}";
    }
    for (int i = 0; i < services; ++i) {
        list += R"(,{"Effect":"Allow","Action":"service-)" + std::to_string(i) +
                R"(:GetSomethingOrOther","Resource":"*"})";
    }
    for (int i = 0; i < buckets; ++i) {
        list += R"(,{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket-)" +
                std::string(40, 'x') + std::to_string(i) + R"(/*"})";
    }
    return list;
}

TEST(SessionPolicy, too_long_gets_coarser_step_by_step_and_says_so) {
    const auto get =
        op("dynamodb:GetItem", "arn:aws:dynamodb:eu-west-1:111122223333:table/table-1");
    const auto put =
        op("dynamodb:PutItem", "arn:aws:dynamodb:eu-west-1:111122223333:table/table-1");
    const auto elsewhere =
        op("dynamodb:GetItem", "arn:aws:dynamodb:eu-west-1:111122223333:table/z");
    const SessionPolicy grouped = compiled(scope_of(long_scope(10, 0, 0)), nullptr);
    EXPECT_TRUE(grouped.notes.empty());
    EXPECT_TRUE(grouped.whole);
    EXPECT_TRUE(aws_allows(grouped, get));
    EXPECT_FALSE(aws_allows(grouped, put));
    const SessionPolicy uncomplemented = compiled(scope_of(long_scope(20, 0, 0)), nullptr);
    EXPECT_EQ(uncomplemented.notes.size(), 1U);
    EXPECT_TRUE(uncomplemented.whole);
    EXPECT_TRUE(aws_allows(uncomplemented, get));
    EXPECT_FALSE(aws_allows(uncomplemented, put));
    EXPECT_FALSE(aws_allows(uncomplemented, elsewhere));
    const SessionPolicy services = compiled(scope_of(long_scope(1, 30, 40)), nullptr);
    EXPECT_FALSE(services.notes.empty());
    EXPECT_FALSE(services.whole);
    EXPECT_TRUE(aws_allows(services, get));
    EXPECT_FALSE(aws_allows(services, op("sqs:SendMessage", "arn:aws:sqs:eu-west-1:1:q")));
    EXPECT_FALSE(session_policy(scope_of(long_scope(1, 300, 0)), kTarget, nullptr).has_value());
}

// Whatever Deny has to go, the Allows stay as they are for as long as they fit by themselves.
TEST(SessionPolicy, denies_go_before_any_allow_is_widened) {
    const auto get =
        op("dynamodb:GetItem", "arn:aws:dynamodb:eu-west-1:111122223333:table/table-1");
    const auto put =
        op("dynamodb:PutItem", "arn:aws:dynamodb:eu-west-1:111122223333:table/table-1");
    bool without_fences = false;
    for (int tables = 2; tables < 32; ++tables) {
        const SessionPolicy policy = compiled(scope_of(long_scope(tables, 0, 0)), nullptr);
        EXPECT_TRUE(aws_allows(policy, get));
        EXPECT_TRUE(policy.whole || tables > 27) << tables;  // 60 characters a table, and 400
        EXPECT_EQ(aws_allows(policy, put), !policy.whole) << tables;
        without_fences |=
            policy.whole && policy.json.find("aws:RequestedRegion") == std::string::npos;
        EXPECT_EQ(policy.enforced.front() == "services", !policy.whole);
    }
    EXPECT_TRUE(without_fences);
}

TEST(SessionPolicy, says_what_aws_enforces_and_where_resource_policies_could_grant_more) {
    const SessionPolicy policy = compiled(
        scope_of(
            R"({"Sid":"List","Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::b",
            "Condition":{"StringLike":{"s3:prefix":"in/*"}}},
           {"Sid":"Read","Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"})"),
        nullptr);
    EXPECT_EQ(policy.enforced.size(), 5U);
    EXPECT_EQ(policy.open_to_resource_policies, std::vector<std::string>{"List"});
}

// Never narrower than the scope; and, when nothing was widened, never wider.
TEST(SessionPolicy, agrees_with_the_scope) {
    std::mt19937 engine(3);
    const auto pick = [&](const std::vector<std::string>& words) {
        return words[engine() % words.size()];
    };
    const std::vector<std::string> actions = {R"("*")", R"("s3:*")", R"("s3:Get*")",
                                              R"(["s3:GetObject","sqs:*"])", R"("s3:PutObject")"};
    const std::vector<std::string> resources = {R"("*")", R"("arn:aws:s3:::a/*")",
                                                R"(["arn:aws:s3:::?/x","arn:aws:sqs:*:*:q"])"};
    const std::vector<std::string> conditions = {"{}", R"({"StringEquals":{"k:x":"x"}})",
                                                 R"({"StringEquals":{"narrows:Agent":"agent-1"}})",
                                                 R"({"StringEquals":{"narrows:Agent":"agent-2"}})"};
    const auto statement = [&](const char* effect) {
        return std::string(R"({"Effect":")") + effect + R"(",")" +
               (engine() % 5 == 0 ? "Not" : "") + R"(Action":)" + pick(actions) + R"(,")" +
               (engine() % 5 == 0 ? "Not" : "") + R"(Resource":)" + pick(resources) +
               R"(,"Condition":)" + pick(conditions) + "}";
    };
    const Facts known = facts();
    for (int round = 0; round < 150; ++round) {
        std::string list = statement("Allow") + "," + statement("Deny");
        for (std::size_t more = engine() % 3; more > 0; --more) list += "," + statement("Allow");
        const Scope scope = scope_of(list);
        const SessionPolicy policy = compiled(scope, &known);
        ASSERT_TRUE(policy.notes.empty()) << policy.notes[0];
        const Scope session = Scope::parse(policy.json).value();
        for (const char* action :
             {"s3:GetObject", "s3:PutObject", "sqs:SendMessage", "iam:GetUser"}) {
            for (const char* resource :
                 {"arn:aws:s3:::a/x", "arn:aws:s3:::b/y", "arn:aws:sqs:eu-west-1:1:q", "*"}) {
                model::Operation operation = op(action, resource);
                operation.context["k:x"] = {engine() % 2 == 0 ? "x" : "y"};
                ASSERT_EQ(decide(session, operation, known).allowed(),
                          decide(scope, operation, known).allowed())
                    << list << "\n"
                    << policy.json << "\n"
                    << action << " on " << resource;
            }
        }
    }
}

}  // namespace
}  // namespace narrows::policy
