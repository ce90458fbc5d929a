#include "policy/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/text.h"
#include "policy/pattern.h"

namespace narrows::policy {
namespace {

class FewActions : public ActionCatalogue {
  public:
    bool exists(std::string_view action) const override {
        const std::string name = codec::lower(action);
        return name == "s3:getobject" || name == "s3:*" || name == "kms:decrypt";
    }
    std::vector<KnownAction> matching(std::string_view action) const override {
        if (!exists(action)) return {};
        return {{std::string(action), false, {}, {}, false}};
    }
    std::optional<std::string> suggest(std::string_view action) const override {
        if (action == "s3:GetObjekt") return "s3:GetObject";
        return std::nullopt;
    }
};

bool has(const std::vector<Finding>& findings, Severity severity, std::string_view path) {
    for (const Finding& finding : findings) {
        if (finding.severity == severity && finding.path == path) return true;
    }
    return false;
}

TEST(Check, finds_what_does_not_do_what_it_says) {
    const auto findings = check(std::string_view(R"({"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":["s3:GetObject","s3:GetObjekt"],"Resource":"arn:aws:s3:::b/*"},
        {"Effect":"Allow","Action":"s3:*","Resource":["*"]},
        {"Effect":"Allow","Action":"kms:Decrypt","Resource":"arn:aws:kms:*:1:key/a",
         "Condition":{"StringEquals":{"kms:ViaService":"s3.eu-west-1.amazonaws.com"}}},
        {"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*",
         "Condition":{"StringEquals":{"aws:ResourceTag/open":"yes"}}},
        {"Effect":"Deny","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*",
         "Condition":{"StringEquals":{"s3:ResourceTag/open":"no"}}},
        {"Effect":"Allow","NotAction":"s3:*","NotResource":"arn:aws:s3:::b/*",
         "Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":"a"},
                      "StringEquals":{"narrows:Approval":"required","narrows:Agnet":"a"}}},
        {"Effect":"Deny","Action":"kms:*","Resource":"*"}]})"),
                                FewActions());
    EXPECT_TRUE(has(findings, Severity::error, "Statement[0].Action[1]"));
    EXPECT_EQ(findings[0].suggestion, "s3:GetObject");
    EXPECT_TRUE(has(findings, Severity::warning, "Statement[1].Action"));
    EXPECT_TRUE(has(findings, Severity::warning, "Statement[1].Resource[0]"));
    EXPECT_TRUE(has(findings, Severity::note, "Statement[2].Condition"));
    EXPECT_TRUE(has(findings, Severity::error, "Statement[2]"));
    EXPECT_TRUE(
        has(findings, Severity::error, "Statement[3].Condition.StringEquals.aws:ResourceTag/open"));
    EXPECT_TRUE(has(findings, Severity::warning,
                    "Statement[4].Condition.StringEquals.s3:ResourceTag/open"));
    EXPECT_TRUE(has(findings, Severity::warning, "Statement[5].NotAction"));
    EXPECT_TRUE(has(findings, Severity::warning, "Statement[5].NotResource"));
    EXPECT_TRUE(has(findings, Severity::warning,
                    "Statement[5].Condition.ForAllValues:StringEquals.aws:TagKeys"));
    EXPECT_TRUE(
        has(findings, Severity::error, "Statement[5].Condition.StringEquals.narrows:Agnet"));
    EXPECT_TRUE(has(findings, Severity::note, "Statement[5].Condition"));
}

TEST(Check, is_quiet_on_a_narrow_scope_and_reports_one_syntax_error) {
    EXPECT_TRUE(check(std::string_view(R"({"Version":"2012-10-17","Statement":{"Effect":"Allow",
        "Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}})"),
                      FewActions())
                    .empty());
    const auto broken =
        check(std::string_view(R"({"Statement":[{"Effect":"Maybe"}]})"), FewActions());
    ASSERT_EQ(broken.size(), 1U);
    EXPECT_EQ(broken[0].path, "Statement[0].Effect");
    EXPECT_EQ(check(std::string_view("{"), FewActions()).size(), 1U);
    EXPECT_TRUE(
        has(check(std::string_view(R"({"Statement":{"Effect":"Allow","Action":"s3:GetObject",
        "Resource":"arn:aws:s3:::${narrows:Agent}"}})"),
                  FewActions()),
            Severity::error, "Version"));
}

/// Four actions, as IAM's tables and the service model have them.
class SomeActions : public ActionCatalogue {
  public:
    bool exists(std::string_view action) const override { return !matching(action).empty(); }
    std::vector<KnownAction> matching(std::string_view action) const override {
        const std::vector<KnownAction> all = {
            {"s3:GetObject", true, {"arn:*:s3:::*/*"}, {"s3:versionid"}, false},
            {"s3:ListBucket", true, {"arn:*:s3:::*"}, {"s3:prefix", "s3:delimiter"}, false},
            {"s3:ListAllMyBuckets", true, {"*"}, {}, false},
            {"s3:PutBucketPolicy", true, {"arn:*:s3:::*"}, {}, true},
            {"dynamodb:CreateTable",
             true,
             {"arn:*:dynamodb:*:*:table/*"},
             {"aws:requesttag/"},
             false},
        };
        std::vector<KnownAction> found;
        const Pattern pattern = Pattern::glob(codec::lower(action));
        for (const KnownAction& each : all) {
            if (pattern.matches(text_of(codec::lower(each.name)))) found.push_back(each);
        }
        return found;
    }
    std::optional<std::string> suggest(std::string_view) const override { return std::nullopt; }
};

/// "error Statement[0].Action: …" of a scope with one statement, without suggestions.
std::vector<std::string> told(const std::string& statement, std::optional<WallNs> now = {}) {
    std::vector<std::string> all;
    const std::string text = R"({"Version":"2012-10-17","Statement":)" + statement + "}";
    for (const Finding& each : check(std::string_view(text), SomeActions(), now)) {
        all.push_back(std::string(name_of(each.severity)) + " " + each.path + ": " + each.message);
    }
    return all;
}

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Check, actions_and_resources_that_never_meet) {
    EXPECT_THAT(told(R"({"Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],
                         "Resource":"arn:aws:s3:::b/*"})"),
                ElementsAre(HasSubstr("error Statement[0].Action[1]: s3:ListBucket is never")));
    EXPECT_THAT(told(R"({"Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],
                         "Resource":["arn:aws:s3:::b","arn:aws:s3:::b*"]})"),
                IsEmpty());
    EXPECT_THAT(
        told(R"({"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b"})"),
        ElementsAre("error Statement[0].Action: s3:GetObject is never asked on any resource "
                    "that this statement names.",
                    "error Statement[0].Resource: No action of this statement is ever asked "
                    "on arn:aws:s3:::b."));
    EXPECT_THAT(
        told(R"({"Effect":"Allow","Action":["s3:GetObject","s3:ListAllMyBuckets"],
                 "Resource":["arn:aws:s3:::b/*","arn:aws:sqs:*:*:q"]})"),
        ElementsAre(HasSubstr("error Statement[0].Action[1]: s3:ListAllMyBuckets is never asked"),
                    HasSubstr("error Statement[0].Resource[1]: No action of this statement"),
                    HasSubstr("warning Statement[0].Resource[1]: It covers every region and every "
                              "account.")));
}

