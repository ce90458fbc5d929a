#include "protocols/aws/sigv4/presigned.h"

#include <gtest/gtest.h>

#include "protocols/aws/sigv4/body.h"

namespace narrows::sigv4 {
namespace {

const Secret kSecret(std::string_view("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"));
constexpr WallNs kMay24 = 1369353600 * kNsPerSecond;  // 2013-05-24T00:00:00Z

/// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
const std::string kExample =
    "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524"
    "%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400"
    "&X-Amz-SignedHeaders=host&X-Amz-Signature="
    "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
/// https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html
const std::string kExampleV2 =
    "/photos/puppy.jpg?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE"
    "&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620";

http::RequestHead get(std::string target, std::string host = "examplebucket.s3.amazonaws.com") {
    return {"GET", std::move(target), {{"Host", std::move(host)}}};
}

std::string replaced(std::string text, std::string_view what, std::string_view by) {
    const std::size_t at = text.find(what);
    EXPECT_NE(at, std::string::npos) << what;
    return text.replace(at, what.size(), by);
}

std::optional<ErrorCode> outcome(const http::RequestHead& head, WallNs now,
                                 std::int64_t skew_s = 0) {
    const auto read = read_presigned(head);
    if (!read) return read.error().code;
    const Authorization& authorization = read.value().authorization;
    const SigningKey key = SigningKey::derive(kSecret, authorization.scope);
    const auto held = verify_presigned(head, authorization, key, std::nullopt, now, skew_s);
    return held ? std::nullopt : std::optional(held.error().code);
}

std::optional<ErrorCode> outcome_v2(const http::RequestHead& head, std::string_view bucket,
                                    WallNs now) {
    const auto read = read_presigned_v2(head);
    if (!read) return read.error().code;
    const auto held =
        verify_presigned_v2(read.value().request, read.value().authorization, kSecret, bucket, now);
    return held ? std::nullopt : std::optional(held.error().code);
}

TEST(Presigned, published_example_holds_and_asks_for_the_object) {
    EXPECT_EQ(outcome(get(kExample), kMay24), std::nullopt);
    const auto read = read_presigned(get(kExample));
    ASSERT_TRUE(read) << read.error().what;
    EXPECT_EQ(read.value().request.target, "/test.txt");
    EXPECT_EQ(read.value().request.headers,
              (http::Headers{{"Host", "examplebucket.s3.amazonaws.com"},
                             {"x-amz-content-sha256", "UNSIGNED-PAYLOAD"}}));
    EXPECT_EQ(read.value().authorization.key_id, "AKIAIOSFODNN7EXAMPLE");
    EXPECT_EQ(read.value().authorization.scope.region, "us-east-1");
}

TEST(Presigned, is_valid_from_its_date_until_it_expires) {
    EXPECT_EQ(outcome(get(kExample), kMay24 - 1), ErrorCode::timeout);
    EXPECT_EQ(outcome(get(kExample), kMay24 - 300 * kNsPerSecond, 300), std::nullopt);
    EXPECT_EQ(outcome(get(kExample), kMay24 + 86400 * kNsPerSecond - 1), std::nullopt);
    EXPECT_EQ(outcome(get(kExample), kMay24 + 86400 * kNsPerSecond, 300), ErrorCode::timeout);
}

TEST(Presigned, nothing_that_is_signed_can_be_changed) {
    http::RequestHead put = get(kExample);
    put.method = "PUT";
    EXPECT_EQ(outcome(put, kMay24), ErrorCode::unauthenticated);
    EXPECT_EQ(outcome(get(kExample, "other.s3.amazonaws.com"), kMay24), ErrorCode::unauthenticated);
    const std::pair<const char*, const char*> changes[] = {
        {"/test.txt", "/test.txu"},
        {"?X-Amz-Algorithm", "?versionId=1&X-Amz-Algorithm"},
        {"us-east-1", "us-west-1"},
        {"AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLF"},
        {"Expires=86400", "Expires=86401"},
        {"=aeee", "=aeef"},
        {"&X-Amz-SignedHeaders", "&X-Amz-Security-Token=other&X-Amz-SignedHeaders"}};
    for (const auto& [what, by] : changes) {
        EXPECT_EQ(outcome(get(replaced(kExample, what, by)), kMay24), ErrorCode::unauthenticated)
            << by;
    }
}

TEST(Presigned, refuses_what_is_not_in_form) {
    const std::pair<const char*, const char*> changes[] = {
        {"AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512"},
        {"&X-Amz-Expires=86400", ""},
        {"Expires=86400", "Expires=604801"},
        {"Expires=86400", "Expires=0"},
        {"Expires=86400", "Expires=864x"},
        {"X-Amz-Date=20130524", "X-Amz-Date=20130525"},
        {"X-Amz-Expires", "x-amz-expires"},
        {"SignedHeaders=host", "SignedHeaders=range"},
        {"&X-Amz-Expires=86400", "&X-Amz-Expires=86400&X-Amz-Expires=86400"},
        {"&X-Amz-Expires=86400", "&X-Amz-Expires=86400&X-Amz-Exp%69res=86400"},
        {"aws4_request", "aws4"},
        {"=aeee", "=AEEE"},
        {"?X-Amz", "?a=%zz&X-Amz"},
        {"?X-Amz", "?x-amz-acl=a&x-amz-ACL=a&X-Amz"},
        {"?X-Amz", "?x-amz-acl=a%0d%0ab&X-Amz"}};
    for (const auto& [what, by] : changes) {
        EXPECT_EQ(outcome(get(replaced(kExample, what, by)), kMay24), ErrorCode::invalid) << by;
    }
    http::RequestHead more = get(kExample);
    more.headers.push_back({"x-amz-acl", "public-read"});
    EXPECT_EQ(outcome(more, kMay24), ErrorCode::invalid);
    more = get(kExample);
    more.headers.push_back({"Host", "examplebucket.s3.amazonaws.com"});
    EXPECT_EQ(outcome(more, kMay24), ErrorCode::invalid);
}

TEST(Presigned, headers_that_were_moved_into_the_query_are_headers_again) {
    const auto read = read_presigned(get(replaced(
        kExample, "?X-Amz", "?x-amz-acl=private&partNumber=1&X-Amz-Content-Sha256=abc&X-Amz")));
    ASSERT_TRUE(read) << read.error().what;
    EXPECT_EQ(read.value().request.target, "/test.txt?partNumber=1");
    EXPECT_EQ(http::header(read.value().request.headers, "x-amz-acl"), "private");
    EXPECT_EQ(read.value().authorization.payload, "abc");
}

TEST(Presigned, what_is_made_is_verified) {
    const Credentials credentials{"ASIAEXAMPLE", kSecret.copy(), Secret(std::string_view("t/+="))};
    const auto target = presign(get("/b/a%20key"), credentials, "eu-west-1", "s3", kMay24, 900);
    ASSERT_TRUE(target) << target.error().what;
    EXPECT_EQ(outcome(get(target.value()), kMay24 + 899 * kNsPerSecond), std::nullopt);
    EXPECT_EQ(outcome(get(target.value()), kMay24 + 900 * kNsPerSecond), ErrorCode::timeout);
    EXPECT_EQ(read_presigned(get(target.value())).value().authorization.session_token.text(),
              "t/+=");
}

/// Signatures and date as botocore's generate_presigned_url makes them of CopySnapshot by GET.
TEST(Presigned, of_a_request_with_parameters_the_signature_is_botocores) {
    constexpr WallNs kThen = 1795688176 * kNsPerSecond;  // 2026-11-26T10:16:16Z
    const std::pair<const char*, const char*> made[] = {
        {"t/+=", "9d1dd4285f4e313b8e204fc4525076cdb42e725f9ff85965ecad88009b19a2af"},
        {"", "2dac5192c1eae61952bdb93b5e37d7dc626273d4cf6a0457ab662b57c710ab09"}};
    const http::RequestHead head = get(
        "/?Action=CopySnapshot&Version=2016-11-15&SourceRegion=eu-west-1&SourceSnapshotId=snap-1"
        "&Description=a%20b%2Bc",
        "ec2.eu-west-1.amazonaws.com");
    for (const auto& [token, signature] : made) {
        const Credentials credentials{"ASIAEXAMPLE", kSecret.copy(),
                                      Secret(std::string_view(token))};
        const auto target = presign(head, credentials, "eu-west-1", "ec2", kThen, 900);
        ASSERT_TRUE(target) << target.error().what;
        EXPECT_TRUE(target.value().ends_with(std::string("&X-Amz-Signature=") + signature))
            << target.value();
        EXPECT_TRUE(target.value().starts_with(head.target + "&X-Amz-Algorithm="));
        EXPECT_EQ(target.value().find("Token") == std::string::npos, *token == 0);
    }
}

TEST(Presigned, a_url_is_called_by_get) {
    const auto called = [](const std::string& url) {
        const auto head = head_of_url(url);
        return head ? std::string(http::header(head.value().headers, "host")) + " " +
                          head.value().method + " " + head.value().target
                    : std::string("! ") + name_of(head.error().code);
    };
    EXPECT_EQ(called("https://ec2.eu-west-1.amazonaws.com/?Action=CopySnapshot"),
              "ec2.eu-west-1.amazonaws.com GET /?Action=CopySnapshot");
    EXPECT_EQ(called("http://[::1]:8400?a=b"), "[::1]:8400 GET /?a=b");
    EXPECT_EQ(called("https://h"), "h GET /");
    const std::string long_path(kPresignedUrlMax, 'a');
    for (const std::string& wrong :
         {std::string(), std::string("https://"), std::string("https:///p"), std::string("//h/p"),
          std::string("HTTPS://h/p"), std::string("ftp://h/p"), std::string("https://u:p@h/p"),
          std::string("https://h/p#f"), std::string("https://h/a b"), std::string("https://h/\xc3"),
          std::string("https://h/\n"), std::string("https://h\\p"), "https://h/" + long_path}) {
        EXPECT_EQ(called(wrong), "! invalid") << wrong;
    }
}

TEST(PresignedV2, published_example_holds_in_both_styles) {
    const WallNs now = 1175139619 * kNsPerSecond;
    EXPECT_EQ(outcome_v2(get(kExampleV2), "johnsmith", now), std::nullopt);
    EXPECT_EQ(outcome_v2(get("/johnsmith" + kExampleV2), "", now), std::nullopt);
    EXPECT_EQ(outcome_v2(get(kExampleV2), "johnsmith", now + kNsPerSecond), ErrorCode::timeout);
    const auto read = read_presigned_v2(get(kExampleV2));
    EXPECT_EQ(read.value().request.target, "/photos/puppy.jpg");
    EXPECT_EQ(http::header(read.value().request.headers, "x-amz-content-sha256"),
              "UNSIGNED-PAYLOAD");
}

TEST(PresignedV2, nothing_that_is_signed_can_be_changed) {
    const WallNs now = 1175139619 * kNsPerSecond;
    const std::pair<const char*, const char*> changes[] = {
        {"puppy", "kitty"},
        {"1175139620", "1175139621"},
        {"?AWS", "?acl&AWS"},
        {"?AWS", "?response-content-type=text%2Fhtml&AWS"},
        {"?AWS", "?x-amz-acl=private&AWS"},
        {"?AWS", "?content-type=text%2Fplain&AWS"},
        {"=Npg", "=Mpg"}};
    for (const auto& [what, by] : changes) {
        EXPECT_EQ(outcome_v2(get(replaced(kExampleV2, what, by)), "johnsmith", now),
                  ErrorCode::unauthenticated)
            << by;
    }
    EXPECT_EQ(outcome_v2(get(kExampleV2), "another", now), ErrorCode::unauthenticated);
    http::RequestHead head = get(kExampleV2);
    head.method = "DELETE";
    EXPECT_EQ(outcome_v2(head, "johnsmith", now), ErrorCode::unauthenticated);
}

TEST(PresignedV2, refuses_what_no_signature_covers_and_what_is_not_in_form) {
    const std::pair<const char*, const char*> changes[] = {
        {"?AWS", "?encryption&AWS"},
        {"?AWS", "?acl&acl&AWS"},
        {"AWSAccessKeyId", "awsaccesskeyid"},
        {"Expires=1175139620", "Expires=-1"},
        {"Expires=1175139620", "Expires=99999999999"},
        {"NpgC", "N"}};
    for (const auto& [what, by] : changes) {
        EXPECT_EQ(outcome_v2(get(replaced(kExampleV2, what, by)), "johnsmith", 0),
                  ErrorCode::invalid)
            << by;
    }
    http::RequestHead head = get(replaced(kExampleV2, "?AWS", "?x-amz-acl=private&AWS"));
    head.headers.push_back({"x-amz-acl", "public-read"});
    EXPECT_EQ(outcome_v2(head, "johnsmith", 0), ErrorCode::invalid);
    EXPECT_EQ(outcome_v2(get(replaced(kExampleV2, "?AWS", "?prefix=a&list-type=2&AWS")),
                         "johnsmith", 1175139619 * kNsPerSecond),
              std::nullopt);
}

}  // namespace
}  // namespace narrows::sigv4
