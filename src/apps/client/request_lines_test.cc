#include "apps/client/request_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apps/client/known_actions.h"
#include "codec/json.h"

namespace narrows::client {
namespace {

using testing::HasSubstr;

constexpr const char* kScope = R"({"Version":"2012-10-17","Statement":[
    {"Sid":"Read","Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::reports/*"}]})";

std::optional<policy::Scope> scope() {
    return policy::Scope::parse(kScope).value();
}

std::string told(std::string_view line, const ScopeOptions& options = {}) {
    return codec::json_encode(json_of(explain_request(line, options, std::nullopt)));
}

TEST(ExplainNamed, decides_with_the_statement_that_decided) {
    ScopeOptions options;
    options.operation = "s3:GetObject";
    options.parameters = {"Bucket=reports", "Key=2026/w46 =.csv"};
    const auto explained = explain_named(options, scope());
    ASSERT_TRUE(explained);
    EXPECT_TRUE(explained.value().allowed());
    const codec::Value line = json_of(explained.value());
    EXPECT_EQ(line.text("statement"), "Read");
    EXPECT_EQ(codec::json_encode(*line.find("resources")),
              R"(["arn:aws:s3:::reports/2026/w46 =.csv"])");
    options.parameters = {"Bucket=other", "Key=k"};
    EXPECT_FALSE(explain_named(options, scope()).value().allowed());
}

TEST(ExplainNamed, unknown_operations_and_members_are_usage_errors) {
    ScopeOptions options;
    for (const char* name : {"s3:Nothing", "s3", "", ":", "nothing:GetObject"}) {
        options.operation = name;
        EXPECT_FALSE(explain_named(options, scope())) << name;
    }
    options.operation = "s3:GetObject";
    for (const char* parameter : {"Bucket", "Nothing=1", "=1", "PartNumber=x"}) {
        options.parameters = {parameter};
        EXPECT_FALSE(explain_named(options, scope())) << parameter;
    }
}

TEST(ExplainNamed, what_returns_credentials_is_denied_whatever_the_scope_says) {
    ScopeOptions options;
    options.operation = "ecr:GetAuthorizationToken";
    const auto all = policy::Scope::parse(
        R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Resource":"*",)"
        R"("Action":["ecr:GetAuthorizationToken","sts:AssumeRole"]}})");
    const auto explained = explain_named(options, all.value());
    ASSERT_TRUE(explained);
    EXPECT_FALSE(explained.value().allowed());
    EXPECT_EQ(json_of(explained.value()).text("decision"), "deny");
    // An assumed role's credentials are swapped, so the scope decides; not on a policy of its own.
    options.operation = "sts:AssumeRole";
    options.parameters = {"RoleArn=arn:aws:iam::123456789012:role/r", "RoleSessionName=s"};
    EXPECT_TRUE(explain_named(options, all.value()).value().allowed());
    options.parameters.emplace_back("Policy={}");
    EXPECT_FALSE(explain_named(options, all.value()).value().allowed());
}

