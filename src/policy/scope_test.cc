#include "policy/scope.h"

#include <gtest/gtest.h>

#include "codec/text.h"
#include "policy/document.h"
#include "policy/operand.h"

namespace narrows::policy {
namespace {

std::string error_of(std::string_view json) {
    const Result<Scope> scope = Scope::parse(json);
    return scope ? "" : scope.error().what;
}

TEST(Scope, keeps_its_text_and_digest) {
    const std::string text =
        R"({"Version":"2012-10-17","Id":"x","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}})";
    const Result<Scope> scope = Scope::parse(text);
    ASSERT_TRUE(scope.has_value());
    EXPECT_EQ(scope.value().text(), text);
    // printf '%s' … | sha256sum
    EXPECT_EQ(scope.value().digest_hex(),
              "31d31a5decf081d2ab37802ed02c66fd011fc55db5de56966bc17dbef39a1d4a");
}

TEST(Scope, errors_name_the_place) {
    const auto statement = [](const std::string& members) {
        return R"({"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"},{)" +
               members + "}]}";
    };
    const std::string rest = R"(,"Resource":"*")";
    const std::pair<std::string, std::string> cases[] = {
        {"[]", "no object"},
        {R"({"Version":"2020-01-01","Statement":[]})", "Version: "},
        {R"({"Statement":[]})", "Statement: "},
        {R"({"Version":"2012-10-17"})", "Statement: "},
        {R"({"Statement":[1]})", "Statement[0]: "},
        {R"({"Statements":[]})", "Statements: "},
        {statement(R"("Effect":"allow","Action":"*")" + rest), "Statement[1].Effect: "},
        {statement(R"("Action":"*")" + rest), "Statement[1].Effect: "},
        {statement(R"("Effect":"Allow")" + rest), "Statement[1]: "},
        {statement(R"("Effect":"Allow","Action":"*","NotAction":"*")" + rest), "Statement[1]: "},
        {statement(R"("Effect":"Allow","Action":[])" + rest), "Statement[1].Action: "},
        {statement(R"("Effect":"Allow","Action":["*",3])" + rest), "Statement[1].Action[1]: "},
        {statement(R"("Effect":"Allow","Action":"s3")" + rest), "Statement[1].Action: "},
        {statement(R"("Effect":"Allow","Action":"s*:Get")" + rest), "Statement[1].Action: "},
        {statement(R"("Effect":"Allow","NotAction":"s3:")" + rest), "Statement[1].NotAction: "},
        {statement(R"("Effect":"Allow","Action":"*")"), "Statement[1]: "},
        {statement(R"("Effect":"Allow","Action":"*","Resource":"arn:aws:s3")"),
         "Statement[1].Resource: "},
        {statement(R"("Effect":"Allow","Action":"*","Resource":"arn:aws:*:::x")"),
         "Statement[1].Resource: "},
        {statement(R"("Effect":"Allow","Action":"*","Resource":"arn:aws:s3::${k:x}:b")"),
         "Statement[1].Resource: "},
        {statement(R"("Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b/${k:x")"),
         "Statement[1].Resource: "},
        {statement(R"("Effect":"Allow","Action":"*","Resource":"${k:x}")"),
         "Statement[1].Resource: "},
        {statement(R"("Effect":"Allow","Action":"*","Resource":"*b")"), "Statement[1].Resource: "},
        {statement(R"("Effect":"Allow","Action":"*","Principal":"*")" + rest),
         "Statement[1].Principal: "},
        {statement(R"("Effect":"Allow","Action":"*","Extra":1)" + rest), "Statement[1].Extra: "},
        {statement(R"("Sid":"a b","Effect":"Allow","Action":"*")" + rest), "Statement[1].Sid: "},
        {statement(R"("Effect":"Allow","Action":"*","Condition":[])" + rest),
         "Statement[1].Condition: "},
        {statement(R"("Effect":"Allow","Action":"*","Condition":{"StringIs":{"k:x":"a"}})" + rest),
         "Statement[1].Condition.StringIs.k:x: "},
        {statement(R"("Effect":"Allow","Action":"*","Condition":{"NullIfExists":{"k:x":"true"}})" +
                   rest),
         "Statement[1].Condition.NullIfExists.k:x: "},
        {statement(R"("Effect":"Allow","Action":"*","Condition":{"Bool":{"k:x":"yes"}})" + rest),
         "Statement[1].Condition.Bool.k:x: "},
        {statement(R"("Effect":"Allow","Action":"*","Condition":{"NumericEquals":{"k:x":"1x"}})" +
                   rest),
         "Statement[1].Condition.NumericEquals.k:x: "},
        {statement(
             R"("Effect":"Allow","Action":"*","Condition":{"DateEquals":{"k:x":"2026-02-30"}})" +
             rest),
         "Statement[1].Condition.DateEquals.k:x: "},
        {statement(
             R"("Effect":"Allow","Action":"*","Condition":{"IpAddress":{"k:x":"10.0.0.0/33"}})" +
             rest),
         "Statement[1].Condition.IpAddress.k:x: "},
        {statement(R"("Effect":"Allow","Action":"*","Condition":{"StringEquals":{"k:x":[]}})" +
                   rest),
         "Statement[1].Condition.StringEquals.k:x: "},
        {statement(
             R"("Effect":"Allow","Action":"*","Condition":{"StringEquals":{"narrows:Approval":"yes"}})" +
             rest),
         "Statement[1].Condition.StringEquals.narrows:Approval: "},
        {statement(
             R"("Effect":"Deny","Action":"*","Condition":{"StringEquals":{"narrows:Approval":"required"}})" +
             rest),
         "Statement[1].Condition.StringEquals.narrows:Approval: "},
    };
    for (const auto& [json, begin] : cases) {
        EXPECT_NE(error_of(json).find(begin), std::string::npos) << json << "\n" << error_of(json);
    }
    EXPECT_NE(error_of(R"({"Statement":{"Effect":"Deny","Effect":"Allow"}})"), "");
    EXPECT_NE(error_of(std::string(kScopeBytesMax + 1, ' ')), "");
    EXPECT_NE(error_of(R"({"Statement":[{"Sid":"A","Effect":"Deny","Action":"*","Resource":"*"},
                          {"Sid":"A","Effect":"Deny","Action":"*","Resource":"*"}]})"),
              "");
}

