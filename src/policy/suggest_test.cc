#include "policy/suggest.h"

#include <random>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/json.h"
#include "policy/simulate.h"

namespace narrows::policy {
namespace {

using model::Access;
using model::Operation;
using model::Resource;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Operation operation(std::vector<Access> accesses, model::Context context = {}) {
    Operation made;
    made.effect = model::EffectClass::read;
    made.accesses = std::move(accesses);
    made.context = std::move(context);
    return made;
}

Operation one(const std::string& action, const std::string& arn) {
    return operation({{action, {{arn}}}});
}

Suggested suggested(const std::vector<Operation>& operations, const SuggestOptions& options = {}) {
    Used used(options);
    for (const Operation& each : operations) EXPECT_TRUE(used.add(each, {}));
    Result<Suggested> made = used.suggest();
    EXPECT_TRUE(made) << (made ? "" : made.error().what);
    return made ? made.value() : Suggested{};
}

/// The statements of a policy, compact and without what is the same in all.
std::string statements(const Suggested& of) {
    const codec::Value policy = codec::json_decode(of.json).value();
    EXPECT_EQ(policy.text("Version"), "2012-10-17");
    return codec::json_encode(*policy.find("Statement"));
}

TEST(Suggest, names_each_action_on_what_it_was_used_on_and_nothing_else) {
    const Suggested made = suggested({
        one("s3:GetObject", "arn:aws:s3:::reports/a.csv"),
        one("s3:GetObject", "arn:aws:s3:::reports/b.csv"),
        one("s3:GetObject", "arn:aws:s3:::reports/a.csv"),
        one("s3:PutObject", "arn:aws:s3:::reports/b.csv"),
        one("s3:GetObjectTagging", "arn:aws:s3:::reports/b.csv"),
        one("s3:ListAllMyBuckets", "*"),
    });
    EXPECT_EQ(
        statements(made),
        R"([{"Action":"s3:GetObject","Effect":"Allow","Resource":["arn:aws:s3:::reports/a.csv","arn:aws:s3:::reports/b.csv"],"Sid":"S3GetObject"},)"
        R"({"Action":["s3:GetObjectTagging","s3:PutObject"],"Effect":"Allow","Resource":"arn:aws:s3:::reports/b.csv","Sid":"S3GetObjectTagging"},)"
        R"({"Action":"s3:ListAllMyBuckets","Effect":"Allow","Resource":"*","Sid":"S3ListAllMyBuckets"}])");
    EXPECT_THAT(made.widened, IsEmpty());
}

TEST(Suggest, wildcards_in_names_stand_for_themselves_and_patterns_take_in_what_they_cover) {
    const Suggested made = suggested({
        one("s3:GetObject", "arn:aws:s3:::b/what?*$.txt"),
        operation({{"s3:ListBucket", {{"arn:aws:s3:::b*", false}}}}),
        one("s3:ListBucket", "arn:aws:s3:::bb"),
        one("s3:ListBucket", "arn:aws:s3:::c"),
    });
    EXPECT_EQ(
        statements(made),
        R"([{"Action":"s3:GetObject","Effect":"Allow","Resource":"arn:aws:s3:::b/what${?}${*}${$}.txt","Sid":"S3GetObject"},)"
        R"({"Action":"s3:ListBucket","Effect":"Allow","Resource":["arn:aws:s3:::b*","arn:aws:s3:::c"],"Sid":"S3ListBucket"}])");
}

TEST(Suggest, a_pattern_does_not_swallow_a_name_that_only_looks_alike_when_escaped) {
    const Suggested made = suggested({
        operation({{"s3:GetObject", {{"arn:aws:s3:::b/$*", false}}}}),
        one("s3:GetObject", "arn:aws:s3:::b/*"),
    });
    EXPECT_THAT(statements(made),
                HasSubstr(R"("Resource":["arn:aws:s3:::b/${$}*","arn:aws:s3:::b/${*}"])"));
}

TEST(Suggest, resources_are_widened_to_their_nearest_folder_only_if_they_must_be) {
    const std::vector<Operation> used = {
        one("s3:GetObject", "arn:aws:s3:::b/2026/w1/a"),
        one("s3:GetObject", "arn:aws:s3:::b/2026/w1/b"),
        one("s3:GetObject", "arn:aws:s3:::b/2026/w2/a"),
        one("s3:GetObject", "arn:aws:s3:::c/x"),
    };
    const Suggested three = suggested(used, {.resources_max = 3});
    EXPECT_THAT(
        statements(three),
        HasSubstr(R"(["arn:aws:s3:::b/2026/w1/*","arn:aws:s3:::b/2026/w2/a","arn:aws:s3:::c/x"])"));
    EXPECT_THAT(
        three.widened,
        ElementsAre(
            "s3:GetObject on all of arn:aws:s3:::b/2026/w1/*, where 2 resources were used."));
    const Suggested two = suggested(used, {.resources_max = 2});
    EXPECT_THAT(statements(two), HasSubstr(R"(["arn:aws:s3:::b/2026/*","arn:aws:s3:::c/x"])"));
    EXPECT_THAT(two.widened,
                ElementsAre("s3:GetObject on all of arn:aws:s3:::b/2026/*, where 3 resources were "
                            "used."));
    // Two buckets are two buckets, whatever the bound.
    EXPECT_EQ(statements(suggested(used, {.resources_max = 1})), statements(two));
}

TEST(Suggest, tables_and_buckets_are_never_joined_to_a_pattern) {
    const std::string table = "arn:aws:dynamodb:us-east-1:1:table/";
    const Suggested made = suggested(
        {one("dynamodb:Query", table + "a"), one("dynamodb:Query", table + "b"),
         one("dynamodb:Query", table + "a/index/x"), one("dynamodb:Query", table + "a/index/y")},
        {.resources_max = 1});
    EXPECT_THAT(
        statements(made),
        HasSubstr(
            R"(["arn:aws:dynamodb:us-east-1:1:table/a","arn:aws:dynamodb:us-east-1:1:table/a/index/*","arn:aws:dynamodb:us-east-1:1:table/b"])"));
}

TEST(Suggest, fewer_statements_are_joined_where_it_widens_least_and_it_says_by_what) {
    const std::vector<Operation> used = {
        one("s3:GetObject", "arn:aws:s3:::b/a"),
        one("s3:PutObject", "arn:aws:s3:::b/out/*z"),
        one("dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:1:table/t"),
        one("s3:ListAllMyBuckets", "*"),
    };
    const Suggested made = suggested(used, {.statements_max = 3});
    EXPECT_THAT(made.widened, ElementsAre("dynamodb:GetItem on arn:aws:s3:::b/a.",
                                          "s3:GetObject on arn:aws:dynamodb:us-east-1:1:table/t."));
    Used all({.statements_max = 1});
    for (const Operation& each : used) ASSERT_TRUE(all.add(each, {}));
    const auto refused = all.suggest();
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().what, HasSubstr("2 statements are the fewest"));
}

TEST(Suggest, conditions_only_when_asked_and_only_where_every_use_had_one_value) {
    const auto list = [](const std::string& bucket, std::vector<std::string> prefix) {
        return operation({{"s3:ListBucket", {{"arn:aws:s3:::" + bucket}}}},
                         {{"s3:prefix", std::move(prefix)}});
    };
    const std::vector<Operation> used = {list("a", {"in/"}), list("a", {"o$ut/"}),
                                         list("b", {"in/"}), list("b", {})};
    EXPECT_THAT(statements(suggested(used)), Not(HasSubstr("Condition")));
    const Suggested bound = suggested(used, {.conditions = {"s3:prefix"}});
    EXPECT_EQ(
        statements(bound),
        R"([{"Action":"s3:ListBucket","Condition":{"StringEquals":{"s3:prefix":["in/","o${$}ut/"]}},"Effect":"Allow","Resource":"arn:aws:s3:::a","Sid":"S3ListBucket"},)"
        R"({"Action":"s3:ListBucket","Effect":"Allow","Resource":"arn:aws:s3:::b","Sid":"S3ListBucket2"}])");
    EXPECT_THAT(bound.notes,
                ElementsAre(HasSubstr("s3:ListBucket on arn:aws:s3:::b is not bound")));
    const Scope scope = Scope::parse(bound.json).value();
    EXPECT_TRUE(decide(scope, list("a", {"o$ut/"}), {}).allowed());
    EXPECT_FALSE(decide(scope, list("a", {"else/"}), {}).allowed());
}

TEST(Suggest, alternatives_are_left_to_aws_or_named_as_patterns) {
    const std::string role = "arn:aws:iam::1:role/";
    const Operation get =
        operation({{"iam:GetRole", {{role + "worker"}, {role + "*/worker", false, true}}}});
    EXPECT_THAT(statements(suggested({get})),
                HasSubstr(R"("Resource":"arn:aws:iam::1:role/worker")"));
    EXPECT_THAT(statements(suggested({get}, {.leave_alternatives = false})),
                HasSubstr(R"(["arn:aws:iam::1:role/*/worker","arn:aws:iam::1:role/worker"])"));
}

TEST(Suggest, nothing_used_is_an_error) {
    EXPECT_FALSE(Used({}).suggest());
}

TEST(Usage, tells_statements_actions_and_resources_that_nobody_needed) {
    Usage usage(Scope::parse(R"({"Version":"2012-10-17","Statement":[
        {"Sid":"Read","Effect":"Allow","Action":["s3:Get*","s3:ListBucket"],
         "Resource":["arn:aws:s3:::a/*","arn:aws:s3:::b/*"]},
        {"Sid":"Write","Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::a/*"},
        {"Sid":"Never","Effect":"Deny","Action":"s3:DeleteObject","Resource":"*"},
        {"Effect":"Allow","Action":"dynamodb:GetItem","Resource":"*"}]})")
                    .value());
    usage.add(one("s3:GetObject", "arn:aws:s3:::a/k"), {});
    usage.add(one("s3:GetObjectTagging", "arn:aws:s3:::a/k"), {});
    usage.add(one("dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:1:table/t"), {});
    std::vector<std::string> told;
    for (const Unused& each : usage.unused()) {
        told.push_back(
            fmt::format("{} {} {} {}", each.statement, each.path, each.what, each.used_for.size()));
    }
    EXPECT_THAT(told, ElementsAre("Read Statement[0].Action[0] s3:Get* 2",
                                  "Read Statement[0].Action[1] s3:ListBucket 0",
                                  "Read Statement[0].Resource[1] arn:aws:s3:::b/* 0",
                                  "Write Statement[1]  0"));
}

// ---- properties, on generated operations

struct Generated {
    std::mt19937 random;
    std::size_t below(std::size_t most) { return random() % most; }
    Operation next() {
        static const std::vector<std::string> actions = {"s3:GetObject", "s3:PutObject",
                                                         "s3:DeleteObject", "sqs:SendMessage"};
        static const std::vector<std::string> names = {"a", "b/c", "b/*", "b/?x", "$d", "b/c/d"};
        std::vector<Access> accesses;
        for (std::size_t i = 0; i <= below(2); ++i) {
            std::vector<Resource> resources;
            for (std::size_t n = 0; n <= below(3); ++n) {
                const bool exact = below(5) != 0;
                resources.push_back(
                    {fmt::format("arn:aws:s3:::bucket{}/{}", below(3), names[below(names.size())]),
                     exact});
            }
            accesses.push_back({actions[below(actions.size())], std::move(resources)});
        }
        Operation made = operation(std::move(accesses));
        if (below(2) == 0) made.context["s3:prefix"] = {names[below(names.size())]};
        return made;
    }
};

TEST(SuggestProperties, allows_all_that_was_used_and_nothing_of_an_untouched_bucket) {
    for (unsigned seed = 0; seed < 400; ++seed) {
        Generated generated{std::mt19937(seed)};
        SuggestOptions options;
        options.resources_max = generated.below(4);
        if (generated.below(2) == 0) options.conditions = {"s3:prefix"};
        if (generated.below(2) == 0) options.statements_max = 1 + generated.below(3);
        std::vector<Operation> operations;
        for (std::size_t n = 0; n <= generated.below(12); ++n)
            operations.push_back(generated.next());
        Used used(options);
        for (const Operation& each : operations) ASSERT_TRUE(used.add(each, {}));
        const auto made = used.suggest();
        if (!made) {
            EXPECT_NE(options.statements_max, 0U) << made.error().what;
            continue;
        }
        const auto scope = Scope::parse(made.value().json);
        ASSERT_TRUE(scope) << scope.error().what << made.value().json;
        for (const Operation& each : operations) {
            const model::Decision decision = decide(scope.value(), each, {});
            EXPECT_TRUE(decision.allowed()) << decision.why << made.value().json;
        }
        for (const char* action : {"s3:GetObject", "s3:PutObject", "s3:DeleteObject"}) {
            for (const char* key : {"a", "b/c", "x"}) {
                Operation other = one(action, std::string("arn:aws:s3:::untouched/") + key);
                other.context["s3:prefix"] = {"a"};
                EXPECT_FALSE(decide(scope.value(), other, {}).allowed()) << made.value().json;
            }
        }
    }
}

}  // namespace
}  // namespace narrows::policy