// Requests as the AWS CLI sends them.
TEST(ExplainRequest, s3_by_path_and_by_host) {
    const std::string by_path =
        told(R"({"method":"GET","url":"https://s3.eu-west-1.amazonaws.com/b/k%20k","headers":{}})");
    EXPECT_THAT(by_path, HasSubstr(R"("operation":"GetObject")"));
    EXPECT_THAT(by_path, HasSubstr(R"("resources":["arn:aws:s3:::b/k k"])"));
    EXPECT_EQ(told(R"({"method":"GET","url":"https://b.s3.eu-west-1.amazonaws.com/k%20k"})"),
              by_path);
    EXPECT_EQ(told(R"({"method":"GET","url":"https://b.s3.amazonaws.com/k%20k"})"), by_path);
}

TEST(ExplainRequest, json_by_target) {
    const std::string line =
        R"({"method":"POST","url":"https://dynamodb.us-east-1.amazonaws.com/","headers":{)"
        R"("X-Amz-Target":"DynamoDB_20120810.GetItem","Content-Type":"application/x-amz-json-1.0"},)"
        R"("body":"{\"TableName\":\"t\",\"Key\":{\"k\":{\"S\":\"v\"}}}"})";
    EXPECT_THAT(told(line), HasSubstr(R"("actions":["dynamodb:GetItem"])"));
    EXPECT_THAT(told(line),
                HasSubstr(R"("resources":["arn:aws:dynamodb:us-east-1:123456789012:table/t"])"));
}

TEST(ExplainRequest, the_credential_scope_says_service_and_region) {
    EXPECT_THAT(
        told(
            R"({"method":"POST","url":"http://127.0.0.1:5000/","headers":{)"
            R"("Authorization":"AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261123/eu-north-1/sqs/aws4_request, SignedHeaders=host, Signature=00",)"
            R"("X-Amz-Target":"AmazonSQS.GetQueueUrl","Content-Type":"application/x-amz-json-1.0"},)"
            R"("body":"{\"QueueName\":\"q\"}"})"),
        HasSubstr("arn:aws:sqs:eu-north-1:123456789012:q"));
}

TEST(ExplainRequest, bodies_are_bytes) {
    EXPECT_THAT(told("{\"method\":\"PUT\",\"url\":\"https://s3.us-east-1.amazonaws.com/b/k\","
                     "\"body\":\"\\u0000\\u00ff\\u0080\"}"),
                HasSubstr(R"("operation":"PutObject")"));
    EXPECT_THAT(told("{\"method\":\"PUT\",\"url\":\"https://s3.us-east-1.amazonaws.com/b/k\","
                     "\"body\":\"\\u0100\"}"),
                HasSubstr("code point above 255"));
}

TEST(ExplainRequest, what_is_no_request_is_refused) {
    for (const char* bad :
         {"", "x", "{}", "[]", R"({"method":"GET"})", R"({"method":"GET","url":"nothing"})",
          R"({"method":"GET","url":"https://nowhere.example/"})",
          R"({"method":"GET","url":"https://s3.us-east-1.amazonaws.com/b/k?nothing=1"})"}) {
        EXPECT_THAT(told(bad), HasSubstr("\"error\":")) << bad;
    }
}

TEST(ExplainRequest, nothing_of_a_line_is_passed_over) {
    const std::string copy =
        R"({"method":"PUT","url":"https://s3.us-east-1.amazonaws.com/b/k","headers":)";
    EXPECT_THAT(told(copy + R"({"x-amz-copy-source":"c/d"}})"), HasSubstr("CopyObject"));
    EXPECT_THAT(told(copy + R"({"x-amz-copy-source":["c/d"]}})"), HasSubstr("\"error\":"));
    EXPECT_THAT(told(copy + R"([["x-amz-copy-source","c/d"]]})"), HasSubstr("\"error\":"));
    EXPECT_THAT(told(copy + R"({},"body":{"a":1}})"), HasSubstr("\"error\":"));
    EXPECT_THAT(told(copy + R"(null,"body":null})"), HasSubstr("PutObject"));
}

/// A URL of https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html, with a
/// parameter that a client moved from its headers.
TEST(ExplainRequest, a_presigned_url_is_what_it_asks_for) {
    const std::string v4 =
        "https://b.s3.eu-west-1.amazonaws.com/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="
        "AKIAIOSFODNN7EXAMPLE%2F20130524%2Feu-west-1%2Fs3%2Faws4_request&X-Amz-Date="
        "20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&x-amz-copy-source=c%2Fd&"
        "X-Amz-Signature=" +
        std::string(64, '0');
    const std::string v2 =
        "https://s3.eu-west-1.amazonaws.com/b/k?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&"
        "x-amz-copy-source=c%2Fd&Signature=AAAAAAAAAAAAAAAAAAAAAAAAAAA%3D&Expires=1141889120";
    for (const std::string& url : {v4, v2}) {
        const std::string line =
            told(R"({"method":"PUT","url":")" + url + R"(","headers":{"Host":")" +
                 (url == v4 ? "b." : "") + R"(s3.eu-west-1.amazonaws.com"}})");
        EXPECT_THAT(line, HasSubstr("\"operation\":\"CopyObject\""));
        EXPECT_THAT(line, HasSubstr(R"("resources":["arn:aws:s3:::b/k","arn:aws:s3:::c/d"])"));
    }
}

TEST(ExplainRequest, an_upload_is_one_in_every_form) {
    for (const char* more :
         {R"("headers":{"Content-Encoding":"gzip"},"body":"no gzip")",
          R"("headers":{"Content-Encoding":"br"},"body":"b")",
          R"("headers":{"Content-Encoding":"gzip,aws-chunked","x-amz-content-sha256":)"
          R"("STREAMING-UNSIGNED-PAYLOAD-TRAILER"},"body":"1\r\na\r\n0\r\n\r\n")"}) {
        const std::string line =
            told(R"({"method":"PUT","url":"https://s3.us-east-1.amazonaws.com/b/k",)" +
                 std::string(more) + "}");
        EXPECT_THAT(line, HasSubstr(R"("operation":"PutObject")")) << more;
    }
    const std::string form = told(
        R"({"method":"POST","url":"https://b.s3.us-east-1.amazonaws.com/","headers":{)"
        R"("Content-Type":"multipart/form-data; boundary=x"},"body":)"
        R"("--x\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nin/${filename}\r\n)"
        R"(--x\r\nContent-Disposition: form-data; name=\"acl\"\r\n\r\nprivate\r\n)"
        R"(--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n1\r\n--x--\r\n"})");
    EXPECT_THAT(form, HasSubstr(R"("actions":["s3:PutObject","s3:PutObjectAcl"])"));
    EXPECT_THAT(form, HasSubstr(R"("resources":["arn:aws:s3:::b/in/a.csv"])"));
}

TEST(Actions, exist_by_name_and_by_wildcard) {
    const Actions actions;
    EXPECT_TRUE(actions.exists("s3:getobject"));
    EXPECT_TRUE(actions.exists("s3:Get*"));
    EXPECT_FALSE(actions.exists("s3:GetObjct"));
    EXPECT_FALSE(actions.exists("s3:Nothing*"));
    EXPECT_EQ(actions.suggest("s3:GetObjct"), "s3:GetObject");
}

}  // namespace
}  // namespace narrows::client
