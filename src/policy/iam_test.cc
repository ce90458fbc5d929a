#include "policy/iam.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/json.h"
#include "policy/aws_policy.h"

namespace narrows::policy {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

const RoleRequest kRequest{"arn:aws:iam::111122223333:role/agents/reports",
                           "arn:aws:iam::999999999999:role/gateway",
                           "ext-1",
                           {"arn:aws:iam::*:role/admin"}};

constexpr const char* kStatements = R"({"Version":"2012-10-17","Statement":[
    {"Sid":"Read","Effect":"Allow","Action":["s3:GetObject","dynamodb:GetItem"],
     "Resource":["arn:aws:s3:::b/${narrows:Agent}/*","arn:aws:s3:::b*/x",
                 "arn:aws:dynamodb:us-east-1:111122223333:table/t"]},
    {"Sid":"List","Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::b",
     "Condition":{"StringLike":{"s3:prefix":"in/*"}}},
    {"Sid":"Keys","Effect":"Allow","Action":"kms:Decrypt",
     "Resource":"arn:aws:kms:us-east-1:111122223333:key/k-1",
     "Condition":{"StringEquals":{"kms:ViaService":"s3.us-east-1.amazonaws.com"}}}]})";

RoleDocuments made() {
    return role_documents(Scope::parse(kStatements).value(), kRequest);
}

std::string json(const codec::Value& value) {
    return codec::json_encode(value);
}

/// As AWS decides on calls that no service makes: decide() leaves what is conditioned on
/// aws:ViaAWSService to AWS.
Scope as_aws_sees(const codec::Value& policy) {
    const std::string service_calls = R"("BoolIfExists":{"aws:ViaAWSService":"false"},)";
    std::string text = json(policy);
    const std::size_t at = text.find(service_calls);
    EXPECT_NE(at, std::string::npos) << text;
    return Scope::parse(text.erase(at, service_calls.size())).value();
}

TEST(RoleDocuments, only_the_gateway_assumes_the_role_and_only_with_identity_and_tags) {
    EXPECT_EQ(
        json(made().trust),
        R"({"Statement":[{"Action":"sts:AssumeRole","Condition":{"Null":{"sts:SourceIdentity":"false"},"StringEquals":{"sts:ExternalId":"ext-1"}},)"
        R"("Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999999999999:role/gateway"},"Sid":"Assume"},)"
        R"({"Action":"sts:SetSourceIdentity","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999999999999:role/gateway"},"Sid":"SourceIdentity"},)"
        R"({"Action":"sts:TagSession","Condition":{"ForAllValues:StringLike":{"aws:TagKeys":"narrows-*"}},"Effect":"Allow",)"
        R"("Principal":{"AWS":"arn:aws:iam::999999999999:role/gateway"},"Sid":"Tags"}],"Version":"2012-10-17"})");
    EXPECT_EQ(
        json(made().gateway),
        R"({"Statement":[{"Action":["sts:AssumeRole","sts:SetSourceIdentity","sts:TagSession"],"Effect":"Allow",)"
        R"("Resource":"arn:aws:iam::111122223333:role/agents/reports","Sid":"AssumeConnectionRole"}],"Version":"2012-10-17"})");
}

TEST(RoleDocuments, the_boundary_is_the_scope_and_nothing_without_a_source_identity) {
    const RoleDocuments documents = made();
    const Scope boundary = as_aws_sees(documents.boundary);
    ASSERT_TRUE(Scope::parse(json(documents.permissions)));
    model::Operation get;
    get.effect = model::EffectClass::read;
    get.accesses = {{"s3:GetObject", {{"arn:aws:s3:::b/agent/k"}}}};
    get.context = {{"aws:sourceidentity", {"agent"}}};
    EXPECT_TRUE(decide(boundary, get, {}).allowed());
    get.context["aws:sourceidentity"] = {};
    EXPECT_FALSE(decide(boundary, get, {}).allowed());
    get.context["aws:sourceidentity"] = {"agent"};
    get.accesses = {{"s3:PutObject", {{"arn:aws:s3:::b/agent/k"}}}};
    EXPECT_FALSE(decide(boundary, get, {}).allowed());
}

