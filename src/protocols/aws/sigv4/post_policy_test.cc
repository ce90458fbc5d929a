#include "protocols/aws/sigv4/post_policy.h"

#include <gtest/gtest.h>

namespace narrows::sigv4 {
namespace {

const Secret kSecret(std::string_view("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"));
constexpr WallNs kDec29 = 1451347200 * kNsPerSecond;  // 2015-12-29T00:00:00Z
constexpr WallNs kDec30Noon = kDec29 + (24 + 12) * 3600 * kNsPerSecond;

/// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-post-example.html
const std::string kPolicy =
    "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6"
    "IFsNCiAgICB7ImJ1Y2tldCI6ICJzaWd2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRo"
    "IiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJwdWJsaWMtcmVhZCJ9LA0KICAg"
    "IHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5h"
    "bWF6b25hd3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwg"
    "IiRDb250ZW50LVR5cGUiLCAiaW1hZ2UvIl0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUx"
    "MjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRpb24iOiAiQUVTMjU2In0s"
    "DQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16"
    "LWNyZWRlbnRpYWwiOiAiQUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3"
    "czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXotYWxnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEyNTYifSwN"
    "CiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9";
const FormFields kExample = {
    {"key", "user/user1/photo.jpg"},
    {"acl", "public-read"},
    {"success_action_redirect",
     "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html"},
    {"content-type", "image/jpeg"},
    {"x-amz-meta-uuid", "14365123651274"},
    {"x-amz-server-side-encryption", "AES256"},
    {"x-amz-credential", "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"},
    {"x-amz-algorithm", "AWS4-HMAC-SHA256"},
    {"x-amz-date", "20151229T000000Z"},
    {"x-amz-meta-tag", ""},
    {"policy", kPolicy},
    {"x-amz-signature", "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e"}};

FormFields with(FormFields fields, std::string_view name, std::string value) {
    for (codec::Pair& field : fields) {
        if (field.name == name) {
            field.value = std::move(value);
            return fields;
        }
    }
    fields.push_back({std::string(name), std::move(value)});
    return fields;
}

FormFields without(FormFields fields, std::string_view name) {
    std::erase_if(fields, [&](const codec::Pair& field) { return field.name == name; });
    return fields;
}

FormFields under(std::string_view policy, FormFields fields) {
    return with(std::move(fields), "policy", codec::base64(as_bytes(policy)));
}

std::optional<ErrorCode> signed_well(const FormFields& fields) {
    const auto read = read_form(fields);
    if (!read) return read.error().code;
    const SigningKey key = SigningKey::derive(kSecret, read.value().scope);
    const auto held = verify_form(fields, read.value(), key);
    return held ? std::nullopt : std::optional(held.error().code);
}

std::optional<ErrorCode> allowed(const FormFields& fields, std::string_view bucket = "b",
                                 WallNs now = kDec29) {
    const auto held = check_policy(fields, bucket, now);
    return held ? std::nullopt : std::optional(held.error().code);
}

TEST(PostPolicy, published_example_is_signed_and_allows_its_form) {
    EXPECT_EQ(signed_well(kExample), std::nullopt);
    EXPECT_EQ(allowed(kExample, "sigv4examplebucket"), std::nullopt);
    EXPECT_EQ(allowed(kExample, "sigv4examplebucket", kDec30Noon - 1), std::nullopt);
    EXPECT_EQ(allowed(kExample, "sigv4examplebucket", kDec30Noon), ErrorCode::timeout);
    const Presented presented = classify_form(kExample, {});
    EXPECT_STREQ(name_of(presented.scheme), "sigv4-post");
    EXPECT_EQ(presented.key_id, "AKIAIOSFODNN7EXAMPLE");
}

TEST(PostPolicy, a_signature_is_of_one_policy_date_and_key) {
    EXPECT_EQ(signed_well(with(kExample, "policy", kPolicy + " ")), ErrorCode::unauthenticated);
    EXPECT_EQ(signed_well(with(kExample, "x-amz-credential",
                               "AKIAIOSFODNN7EXAMPLE/20151229/us-west-1/s3/aws4_request")),
              ErrorCode::unauthenticated);
    for (const char* name :
         {"policy", "x-amz-credential", "x-amz-date", "x-amz-algorithm", "x-amz-signature"}) {
        EXPECT_EQ(signed_well(without(kExample, name)), ErrorCode::invalid) << name;
    }
    EXPECT_EQ(signed_well(with(kExample, "awsaccesskeyid", "AKIAIOSFODNN7EXAMPLE")),
              ErrorCode::invalid);
}

TEST(PostPolicy, every_condition_must_hold_and_every_field_must_have_one) {
    const std::string bucket = "sigv4examplebucket";
    EXPECT_EQ(allowed(kExample, "another"), ErrorCode::denied);
    for (const char* name : {"key", "acl", "success_action_redirect", "content-type",
                             "x-amz-meta-uuid", "x-amz-server-side-encryption"}) {
        EXPECT_EQ(allowed(with(kExample, name, "other"), bucket), ErrorCode::denied) << name;
        EXPECT_EQ(allowed(without(kExample, name), bucket), ErrorCode::denied) << name;
    }
    EXPECT_EQ(allowed(with(kExample, "x-amz-meta-tag", "anything"), bucket), std::nullopt);
    EXPECT_EQ(allowed(with(kExample, "x-amz-meta-more", "1"), bucket), ErrorCode::denied);
    EXPECT_EQ(allowed(with(kExample, "x-ignore-more", "1"), bucket), std::nullopt);
}

TEST(PostPolicy, bounds_the_file) {
    const auto held =
        check_policy(under(R"({"expiration":"2015-12-30T12:00:00Z","conditions":[["eq","$Key","k"],
                 ["content-length-range",10,"20"],["content-length-range",0,15]]})",
                           {{"key", "k"}}),
                     "b", kDec29);
    ASSERT_TRUE(held) << held.error().what;
    EXPECT_EQ(held.value().bytes_min, 10U);
    EXPECT_EQ(held.value().bytes_max, 15U);
}

