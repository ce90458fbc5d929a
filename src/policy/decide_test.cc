#include <random>
#include <string>

#include <gtest/gtest.h>

#include "policy/scope.h"

// Expectations come from the IAM User Guide; each test names the page ("IAM JSON policy elements:
// …").
namespace narrows::policy {
namespace {

using model::EffectClass;
using model::Operation;
using model::Reason;
using model::Verdict;

Scope scope_of(const std::string& json) {
    Result<Scope> scope = Scope::parse(json);
    EXPECT_TRUE(scope.has_value()) << (scope ? "" : scope.error().what) << "\n" << json;
    return scope ? scope.value()
                 : Scope::parse(R"({"Statement":{"Effect":"Deny","Action":"*","Resource":"*"}})")
                       .value();
}

Scope statements(const std::string& list) {
    return scope_of(R"({"Version":"2012-10-17","Statement":[)" + list + "]}");
}

Operation op(const std::string& action, const std::string& resource, bool exact = true) {
    Operation operation;
    operation.protocol = "aws";
    operation.effect = EffectClass::read;
    operation.accesses = {{action, {{resource, exact}}}};
    return operation;
}

Facts facts() {
    return {"agent-1", "ana@example.com", "T-1", "ns-x", WallNs{1795415400} * kNsPerSecond};
}

constexpr const char* kObject = "arn:aws:s3:::reports/2026/a.csv";

bool allows(const Scope& scope, const Operation& operation) {
    return decide(scope, operation, facts()).allowed();
}

bool allows(const std::string& list, const std::string& action, const std::string& resource) {
    return allows(statements(list), op(action, resource));
}

/// Whether `{"Effect":"Allow", …, "Condition": condition}` allows in this context.
bool holds(const std::string& condition, const model::Context& context) {
    Operation operation = op("s3:GetObject", kObject);
    operation.context = context;
    return allows(statements(R"({"Effect":"Allow","Action":"*","Resource":"*","Condition":)" +
                             condition + "}"),
                  operation);
}
/// Whether a Deny with the condition denies what everything else allows.
bool denies(const std::string& condition, const model::Context& context) {
    Operation operation = op("s3:GetObject", kObject);
    operation.context = context;
    return !allows(statements(R"({"Effect":"Allow","Action":"*","Resource":"*"},)"
                              R"({"Effect":"Deny","Action":"*","Resource":"*","Condition":)" +
                              condition + "}"),
                   operation);
}

// "Policy evaluation logic": explicit deny overrides any allow; no allow is an implicit deny.
TEST(Decide, deny_beats_allow_and_silence_denies) {
    const Scope scope = statements(R"(
        {"Sid":"Read","Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::reports/*"},
        {"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::reports/secret/*"})");
    const model::Decision allow = decide(scope, op("s3:GetObject", kObject), facts());
    EXPECT_EQ(allow.verdict, Verdict::allow);
    EXPECT_EQ(allow.reason, Reason::allowed);
    EXPECT_EQ(allow.statement, "Read");
    const model::Decision deny =
        decide(scope, op("s3:GetObject", "arn:aws:s3:::reports/secret/x"), facts());
    EXPECT_EQ(deny.reason, Reason::explicit_deny);
    EXPECT_EQ(deny.statement, "Statement[1]");
    EXPECT_EQ(deny.action, "s3:GetObject");
    EXPECT_EQ(deny.resource, "arn:aws:s3:::reports/secret/x");
    const model::Decision silence = decide(scope, op("s3:PutObject", kObject), facts());
    EXPECT_EQ(silence.reason, Reason::implicit_deny);
    EXPECT_EQ(silence.statement, "");
    EXPECT_NE(silence.why.find("s3:PutObject"), std::string::npos);
}

// "Action": prefix and name are not case-sensitive; * and ? anywhere in the name.
TEST(Decide, actions_ignore_case_and_take_wildcards) {
    const std::string all = R"(,"Resource":"*"})";
    EXPECT_TRUE(
        allows(R"({"Effect":"Allow","Action":"S3:getobject")" + all, "s3:GetObject", kObject));
    EXPECT_TRUE(
        allows(R"({"Effect":"Allow","Action":"s3:*Object")" + all, "s3:GetObject", kObject));
    EXPECT_TRUE(
        allows(R"({"Effect":"Allow","Action":"s3:?etObject")" + all, "s3:GetObject", kObject));
    EXPECT_FALSE(allows(R"({"Effect":"Allow","Action":"s3:Get")" + all, "s3:GetObject", kObject));
    EXPECT_FALSE(allows(R"({"Effect":"Allow","Action":"ec2:*")" + all, "s3:GetObject", kObject));
}

// "NotAction", "NotResource": everything except the listed.
TEST(Decide, not_elements_match_everything_else) {
    const std::string no_iam = R"({"Effect":"Allow","NotAction":["iam:*"],"Resource":"*"})";
    EXPECT_TRUE(allows(no_iam, "s3:GetObject", kObject));
    EXPECT_FALSE(allows(no_iam, "iam:GetUser", "arn:aws:iam::1:user/a"));
    const std::string not_there =
        R"({"Effect":"Allow","Action":"s3:*","NotResource":["arn:aws:s3:::reports/*"]})";
    EXPECT_FALSE(allows(not_there, "s3:GetObject", kObject));
    EXPECT_TRUE(allows(not_there, "s3:GetObject", "arn:aws:s3:::other/x"));
}

// "Resource": wildcards stay within a segment of the first five and cross "/" in the last.
TEST(Decide, resource_wildcards_stay_between_colons) {
    const std::string queue = R"({"Effect":"Allow","Action":"*","Resource":"arn:aws:sqs:*:1:q*"})";
    EXPECT_TRUE(allows(queue, "sqs:SendMessage", "arn:aws:sqs:eu-west-1:1:q-1"));
    EXPECT_FALSE(allows(queue, "sqs:SendMessage", "arn:aws:sqs:eu-west-1:2:1:q-1"));
    EXPECT_FALSE(allows(queue, "sqs:SendMessage", "arn:aws:sqs:eu-west-1:1:r"));
    const std::string logs =
        R"({"Effect":"Allow","Action":"*","Resource":"arn:aws:logs:*:1:log-group:a*"})";
    EXPECT_TRUE(allows(logs, "logs:GetLogEvents", "arn:aws:logs:x:1:log-group:a:log-stream:b/c"));
    EXPECT_FALSE(allows(logs, "logs:DescribeLogGroups", "*"));
}

TEST(Decide, an_object_name_with_a_star_in_it_is_that_name) {
    const std::string one = R"({"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b/a"})";
    EXPECT_FALSE(allows(one, "s3:GetObject", "arn:aws:s3:::b/*"));
    const std::string star = R"({"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b/${*}"})";
    EXPECT_TRUE(allows(star, "s3:GetObject", "arn:aws:s3:::b/*"));
    EXPECT_FALSE(allows(star, "s3:GetObject", "arn:aws:s3:::b/a"));
}

TEST(Decide, names_of_other_protocols_never_match_arns) {
    const std::string table =
        R"({"Effect":"Allow","Action":"postgres:Select","Resource":"db/shop/table/public.*"})";
    EXPECT_TRUE(allows(table, "postgres:Select", "db/shop/table/public.orders"));
    EXPECT_FALSE(allows(table, "postgres:Select", "db/other/table/public.orders"));
    EXPECT_FALSE(Scope::parse(R"({"Statement":{"Effect":"Allow","Action":"*","Resource":"a*"}})")
                     .has_value());
}

TEST(Decide, every_access_on_every_resource_must_be_allowed) {
    const Scope scope = statements(R"(
        {"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::a/*"},
        {"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::b/*"})");
    Operation copy = op("s3:GetObject", "arn:aws:s3:::a/x");
    copy.accesses.push_back({"s3:PutObject", {{"arn:aws:s3:::b/x"}}});
    EXPECT_TRUE(allows(scope, copy));
    copy.accesses[1].resources.push_back({"arn:aws:s3:::c/x"});
    const model::Decision decision = decide(scope, copy, facts());
    EXPECT_FALSE(decision.allowed());
    EXPECT_EQ(decision.resource, "arn:aws:s3:::c/x");
    EXPECT_FALSE(allows(scope, Operation{}));
    Operation nothing;
    nothing.accesses = {{"s3:GetObject", {}}};
    EXPECT_FALSE(allows(scope, nothing));
}

TEST(Decide, inexact_resources_need_full_cover_and_fall_to_any_deny) {
    const std::string allow =
        R"({"Effect":"Allow","Action":"*","Resource":"arn:aws:dynamodb:eu-west-1:1:table/*"})";
    const std::string deny =
        R"(,{"Effect":"Deny","Action":"*","Resource":"arn:aws:dynamodb:*:*:table/secret"})";
    const Operation some = op("dynamodb:Scan", "arn:aws:dynamodb:eu-west-1:1:table/r*", false);
    const Operation any = op("dynamodb:Scan", "arn:aws:dynamodb:eu-west-1:1:table/*", false);
    EXPECT_TRUE(allows(statements(allow), some));
    EXPECT_TRUE(allows(statements(allow), any));
    EXPECT_TRUE(allows(statements(allow + deny), some));
    EXPECT_FALSE(allows(statements(allow + deny), any));
    EXPECT_FALSE(allows(statements(allow), op("dynamodb:Scan", "arn:aws:dynamodb:*:1:*", false)));
    EXPECT_FALSE(allows(statements(allow), op("dynamodb:Scan", "*", false)));
    const Scope all = statements(R"({"Effect":"Allow","Action":"*","Resource":"*"})" + deny);
    EXPECT_FALSE(allows(all, op("dynamodb:Scan", "*", false)));
    EXPECT_TRUE(allows(all, op("dynamodb:ListTables", "*", true)));
    const Scope other = statements(
        R"({"Effect":"Allow","Action":"*","NotResource":"arn:aws:dynamodb:*:*:table/secret"})");
    EXPECT_TRUE(allows(other, some));
    EXPECT_FALSE(allows(other, any));
}

// "Condition operators": how each compares.
TEST(Decide, operators_compare_as_documented) {
    struct Case {
        const char* condition;
        const char* value;
        bool expected;
    };
    const Case cases[] = {
        {R"({"StringEquals":{"k:x":["a","b"]}})", "b", true},
        {R"({"StringEquals":{"k:x":"a*"}})", "ab", false},
        {R"({"StringEquals":{"k:x":"A"}})", "a", false},
        {R"({"StringNotEquals":{"k:x":["a","b"]}})", "b", false},
        {R"({"StringNotEquals":{"k:x":["a","b"]}})", "c", true},
        {R"({"StringEqualsIgnoreCase":{"k:x":"ABC"}})", "abC", true},
        {R"({"StringNotEqualsIgnoreCase":{"k:x":"ABC"}})", "abC", false},
        {R"({"StringLike":{"k:x":"home/?*"}})", "home/ana/x", true},
        {R"({"StringLike":{"k:x":"home/?*"}})", "home/", false},
        {R"({"StringNotLike":{"k:x":"home/*"}})", "tmp/", true},
        {R"({"NumericEquals":{"k:x":"10"}})", "10.0", true},
        {R"({"NumericNotEquals":{"k:x":10}})", "10", false},
        {R"({"NumericLessThan":{"k:x":10}})", "9", true},
        {R"({"NumericLessThan":{"k:x":10}})", "10", false},
        {R"({"NumericLessThanEquals":{"k:x":"10"}})", "10", true},
        {R"({"NumericGreaterThan":{"k:x":"10"}})", "10.5", true},
        {R"({"NumericGreaterThanEquals":{"k:x":"10"}})", "9.9", false},
        {R"({"NumericLessThan":{"k:x":10}})", "ten", false},
        {R"({"DateGreaterThan":{"k:x":"2026-01-01T00:00:00Z"}})", "2026-01-01T00:00:01Z", true},
        {R"({"DateLessThan":{"k:x":"2026-01-01T01:00:00+01:00"}})", "2025-12-31T23:59:59Z", true},
        {R"({"DateEquals":{"k:x":"1767225600"}})", "2026-01-01", true},
        {R"({"DateNotEquals":{"k:x":"2026-01-01"}})", "2026-01-01T00:00:00.5Z", true},
        {R"({"Bool":{"k:x":"true"}})", "true", true},
        {R"({"Bool":{"k:x":true}})", "false", false},
        {R"({"BinaryEquals":{"k:x":"QmluYXJ5VmFsdWVJbkJhc2U2NA=="}})",
         "QmluYXJ5VmFsdWVJbkJhc2U2NA==", true},
        {R"({"IpAddress":{"k:x":"203.0.113.0/24"}})", "203.0.113.77", true},
        {R"({"IpAddress":{"k:x":"203.0.113.0/24"}})", "203.0.114.1", false},
        {R"({"IpAddress":{"k:x":"2001:DB8:1234:5678::/64"}})", "2001:db8:1234:5678::9", true},
        {R"({"IpAddress":{"k:x":"203.0.113.7"}})", "203.0.113.8", false},
        {R"({"NotIpAddress":{"k:x":["203.0.113.0/24","2001:db8::/32"]}})", "198.51.100.1", true},
        {R"({"NotIpAddress":{"k:x":"203.0.113.0/24"}})", "203.0.113.1", false},
        {R"({"ArnEquals":{"k:x":"arn:aws:sns:*:1:t*"}})", "arn:aws:sns:eu-west-1:1:topic", true},
        {R"({"ArnLike":{"k:x":"arn:aws:sns:*:1:t"}})", "arn:aws:sns:eu:2:1:t", false},
        {R"({"ArnNotLike":{"k:x":"arn:aws:sns:*:1:*"}})", "arn:aws:sns:eu-west-1:2:t", true},
        {R"({"Null":{"k:x":"true"}})", "a", false},
        {R"({"Null":{"k:x":"false"}})", "a", true},
    };
    for (const Case& c : cases) {
        EXPECT_EQ(holds(c.condition, {{"k:x", {c.value}}}), c.expected)
            << c.condition << " with " << c.value;
    }
}

// "Condition operators": "If the key that you specify in a policy condition is not present in the
// request context, the values do not match and the condition is false"; negated operators: true;
// IfExists: true; Null: "true" means that the key does not exist.
TEST(Decide, a_key_known_to_be_absent) {
    const model::Context absent = {{"k:x", {}}};
    EXPECT_FALSE(holds(R"({"StringEquals":{"k:x":"a"}})", absent));
    EXPECT_TRUE(holds(R"({"StringNotEquals":{"k:x":"a"}})", absent));
    EXPECT_TRUE(holds(R"({"StringNotLike":{"k:x":"a"}})", absent));
    EXPECT_TRUE(holds(R"({"ArnNotEquals":{"k:x":"arn:aws:s3:::b"}})", absent));
    EXPECT_TRUE(holds(R"({"NotIpAddress":{"k:x":"10.0.0.0/8"}})", absent));
    EXPECT_FALSE(holds(R"({"Bool":{"k:x":"false"}})", absent));
    EXPECT_TRUE(holds(R"({"BoolIfExists":{"k:x":"true"}})", absent));
    EXPECT_TRUE(holds(R"({"NumericLessThanIfExists":{"k:x":"1"}})", absent));
    EXPECT_TRUE(holds(R"({"Null":{"k:x":"true"}})", absent));
    EXPECT_FALSE(holds(R"({"Null":{"k:x":"false"}})", absent));
}

// A key that stands nowhere may be there at AWS: it can neither allow nor fail to deny.
TEST(Decide, an_unknown_key_counts_against_the_agent) {
    for (const char* condition :
         {R"({"StringEquals":{"k:x":"a"}})", R"({"StringNotEquals":{"k:x":"a"}})",
          R"({"StringEqualsIfExists":{"k:x":"a"}})", R"({"Null":{"k:x":"true"}})",
          R"({"Null":{"k:x":"false"}})", R"({"ForAllValues:StringEquals":{"k:x":"a"}})"}) {
        EXPECT_FALSE(holds(condition, {})) << condition;
        EXPECT_TRUE(denies(condition, {})) << condition;
    }
    EXPECT_FALSE(denies(R"({"StringEquals":{"k:x":"a","k:y":"b"}})", {{"k:y", {"c"}}}));
}

TEST(Decide, a_family_of_keys_that_is_known) {
    const model::Context tags = {{"k:tag/", {}}, {"k:tag/team", {"a"}}};
    EXPECT_TRUE(holds(R"({"StringEquals":{"k:tag/team":"a"}})", tags));
    EXPECT_FALSE(holds(R"({"Null":{"k:tag/team":"true"}})", tags));
    EXPECT_TRUE(holds(R"({"Null":{"k:tag/owner":"true"}})", tags));
    EXPECT_TRUE(holds(R"({"StringEqualsIfExists":{"k:tag/a/b:c":"a"}})", tags));
    EXPECT_FALSE(denies(R"({"StringEquals":{"k:tag/owner":"a"}})", tags));
    EXPECT_FALSE(holds(R"({"Null":{"k:tags":"true"}})", tags));
    EXPECT_TRUE(denies(R"({"StringEquals":{"k:other/x":"a"}})", tags));
}

// "Multivalued context keys": ForAllValues is true for no values, ForAnyValue is false.
TEST(Decide, set_operators) {
    const char* all = R"({"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}})";
    const char* any = R"({"ForAnyValue:StringLike":{"aws:TagKeys":["a*","b"]}})";
    const char* any_not = R"({"ForAnyValue:StringNotEquals":{"aws:TagKeys":["a"]}})";
    EXPECT_TRUE(holds(all, {{"aws:tagkeys", {"a", "b"}}}));
    EXPECT_FALSE(holds(all, {{"aws:tagkeys", {"a", "c"}}}));
    EXPECT_TRUE(holds(all, {{"aws:tagkeys", {}}}));
    EXPECT_TRUE(holds(any, {{"aws:tagkeys", {"x", "ax"}}}));
    EXPECT_FALSE(holds(any, {{"aws:tagkeys", {"x", "y"}}}));
    EXPECT_FALSE(holds(any, {{"aws:tagkeys", {}}}));
    const char* any_if = R"({"ForAnyValue:StringEqualsIfExists":{"aws:TagKeys":"a"}})";
    EXPECT_FALSE(holds(any_if, {{"aws:tagkeys", {}}}));
    EXPECT_TRUE(denies(any_if, {{"aws:tagkeys", {}}}));
    const char* not_v4 = R"({"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}})";
    EXPECT_FALSE(holds(not_v4, {{"aws:sourceip", {"2001:db8::1"}}}));
    EXPECT_TRUE(denies(not_v4, {{"aws:sourceip", {"2001:db8::1"}}}));
    EXPECT_TRUE(holds(any_not, {{"aws:tagkeys", {"a", "b"}}}));
    EXPECT_FALSE(holds(any_not, {{"aws:tagkeys", {"a"}}}));
    EXPECT_FALSE(holds(R"({"StringEquals":{"aws:TagKeys":"a"}})", {{"aws:tagkeys", {"a", "b"}}}));
}

// "Conditions with multiple context keys or values": keys and operators AND, values OR.
TEST(Decide, operators_and_keys_are_all_required) {
    const char* both = R"({"StringEquals":{"k:x":"a","K:Y":"b"},"Bool":{"k:z":"true"}})";
    EXPECT_TRUE(holds(both, {{"k:x", {"a"}}, {"k:y", {"b"}}, {"k:z", {"true"}}}));
    EXPECT_FALSE(holds(both, {{"k:x", {"a"}}, {"k:y", {"c"}}, {"k:z", {"true"}}}));
    EXPECT_FALSE(holds(both, {{"k:x", {"a"}}, {"k:y", {"b"}}, {"k:z", {"false"}}}));
}

// "Variables and tags": in Resource behind the fifth colon and in String and Arn values.
TEST(Decide, variables_stand_for_values) {
    const Scope scope = statements(
        R"({"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b/${aws:PrincipalTag/team, 'none'}/*"})");
    Operation get = op("s3:GetObject", "arn:aws:s3:::b/red/x");
    get.context["aws:principaltag/team"] = {"red"};
    EXPECT_TRUE(allows(scope, get));
    for (const char* wild : {"*", "r*", "r?d"}) {
        get.context["aws:principaltag/team"] = {wild};
        EXPECT_FALSE(allows(scope, get)) << wild;
    }
    get.context["aws:principaltag/team"] = {};
    EXPECT_FALSE(allows(scope, get));
    get.accesses[0].resources[0].arn = "arn:aws:s3:::b/none/x";
    EXPECT_TRUE(allows(scope, get));
    get.context.clear();
    EXPECT_FALSE(allows(scope, get));
    EXPECT_TRUE(holds(R"({"StringLike":{"k:x":"${narrows:Agent}/*"}})", {{"k:x", {"agent-1/y"}}}));
    EXPECT_FALSE(holds(R"({"StringLike":{"k:x":"${narrows:Agent}/*"}})", {{"k:x", {"agent-2/y"}}}));
}

TEST(Decide, a_deny_with_an_unresolved_variable_denies_what_it_could_name) {
    const Scope scope = statements(R"(
        {"Effect":"Allow","Action":"*","Resource":"*"},
        {"Effect":"Deny","Action":"*","Resource":"arn:aws:s3:::b/${k:owner}/*"})");
    EXPECT_FALSE(allows(scope, op("s3:GetObject", "arn:aws:s3:::b/ana/x")));
    EXPECT_TRUE(allows(scope, op("s3:GetObject", "arn:aws:s3:::c/ana/x")));
}

TEST(Decide, without_the_new_version_variables_are_text) {
    const Scope old = scope_of(
        R"({"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b/${narrows:Agent}"}})");
    EXPECT_FALSE(allows(old, op("s3:GetObject", "arn:aws:s3:::b/agent-1")));
    EXPECT_TRUE(allows(old, op("s3:GetObject", "arn:aws:s3:::b/${narrows:Agent}")));
}

TEST(Decide, facts_feed_the_keys_of_the_session_and_win) {
    EXPECT_TRUE(
        holds(R"({"StringEquals":{"narrows:Agent":"agent-1","NARROWS:taskid":"T-1"}})", {}));
    EXPECT_FALSE(
        holds(R"({"StringEquals":{"narrows:Agent":"root"}})", {{"narrows:agent", {"root"}}}));
    EXPECT_TRUE(holds(R"({"StringLike":{"narrows:Principal":"*@example.com"}})", {}));
    EXPECT_TRUE(holds(R"({"DateLessThan":{"aws:CurrentTime":"2030-01-01T00:00:00Z"}})", {}));
    EXPECT_TRUE(holds(R"({"NumericGreaterThan":{"aws:EpochTime":"1"}})", {}));
    Facts nobody = facts();
    nobody.principal.reset();
    nobody.now.reset();
    const Scope scope = statements(R"({"Effect":"Allow","Action":"*","Resource":"*","Condition":
        {"Null":{"narrows:Principal":"true"}}})");
    EXPECT_TRUE(decide(scope, op("s3:GetObject", kObject), nobody).allowed());
    const Scope timed = statements(R"({"Effect":"Allow","Action":"*","Resource":"*","Condition":
        {"DateLessThan":{"aws:CurrentTime":"2030-01-01T00:00:00Z"}}})");
    EXPECT_FALSE(decide(timed, op("s3:GetObject", kObject), nobody).allowed());
}

TEST(Decide, approval_holds_unless_another_statement_allows) {
    const std::string held = R"({"Sid":"Ask","Effect":"Allow","Action":"s3:*","Resource":"*",
        "Condition":{"StringEquals":{"narrows:Approval":"required"}}})";
    const model::Decision hold = decide(statements(held), op("s3:PutObject", kObject), facts());
    EXPECT_EQ(hold.verdict, Verdict::hold);
    EXPECT_EQ(hold.reason, Reason::needs_approval);
    EXPECT_EQ(hold.statement, "Ask");
    const std::string read = R"(,{"Effect":"Allow","Action":"s3:Get*","Resource":"*"})";
    EXPECT_TRUE(allows(statements(held + read), op("s3:GetObject", kObject)));
    EXPECT_FALSE(allows(statements(held), op("sqs:SendMessage", "arn:aws:sqs:a:1:q")));
}

TEST(Decide, guardrail_wants_the_action_in_full) {
    Operation pass = op("iam:PassRole", "arn:aws:iam::1:role/r");
    for (const EffectClass effect :
         {EffectClass::delegate, EffectClass::grant, EffectClass::credential}) {
        pass.effect = effect;
        const model::Decision deny = decide(
            statements(R"({"Effect":"Allow","Action":"iam:*","Resource":"*"})"), pass, facts());
        EXPECT_EQ(deny.verdict, Verdict::deny);
        EXPECT_EQ(deny.reason, Reason::guardrail);
        EXPECT_FALSE(allows(
            statements(R"({"Effect":"Allow","NotAction":"s3:GetObject","Resource":"*"})"), pass));
        EXPECT_TRUE(allows(
            statements(R"({"Effect":"Allow","Action":["s3:*","IAM:passrole"],"Resource":"*"})"),
            pass));
    }
    pass.effect = EffectClass::write;
    EXPECT_TRUE(allows(statements(R"({"Effect":"Allow","Action":"iam:*","Resource":"*"})"), pass));
}

TEST(Decide, statements_for_calls_of_services_never_match_here) {
    Operation decrypt = op("kms:Decrypt", "arn:aws:kms:eu-west-1:1:key/k");
    decrypt.context = {{"kms:viaservice", {"s3.eu-west-1.amazonaws.com"}}};
    EXPECT_FALSE(allows(statements(R"({"Effect":"Allow","Action":"kms:Decrypt","Resource":"*",
        "Condition":{"StringEquals":{"kms:ViaService":"s3.eu-west-1.amazonaws.com"}}})"),
                        decrypt));
    EXPECT_TRUE(allows(statements(R"({"Effect":"Allow","Action":"kms:Decrypt","Resource":"*"},
        {"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"aws:ViaAWSService":"true"}}}
        )"),
                       decrypt));
}

// IAM User Guide, "AWS: Denies access to AWS based on the source IP": a request of the principal's
// own has aws:ViaAWSService false; kms:ViaService is only there when a service made the request.
TEST(Decide, a_deny_of_direct_calls_holds) {
    const Operation decrypt = op("kms:Decrypt", "arn:aws:kms:eu-west-1:1:key/k");
    const auto denied = [&](const std::string& condition) {
        return !allows(statements(R"({"Effect":"Allow","Action":"kms:Decrypt","Resource":"*"},
            {"Effect":"Deny","Action":"*","Resource":"*","Condition":)" +
                                  condition + "}"),
                       decrypt);
    };
    EXPECT_TRUE(denied(R"({"Bool":{"aws:ViaAWSService":"false"}})"));
    EXPECT_TRUE(denied(R"({"StringNotEquals":{"kms:ViaService":"s3.eu-west-1.amazonaws.com"}})"));
    EXPECT_TRUE(denied(R"({"Null":{"aws:CalledVia":"true"}})"));
    EXPECT_FALSE(denied(R"({"StringEquals":{"kms:ViaService":"s3.eu-west-1.amazonaws.com"}})"));
}

TEST(Decide, explain_says_what_each_statement_did) {
    const Scope scope = statements(R"(
        {"Sid":"A","Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::reports/*"},
        {"Sid":"B","Effect":"Allow","Action":"s3:Put*","Resource":"*"},
        {"Sid":"C","Effect":"Deny","Action":"*","Resource":"*",
         "Condition":{"StringNotEquals":{"aws:ResourceTag/open":"yes"}}})");
    const Explanation e = explain(scope, op("s3:GetObject", kObject), facts());
    EXPECT_EQ(e.decision.reason, Reason::explicit_deny);
    ASSERT_EQ(e.accesses.size(), 1U);
    ASSERT_EQ(e.accesses[0].statements.size(), 3U);
    EXPECT_TRUE(e.accesses[0].statements[0].counts);
    EXPECT_EQ(e.accesses[0].statements[1].action, Truth::no);
    EXPECT_FALSE(e.accesses[0].statements[1].counts);
    EXPECT_EQ(e.accesses[0].statements[2].condition, Truth::unknown);
    EXPECT_TRUE(e.accesses[0].statements[2].counts);
    EXPECT_NE(e.accesses[0].statements[2].why.find("aws:ResourceTag/open"), std::string::npos);
}

/// Random statements, operations and contexts over a few words.
class Dice {
  public:
    explicit Dice(unsigned seed) : engine_(seed) {}
    std::size_t below(std::size_t bound) { return engine_() % bound; }
    template <std::size_t N>
    std::string pick(const char* const (&words)[N]) {
        return words[below(N)];
    }

    std::string statement(const char* effect) {
        static const char* const actions[] = {"*", "s3:*", "s3:Get*", "s3:GetObject", "sqs:*"};
        static const char* const resources[] = {"*", "arn:aws:s3:::a/*", "arn:aws:s3:::?/x",
                                                "arn:aws:s3:::a/${k:x, 'x'}", "arn:aws:*:::*"};
        static const char* const conditions[] = {
            "{}",
            R"({"StringEquals":{"k:x":"x"}})",
            R"({"StringNotEquals":{"k:x":"x"}})",
            R"({"StringLikeIfExists":{"k:x":"x*"}})",
            R"({"Null":{"k:x":"true"}})",
            R"({"ForAllValues:StringEquals":{"k:x":["x","y"]}})"};
        std::string resource = pick(resources);
        if (resource == "arn:aws:*:::*") resource = "arn:*:s3:::*";
        return std::string(R"({"Effect":")") + effect + R"(",")" + (below(4) == 0 ? "Not" : "") +
               R"(Action":")" + pick(actions) + R"(",")" + (below(4) == 0 ? "Not" : "") +
               R"(Resource":")" + resource + R"(","Condition":)" + pick(conditions) + "}";
    }
    Operation operation() {
        static const char* const actions[] = {"s3:GetObject", "s3:PutObject", "sqs:SendMessage"};
        static const char* const resources[] = {"arn:aws:s3:::a/x", "arn:aws:s3:::b/x",
                                                "arn:aws:s3:::a/*", "*"};
        Operation operation = op(pick(actions), pick(resources), below(2) == 0);
        operation.effect = below(5) == 0 ? EffectClass::grant : EffectClass::read;
        if (below(3) != 0) {
            auto& values = operation.context["k:x"];
            for (std::size_t i = below(3); i > 0; --i) values.push_back(below(2) == 0 ? "x" : "y");
        }
        return operation;
    }

  private:
    std::mt19937 engine_;
};

TEST(Decide, adding_a_deny_never_allows_more_and_an_allow_never_less) {
    Dice dice(7);
    for (int round = 0; round < 500; ++round) {
        const std::string base =
            dice.statement("Allow") + "," + dice.statement(dice.below(2) == 0 ? "Allow" : "Deny");
        const Operation operation = dice.operation();
        const bool before = allows(statements(base), operation);
        const std::string deny = dice.statement("Deny");
        const std::string allow = dice.statement("Allow");
        ASSERT_LE(allows(statements(base + "," + deny), operation), before) << base << deny;
        ASSERT_GE(allows(statements(base + "," + allow), operation), before) << base << allow;
    }
}

// Whatever an unknown turns out to be at AWS, what the gateway let through is let through.
TEST(Decide, learning_more_never_takes_an_allow_away) {
    Dice dice(11);
    for (int round = 0; round < 500; ++round) {
        const Scope scope = statements(dice.statement("Allow") + "," + dice.statement("Deny"));
        Operation vague = dice.operation();
        vague.context.clear();
        if (!allows(scope, vague)) continue;
        for (const model::Context& known :
             {model::Context{{"k:x", {}}}, model::Context{{"k:x", {"x"}}},
              model::Context{{"k:x", {"y"}}}, model::Context{{"k:x", {"x", "y"}}}}) {
            Operation sharp = vague;
            sharp.context = known;
            ASSERT_TRUE(allows(scope, sharp));
        }
    }
}

/// What a request that names a role without its path may mean.
Operation get_role() {
    Operation operation = op("iam:GetRole", "arn:aws:iam::1:role/worker");
    operation.accesses[0].resources.push_back({"arn:aws:iam::1:role/*/worker", false, true});
    return operation;
}

bool role_allowed(const std::string& list, bool enforced_again) {
    Facts known = facts();
    known.enforced_again = enforced_again;
    return decide(statements(list), get_role(), known).allowed();
}

constexpr const char* kOnExactRole =
    R"({"Effect":"Allow","Action":"iam:GetRole","Resource":"arn:aws:iam::1:role/worker"})";

TEST(Decide, an_alternative_that_no_allow_touches_is_left_to_aws_if_aws_enforces_the_scope) {
    EXPECT_TRUE(role_allowed(kOnExactRole, true));
    EXPECT_FALSE(role_allowed(kOnExactRole, false));
}

TEST(Decide, an_alternative_that_is_covered_needs_nobody_else) {
    const std::string both =
        R"({"Effect":"Allow","Action":"iam:GetRole","Resource":"arn:aws:iam::1:role/*worker"})";
    EXPECT_TRUE(role_allowed(both, true));
    EXPECT_TRUE(role_allowed(both, false));
}

TEST(Decide, an_alternative_alone_allows_nothing) {
    EXPECT_FALSE(role_allowed(
        R"({"Effect":"Allow","Action":"iam:GetRole","Resource":"arn:aws:iam::1:role/*/worker"})",
        true));
}