TEST(RoleDocuments, buckets_and_keys_that_are_named_in_full_get_a_policy) {
    const RoleDocuments documents = made();
    ASSERT_EQ(documents.buckets.size(), 1U);
    EXPECT_EQ(
        json(documents.buckets.at("b")),
        R"({"Statement":[{"Action":"s3:GetObject","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/agents/reports"},"Resource":"arn:aws:s3:::b/*"},)"
        R"({"Action":"s3:ListBucket","Condition":{"StringLike":{"s3:prefix":"in/*"}},"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/agents/reports"},"Resource":"arn:aws:s3:::b"},)"
        R"({"Action":"s3:*","Condition":{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/agents/reports"},"BoolIfExists":{"aws:ViaAWSService":"false"},"Null":{"aws:SourceIdentity":"true"}},)"
        R"("Effect":"Deny","Principal":"*","Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*"],"Sid":"OnlySessionsOfTheGateway"}],"Version":"2012-10-17"})");
    ASSERT_EQ(documents.keys.size(), 1U);
    const std::string key = json(documents.keys.begin()->second);
    EXPECT_THAT(
        key,
        HasSubstr(
            R"({"Action":"kms:Decrypt","Condition":{"StringEquals":{"kms:ViaService":"s3.us-east-1.amazonaws.com"}},"Effect":"Allow")"));
    EXPECT_THAT(key, HasSubstr(R"("Action":"kms:*")"));
}

TEST(RoleDocuments, in_the_accounts_of_agents_nobody_else_can_do_anything) {
    const Scope scp = as_aws_sees(made().scp);
    EXPECT_LE(policy_json(made().scp).size(), kScpMax);
    const auto denied_by = [&](const char* action, const char* resource, const char* principal,
                               bool through_gateway) {
        model::Operation operation;
        operation.accesses = {{action, {{resource}}}};
        operation.context = {{"aws:principalarn", {principal}}};
        operation.context["aws:sourceidentity"] =
            through_gateway ? std::vector<std::string>{"agent"} : std::vector<std::string>{};
        return decide(scp, operation, {}).statement;
    };
    const char* role = "arn:aws:iam::111122223333:role/agents/reports";
    const char* gateway = "arn:aws:iam::999999999999:role/gateway";
    const char* admin = "arn:aws:iam::111122223333:role/admin";
    const char* other = "arn:aws:iam::111122223333:role/build-host";
    const char* object = "arn:aws:s3:::b/k";
    EXPECT_EQ(denied_by("s3:GetObject", object, other, false), "OnlyThroughTheGateway");
    EXPECT_EQ(denied_by("s3:GetObject", object, role, true), "");
    EXPECT_EQ(denied_by("s3:GetObject", object, role, false), "OnlySessionsOfTheGateway");
    EXPECT_EQ(denied_by("sts:AssumeRole", role, gateway, false), "");
    EXPECT_EQ(denied_by("sts:AssumeRole", role, admin, false), "OnlyTheGatewayAssumes");
    EXPECT_EQ(denied_by("iam:UpdateAssumeRolePolicy", role, role, true), "RoleStaysAsItIs");
    EXPECT_EQ(denied_by("iam:UpdateAssumeRolePolicy", role, admin, false), "");
    EXPECT_EQ(denied_by("iam:CreatePolicyVersion",
                        "arn:aws:iam::111122223333:policy/reports-boundary", gateway, false),
              "RoleStaysAsItIs");
    EXPECT_EQ(denied_by("iam:CreateAccessKey", "*", role, true), "NoOtherCredentials");
    EXPECT_EQ(denied_by("cloudtrail:StopLogging", "*", gateway, false), "TrailsStay");
}

TEST(RoleDocuments, as_a_template_and_as_terraform) {
    const codec::Value made_template =
        codec::json_decode(cloudformation_of(kRequest, made())).value();
    const codec::Value& resources = *made_template.find("Resources");
    const codec::Value& role = *resources.find("Role")->find("Properties");
    EXPECT_EQ(role.text("RoleName"), "reports");
    EXPECT_EQ(role.text("Path"), "/agents/");
    EXPECT_EQ(*role.find("AssumeRolePolicyDocument"), made().trust);
    EXPECT_EQ(resources.find("BucketPolicy1")->text("Condition"), "WithBucketPolicies");
    EXPECT_EQ(resources.find("AgentAccounts")->text("Condition"), "WithScp");
    const std::string terraform = terraform_of(kRequest, made());
    EXPECT_THAT(terraform, HasSubstr("resource \"aws_s3_bucket_policy\" \"bucket_1\""));
    EXPECT_EQ(terraform.find("${narrows"), std::string::npos);
    const auto with_variable = Scope::parse(
        R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject",
            "Resource":"arn:aws:s3:::b/${aws:username}/*"}})");
    EXPECT_THAT(terraform_of(kRequest, role_documents(with_variable.value(), kRequest)),
                HasSubstr("arn:aws:s3:::b/$${aws:username}/*"));
}

TEST(RoleDocuments, says_what_aws_would_not_take) {
    RoleRequest many = kRequest;
    for (int n = 0; n < 200; ++n) many.administrators.push_back("arn:aws:iam::111122223333:role/a");
    EXPECT_THAT(made().notes, testing::ElementsAre(HasSubstr("the variable in arn:aws:s3:::b/")));
    EXPECT_THAT(role_documents(Scope::parse(kStatements).value(), many).notes.back(),
                HasSubstr("service control policy has"));
}

}  // namespace
}  // namespace narrows::policy