TEST(PostPolicy, refuses_what_is_no_policy) {
    for (const char* policy :
         {"", "{}", "[]", R"({"expiration":"2015-12-30T12:00:00Z"})",
          R"({"expiration":"tomorrow","conditions":[]})",
          R"({"expiration":"2015-12-30T12:00:00Z","conditions":{}})",
          R"({"expiration":"2015-12-30T12:00:00Z","conditions":[],"more":1})",
          R"({"expiration":"2015-12-30T12:00:00Z","conditions":[["ends-with","$key","k"]]})",
          R"({"expiration":"2015-12-30T12:00:00Z","conditions":[["eq","key","k"]]})",
          R"({"expiration":"2015-12-30T12:00:00Z","conditions":[["eq","$key"]]})",
          R"({"expiration":"2015-12-30T12:00:00Z","conditions":[{"key":1}]})",
          R"({"expiration":"2015-12-30T12:00:00Z","conditions":[["content-length-range",-1,2]]})",
          R"({"expiration":"2015-12-30T12:00:00Z","conditions":["key"]})"}) {
        EXPECT_EQ(allowed(under(policy, {{"key", "k"}})), ErrorCode::invalid) << policy;
    }
}

/// https://docs.aws.amazon.com/AmazonS3/latest/userguide/HTTPPOSTExamples.html has no signature
/// that its policy text reproduces; RFC 2202's vector of HMAC-SHA1 has: key "Jefe".
TEST(PostPolicy, version_2_signs_the_policy_text_by_hmac_sha1) {
    const FormFields fields = {{"policy", "what do ya want for nothing?"},
                               {"awsaccesskeyid", "AK"},
                               {"signature", "7/zfauXrL6LSdBbV8YTfnCWafHk="}};
    const auto read = read_form(fields);
    ASSERT_TRUE(read) << read.error().what;
    EXPECT_EQ(read.value().scheme, Scheme::sigv2_post);
    EXPECT_TRUE(verify_form_v2(fields, read.value(), Secret(std::string_view("Jefe"))));
    EXPECT_FALSE(verify_form_v2(fields, read.value(), Secret(std::string_view("Jeff"))));
}

}  // namespace
}  // namespace narrows::sigv4
