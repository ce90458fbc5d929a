#include "protocols/aws/adapter/proof.h"

#include <gtest/gtest.h>

namespace narrows::aws {
namespace {

constexpr WallNs kMay24 = 1369353600 * kNsPerSecond;  // 2013-05-24T00:00:00Z

/// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
const std::string kPresigned =
    "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524"
    "%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400"
    "&X-Amz-SignedHeaders=host&X-Amz-Signature="
    "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
/// https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html
const std::string kPresignedV2 =
    "/photos/puppy.jpg?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE"
    "&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620";

Proof of(std::string target, http::Headers headers) {
    return Proof({"GET", std::move(target), std::move(headers)});
}

Proof post_of_form() {
    return Proof({"POST", "/b", {{"Host", "gw"}, {"Content-Type", "multipart/form-data; x"}}});
}

/// The code and the status of the refusal.
std::string refused(const std::optional<Rejection>& rejection) {
    return rejection ? rejection->code + " " + std::to_string(rejection->status) : "";
}

sigv4::Payload payload(sigv4::PayloadKind kind) {
    sigv4::Payload out;
    out.kind = kind;
    return out;
}

TEST(Proof, in_the_query_is_taken_out_of_what_is_asked) {
    Proof proof = of(kPresigned, {{"Host", "examplebucket.s3.amazonaws.com"}});
    EXPECT_EQ(refused(proof.read(nullptr, {})), "");
    EXPECT_EQ(proof.asked().target, "/test.txt");
    EXPECT_EQ(proof.received().target, kPresigned);
    EXPECT_EQ(proof.service(), "s3");
    EXPECT_EQ(proof.regions(), std::vector<std::string>{"us-east-1"});
    EXPECT_FALSE(proof.is_ecdsa());
    const codec::Map record = proof.record();
    EXPECT_EQ(record.at("scheme"), codec::Value("sigv4-query"));
    EXPECT_EQ(record.at("scope"), codec::Value("20130524/us-east-1/s3/aws4_request"));
    EXPECT_EQ(record.count("once"), 0U);
    const auto age = proof.condition_keys(kMay24 + 2 * kNsPerSecond, "");
    EXPECT_EQ(age.at("s3:signatureage"), std::vector<std::string>{"2000"});
}

TEST(Proof, that_cannot_be_read_is_refused_as_aws_refuses_it) {
    EXPECT_EQ(refused(of(kPresigned + "&X-Amz-Expires=1", {{"Host", "h"}}).read(nullptr, {})),
              "AuthorizationQueryParametersError 400");
    EXPECT_EQ(refused(of("/", {{"Host", "h"}, {"Authorization", "AWS4-HMAC-SHA256 Credential=a"}})
                          .read(nullptr, {})),
              "IncompleteSignature 403");
    EXPECT_EQ(refused(of("/", {{"Host", "h"}, {"Authorization", "Basic YTpi"}}).read(nullptr, {})),
              "AccessDenied 403");
    const sigv4::FormFields no_policy = {{"key", "k"}};
    Proof form = post_of_form();
    EXPECT_EQ(refused(form.read(&no_policy, {})), "InvalidPolicyDocument 400");
    EXPECT_EQ(form.service(), "s3");
    EXPECT_FALSE(form.proves_nothing());
}

TEST(Proof, without_a_scope_gets_one_from_the_connection_and_the_host) {
    const std::vector<std::string> regions = {"eu-west-1", "us-east-1"};
    Proof token = of("/model/m/invoke", {{"Host", "bedrock-runtime.us-east-1.amazonaws.com"},
                                         {"Authorization", "Bearer abc"}});
    EXPECT_EQ(refused(token.read(nullptr, {})), "");
    EXPECT_EQ(token.service(), "");
    token.complete_scope(regions);
    EXPECT_EQ(token.service(), "bedrock");
    EXPECT_EQ(token.regions(), std::vector<std::string>{"us-east-1"});
    Proof url = of(kPresignedV2, {{"Host", "awsexamplebucket1.us-west-1.s3.amazonaws.com"}});
    EXPECT_EQ(refused(url.read(nullptr, {})), "");
    url.complete_scope(regions);
    EXPECT_EQ(url.service(), "s3");
    EXPECT_EQ(url.regions(), std::vector<std::string>{"eu-west-1"});
    url.complete_scope({"us-east-1"});  // it has one now
    EXPECT_EQ(url.regions(), std::vector<std::string>{"eu-west-1"});
}

TEST(Proof, by_a_token_opens_the_services_that_take_tokens) {
    const auto service = [](std::string_view id) { return *Catalogue::embedded().service(id); };
    Proof token = of("/", {{"Host", "h"}, {"Authorization", "Bearer abc"}});
    EXPECT_EQ(refused(token.read(nullptr, {})), "");
    EXPECT_EQ(token.why_not_for(service("bedrock-runtime")), "");
    EXPECT_NE(token.why_not_for(service("s3")), "");
    Proof signed_url = of(kPresigned, {{"Host", "h"}});
    EXPECT_EQ(refused(signed_url.read(nullptr, {})), "");
    EXPECT_EQ(signed_url.why_not_for(service("s3")), "");
}

TEST(Proof, none_is_vouched_for_by_the_tunnel_but_not_its_chunks) {
    Proof nothing = of("/", {{"Host", "cognito-identity.eu-west-1.amazonaws.com"}});
    EXPECT_EQ(refused(nothing.read(nullptr, {})), "MissingAuthenticationToken 403");
    EXPECT_TRUE(nothing.proves_nothing());
    EXPECT_FALSE(nothing.claim());
    nothing.stand_by_tunnel({"eu-west-1", "cognito-identity"});
    EXPECT_EQ(nothing.service(), "cognito-identity");
    EXPECT_EQ(nothing.regions(), std::vector<std::string>{"eu-west-1"});
    EXPECT_EQ(refused(nothing.check_payload(payload(sigv4::PayloadKind::sha256))), "");
    for (const sigv4::PayloadKind kind :
         {sigv4::PayloadKind::events, sigv4::PayloadKind::streaming_unsigned_trailer,
          sigv4::PayloadKind::streaming_signed}) {
        EXPECT_EQ(refused(nothing.check_payload(payload(kind))), "MissingAuthenticationToken 403");
    }
}

TEST(Proof, chunks_are_signed_as_the_request_is) {
    Proof proof = of(kPresigned, {{"Host", "h"}});
    EXPECT_EQ(refused(proof.read(nullptr, {})), "");
    EXPECT_EQ(refused(proof.check_payload(payload(sigv4::PayloadKind::streaming_signed))), "");
    EXPECT_EQ(refused(proof.check_payload(payload(sigv4::PayloadKind::streaming_ecdsa))),
              "AccessDenied 403");
}

TEST(Proof, claims_a_service_though_nothing_of_it_holds) {
    Proof broken = of("/", {{"Host", "h"},
                            {"Authorization",
                             "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/"
                             "20130524/us-east-1/sns/aws4_request"}});
    EXPECT_EQ(refused(broken.read(nullptr, {})), "IncompleteSignature 403");
    ASSERT_TRUE(broken.claim());
    EXPECT_EQ(broken.claim()->service, "sns");
    EXPECT_EQ(broken.claim()->region, "us-east-1");
    Proof token = of("/", {{"Host", "h"}, {"Authorization", "Bearer abc"}});
    EXPECT_EQ(refused(token.read(nullptr, {})), "");
    EXPECT_FALSE(token.claim());
}

TEST(Proof, in_a_form_says_how_large_the_file_may_be) {
    const std::string policy = R"({"expiration":"2013-05-25T00:00:00Z","conditions":[
        {"bucket":"b"},["eq","$key","k"],["content-length-range",2,4]]})";
    const sigv4::FormFields fields = {{"key", "k"},
                                      {"policy", codec::base64(as_bytes(policy))},
                                      {"awsaccesskeyid", "AKIAIOSFODNN7EXAMPLE"},
                                      {"signature", "NpgCjnDzrM+WFzoENXmpNDUsSn8="}};
    Proof form = post_of_form();
    EXPECT_EQ(refused(form.read(&fields, {})), "");
    EXPECT_EQ(form.asked().target, "/b/k");
    EXPECT_EQ(refused(form.check_size(1, "", kMay24)), "EntityTooSmall 400");
    EXPECT_EQ(refused(form.check_size(2, "", kMay24)), "");
    EXPECT_EQ(refused(form.check_size(4, "", kMay24)), "");
    EXPECT_EQ(refused(form.check_size(5, "", kMay24)), "EntityTooLarge 400");
    EXPECT_EQ(refused(form.check_size(3, "", kMay24 + 86'400 * kNsPerSecond)), "AccessDenied 403");
    EXPECT_EQ(refused(of(kPresigned, {{"Host", "h"}}).check_size(5, "", kMay24)), "");
}

}  // namespace
}  // namespace narrows::aws