TEST(Check, wildcards_wider_than_needed) {
    EXPECT_THAT(told(R"({"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*"})"),
                IsEmpty());
    EXPECT_THAT(told(R"({"Effect":"Allow","Action":"s3:GetObject","Resource":"*"})"),
                ElementsAre("warning Statement[0].Resource: Every resource, for actions that are "
                            "asked on named ones: s3:GetObject."));
    EXPECT_THAT(told(R"({"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::*/x"})"),
                ElementsAre("warning Statement[0].Resource: It covers every bucket."));
    EXPECT_THAT(
        told(R"({"Effect":"Allow","Action":"s3:*Bucket*","Resource":"arn:aws:s3:::b"})"),
        ElementsAre(
            "note Statement[0].Action: s3:*Bucket* stands for 3 actions today, and for what "
            "AWS adds.",
            "note Statement[0].Action: Only the gateway keeps s3:*Bucket* from allowing what "
            "hands on rights or credentials: s3:PutBucketPolicy."));
    EXPECT_THAT(told(R"({"Effect":"Allow","Action":"s3:GetObj*","Resource":"arn:aws:s3:::b/*"})"),
                ElementsAre(HasSubstr("warning Statement[0].Action: s3:GetObj* stands for 1 ")));
    // A Deny may be as wide as it likes.
    EXPECT_THAT(told(R"([{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"},
                         {"Effect":"Deny","Action":"s3:List*","Resource":"*"}])"),
                IsEmpty());
}

TEST(Check, keys_that_the_gateway_cannot_know_for_these_actions) {
    const std::string bound = R"("Condition":{"StringLike":{"s3:prefix":"in/*"}}})";
    EXPECT_THAT(
        told(R"({"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::b",)" + bound),
        IsEmpty());
    EXPECT_THAT(
        told(R"({"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*",)" + bound),
        ElementsAre("error Statement[0].Condition.StringLike.s3:prefix: The gateway cannot know "
                    "s3:prefix of these, so the statement never allows them: s3:GetObject."));
    EXPECT_THAT(told(R"({"Effect":"Allow","Action":["s3:ListBucket","s3:GetObject"],
                         "Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*"],)" +
                     bound),
                ElementsAre(HasSubstr("warning Statement[0].Condition")));
    EXPECT_THAT(told(R"({"Effect":"Allow","Action":"dynamodb:CreateTable",
        "Resource":"arn:aws:dynamodb:us-east-1:1:table/t",
        "Condition":{"StringEquals":{"aws:RequestTag/team":"a","aws:RequestedRegion":"us-east-1"}}})"),
                IsEmpty());
}

TEST(Check, conditions_that_can_never_hold) {
    const auto with = [](const std::string& condition, std::optional<WallNs> now = {}) {
        return told(R"({"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::b",
                        "Condition":)" +
                        condition + "}",
                    now);
    };
    const auto never = ElementsAre(HasSubstr("The statement never matches"));
    EXPECT_THAT(with(R"({"StringEquals":{"s3:prefix":["a","b"]},"StringLike":{"s3:prefix":"c*"}})"),
                never);
    EXPECT_THAT(with(R"({"StringEquals":{"s3:prefix":["a","b"]},"StringLike":{"s3:prefix":"b*"}})"),
                IsEmpty());
    EXPECT_THAT(
        with(R"({"StringEquals":{"s3:prefix":"A"},"StringEqualsIgnoreCase":{"s3:prefix":"a"}})"),
        IsEmpty());
    EXPECT_THAT(with(R"({"Null":{"s3:prefix":"true"},"StringEquals":{"s3:prefix":"a"}})"), never);
    EXPECT_THAT(with(R"({"Null":{"s3:prefix":"true"},"StringEqualsIfExists":{"s3:prefix":"a"}})"),
                IsEmpty());
    EXPECT_THAT(with(R"({"Null":{"s3:prefix":"true"},"StringNotEquals":{"s3:prefix":"a"}})"),
                IsEmpty());
    const std::string window = R"({"DateGreaterThan":{"aws:CurrentTime":"2026-02-01T00:00:00Z"},
        "DateLessThan":{"aws:CurrentTime":"2026-0)";
    EXPECT_THAT(with(window + R"(1-01T00:00:00Z"}})"), never);
    EXPECT_THAT(with(window + R"(3-01T00:00:00Z"}})"), IsEmpty());
    const WallNs in_april = WallNs{1'775'001'600} * kNsPerSecond;
    EXPECT_THAT(with(window + R"(3-01T00:00:00Z"}})", in_april), never);
}

TEST(Check, findings_stand_in_the_text) {
    const std::string text = R"({
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow", "Action": "s3:GetObject",
     "Resource": ["arn:aws:s3:::b/*", "*"]},
    {"Effect": "Allow",
     "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*",
     "Condition": {"StringLike": {"s3:prefix": "a"}}}
  ]
})";
    const auto findings = check(std::string_view(text), SomeActions());
    ASSERT_EQ(findings.size(), 2U);
    EXPECT_EQ(findings[0].path, "Statement[0].Resource[1]");
    EXPECT_EQ(std::pair(findings[0].line, findings[0].column), std::pair(5UL, 39UL));
    EXPECT_EQ(std::pair(findings[1].line, findings[1].column), std::pair(8UL, 35UL));

    struct Bad {
        const char* text;
        std::size_t line;
        std::size_t column;
    };
    for (const Bad& bad : {
             Bad{"{\n  \"Statement\": tru\n}", 2, 16},
             Bad{"{\n \"Statement\": {\"Effect\": \"Maybe\",\n\"Action\": \"*\"}}", 2, 16},
             Bad{"{\"Statement\": [\n {\"Effect\": \"Allow\", \"Action\": [\"*\",\n  \"s3\"]}]}", 3,
                 3},
             Bad{"{\n\"Version\": 2}", 2, 1},
             Bad{"{\"Statement\": [{\"Effect\": \"Allow\", \"Resource\": \"*\"}]}", 1, 16},
         }) {
        const auto found = check(std::string_view(bad.text), SomeActions());
        ASSERT_EQ(found.size(), 1U) << bad.text;
        EXPECT_EQ(std::pair(found[0].line, found[0].column), std::pair(bad.line, bad.column))
            << bad.text << found[0].message;
    }
}

}  // namespace
}  // namespace narrows::policy