// AWS would let role/admin/worker through by the second statement, whatever the gateway asks of it.
TEST(Decide, an_alternative_that_an_allow_touches_must_be_allowed_whole) {
    const std::string exact = kOnExactRole;
    for (const char* touching :
         {R"({"Effect":"Allow","Action":"iam:*","Resource":"arn:aws:iam::1:role/admin/*"})",
          R"({"Effect":"Allow","Action":"iam:GetRole","NotResource":"arn:aws:iam::1:role/x/*"})",
          R"({"Effect":"Allow","Action":"iam:GetRole","Resource":"*",
                 "Condition":{"StringEquals":{"aws:PrincipalTag/a":"b"}}})",
          R"({"Effect":"Allow","Action":"iam:GetRole","Resource":"*",
                 "Condition":{"StringEquals":{"narrows:Approval":"required"}}})"}) {
        EXPECT_FALSE(role_allowed(exact + "," + touching, true)) << touching;
    }
}

TEST(Decide, a_deny_that_could_match_an_alternative_matches) {
    const std::string exact = kOnExactRole;
    const auto deny = [](const char* resource) {
        return std::string(R"(,{"Effect":"Deny","Action":"iam:*","Resource":"arn:aws:iam::1:)") +
               resource + "\"}";
    };
    EXPECT_FALSE(role_allowed(exact + deny("role/admin/*"), true));
    EXPECT_FALSE(role_allowed(exact + deny("role/worker"), true));
    EXPECT_FALSE(role_allowed(exact + deny("role/admin/worker"), true));
    EXPECT_TRUE(role_allowed(exact + deny("role/admin/other"), true));
    EXPECT_TRUE(role_allowed(exact + deny("role/otherworker"), true));
}

}  // namespace
}  // namespace narrows::policy