// Milliseconds from `date -u -d … +%s`.
TEST(Operand, dates_in_all_the_forms_of_iso_8601_and_epoch) {
    EXPECT_EQ(parse_date("2026-11-23T06:20:00Z"), 1795414800000);
    EXPECT_EQ(parse_date("2026-11-23T06:20:00.125Z"), 1795414800125);
    EXPECT_EQ(parse_date("2026-11-23T06:20Z"), 1795414800000);
    EXPECT_EQ(parse_date("2026-11-23T08:20:00+02:00"), 1795414800000);
    EXPECT_EQ(parse_date("2026-11-23T01:20:00-0500"), 1795414800000);
    EXPECT_EQ(parse_date("1795414800"), 1795414800000);
    for (const char* bad : {"", "2026-", "2026-13-01", "2026-11-23 06:20:00", "2026-11-23T06:20:00",
                            "2026-11-23T24:00:00Z", "2026-11-23T06:20:00Zx", "now", "1e9",
                            "99999999999999999999", "2026-11-23T06:20:00.Z"}) {
        EXPECT_EQ(parse_date(bad), std::nullopt) << bad;
    }
}

TEST(Operand, networks) {
    EXPECT_TRUE(parse_network("0.0.0.0/0").has_value());
    EXPECT_TRUE(contains(*parse_network("0.0.0.0/0"), *parse_network("255.1.2.3")));
    EXPECT_FALSE(contains(*parse_network("::/0"), *parse_network("1.2.3.4")));
    EXPECT_TRUE(contains(*parse_network("10.128.0.0/9"), *parse_network("10.200.0.1")));
    EXPECT_FALSE(contains(*parse_network("10.128.0.0/9"), *parse_network("10.127.0.1")));
    for (const char* bad : {"", "/8", "10.0.0.0/", "10.0.0.0/-1", "10.0.0/8", "::/129", "a"}) {
        EXPECT_EQ(parse_network(bad), std::nullopt) << bad;
    }
}

}  // namespace
}  // namespace narrows::policy
