#include "protocols/aws/decode/answer.h"

#include <gtest/gtest.h>

#include "codec/cbor.h"

namespace narrows::aws {
namespace {

const Refusal kRefusal{"", "no <rule> allows it", "ns-x#7", "/b/k"};

Answer answer(Protocol protocol, bool s3 = false) {
    Style style;
    style.protocol = protocol;
    style.s3 = s3;
    style.xml_namespace = "urn:x";
    return refuse(style, kRefusal);
}

TEST(Answer, json) {
    const Answer json = answer(Protocol::json);
    EXPECT_EQ(json.status, 400);
    EXPECT_EQ(json.body, R"({"__type":"AccessDeniedException","message":"no <rule> allows it"})");
    EXPECT_EQ(http::header(json.headers, "content-type"), "application/x-amz-json-1.0");
    EXPECT_EQ(http::header(json.headers, "x-amzn-errortype"), "AccessDeniedException");
    EXPECT_EQ(http::header(json.headers, "x-amzn-requestid"), "ns-x#7");
    const Answer rest = answer(Protocol::rest_json);
    EXPECT_EQ(rest.status, 403);
    EXPECT_EQ(rest.body, R"({"message":"no <rule> allows it"})");
    EXPECT_EQ(http::header(rest.headers, "x-amzn-errortype"), "AccessDeniedException");
}

TEST(Answer, json_of_a_service_that_was_a_query_service) {
    Style style;
    style.protocol = Protocol::json;
    style.query_mode = true;
    const Answer sqs = refuse(style, kRefusal);
    EXPECT_EQ(sqs.status, 403);
    EXPECT_EQ(http::header(sqs.headers, "x-amzn-query-error"), "AccessDenied;Sender");
}

TEST(Answer, query_and_rest_xml) {
    const std::string expected =
        "<ErrorResponse xmlns=\"urn:x\"><Error><Type>Sender</Type><Code>AccessDenied</Code>"
        "<Message>no &lt;rule&gt; allows it</Message></Error><RequestId>ns-x#7</RequestId>"
        "</ErrorResponse>";
    EXPECT_EQ(answer(Protocol::query).body, expected);
    EXPECT_EQ(answer(Protocol::rest_xml).body, expected);
}

TEST(Answer, ec2) {
    EXPECT_EQ(answer(Protocol::ec2).body,
              "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error>"
              "<Code>UnauthorizedOperation</Code><Message>no &lt;rule&gt; allows it</Message>"
              "</Error></Errors><RequestID>ns-x#7</RequestID></Response>");
}

TEST(Answer, s3) {
    const Answer s3 = answer(Protocol::rest_xml, true);
    EXPECT_EQ(s3.body,
              "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code>"
              "<Message>no &lt;rule&gt; allows it</Message><Resource>/b/k</Resource>"
              "<RequestId>ns-x#7</RequestId></Error>");
    EXPECT_EQ(http::header(s3.headers, "x-amz-request-id"), "ns-x#7");
}

TEST(Answer, cbor) {
    const Answer cbor = answer(Protocol::rpc_v2_cbor);
    const auto body = codec::cbor_decode(as_bytes(cbor.body)).value();
    EXPECT_EQ(body.text("__type"), "AccessDeniedException");
    EXPECT_EQ(body.text("message"), "no <rule> allows it");
    EXPECT_EQ(http::header(cbor.headers, "smithy-protocol"), "rpc-v2-cbor");
}

TEST(Answer, a_head_request_gets_no_body) {
    Style style;
    style.protocol = Protocol::rest_xml;
    style.head = true;
    EXPECT_EQ(refuse(style, kRefusal).body, "");
}

TEST(Answer, clients_in_query_mode_get_the_query_code) {
    const auto sqs = Catalogue::embedded().service("sqs");
    const http::RequestHead head{"POST", "/", {{"x-amzn-query-mode", "true"}}};
    const Answer answered = refuse(style_of(Protocol::json, *sqs, head), kRefusal);
    EXPECT_EQ(http::header(answered.headers, "x-amzn-query-error"), "AccessDenied;Sender");
}

TEST(Answer, unrecognised_requests_are_answered_by_their_markers) {
    const auto guess = [](http::Headers headers, std::string_view signing_name) {
        return guess_style({"POST", "/", std::move(headers)}, signing_name);
    };
    const http::Headers form = {{"Content-Type", "application/x-www-form-urlencoded"}};
    EXPECT_EQ(guess({{"smithy-protocol", "x"}}, "").protocol, Protocol::rpc_v2_cbor);
    EXPECT_EQ(guess({{"x-amz-target", "x"}}, "").protocol, Protocol::json);
    EXPECT_EQ(guess(form, "ec2").protocol, Protocol::ec2);
    EXPECT_EQ(guess(form, "iam").protocol, Protocol::query);
    EXPECT_TRUE(guess({}, "s3").s3);
    EXPECT_EQ(guess({}, "lambda").protocol, Protocol::rest_json);
}

TEST(Answer, caller_identity_is_sts_s_own_document) {
    const Answer answered = answer_caller_identity(
        {"123456789012", "arn:aws:sts::123456789012:assumed-role/r/ns-x", "AROAX:ns-x"}, "ns-x#1");
    EXPECT_EQ(answered.status, 200);
    EXPECT_EQ(answered.body,
              "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
              "<GetCallerIdentityResult>"
              "<Arn>arn:aws:sts::123456789012:assumed-role/r/ns-x</Arn><UserId>AROAX:ns-x</UserId>"
              "<Account>123456789012</Account></GetCallerIdentityResult><ResponseMetadata>"
              "<RequestId>ns-x#1</RequestId></ResponseMetadata></GetCallerIdentityResponse>");
}

}  // namespace
}  // namespace narrows::aws
