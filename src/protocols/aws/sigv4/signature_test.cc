#include "protocols/aws/sigv4/signature.h"

#include <ctime>

#include <gtest/gtest.h>

#include "codec/text.h"
#include "protocols/aws/sigv4/suite_vectors.h"

namespace narrows::sigv4 {
namespace {

const Secret kSuiteSecret(std::string_view("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"));
constexpr WallNs kSuiteTime = 1440938160 * kNsPerSecond;  // 2015-08-30T12:36:00Z
constexpr std::int64_t kSkew_s = 300;

Result<Verified> verify_case(const http::RequestHead& head, const std::string& body,
                             WallNs now = kSuiteTime) {
    NARROWS_TRY(const Authorization auth, read_authorization(head));
    return verify(head, auth, SigningKey::derive(kSuiteSecret, auth.scope), crypto::sha256(body),
                  now, kSkew_s);
}

http::RequestHead signed_head(const suite::Case& vector) {
    auto head = vector.head;
    head.headers.push_back({"Authorization", vector.authorization});
    return head;
}

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
TEST(SigningKey, derives_as_the_documentation_shows) {
    const Secret secret(std::string_view("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"));
    const SigningKey key = SigningKey::derive(secret, {"20150830", "us-east-1", "iam"});
    EXPECT_EQ(key.sign("AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/iam/aws4_request\n"
                       "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59"),
              "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
}

TEST(Verify, official_suite_holds_and_any_change_does_not) {
    for (const suite::Case& vector : suite::kCases) {
        const auto head = signed_head(vector);
        const auto good = verify_case(head, vector.body);
        ASSERT_TRUE(good) << vector.name << ": " << good.error().what;
        EXPECT_EQ(codec::hex(good.value().canonical_sha256), vector.canonical_sha256);

        EXPECT_FALSE(verify_case(head, std::string(vector.body) + "x")) << vector.name;
        auto changed = head;
        changed.method = "DELETE";
        EXPECT_EQ(verify_case(changed, vector.body).error().code, ErrorCode::unauthenticated);
        changed = head;
        changed.target += changed.target.find('?') == std::string::npos ? "?acl" : "&acl";
        EXPECT_EQ(verify_case(changed, vector.body).error().code, ErrorCode::unauthenticated);
        changed = head;
        http::set(changed.headers, "Host", "evil.example");
        EXPECT_EQ(verify_case(changed, vector.body).error().code, ErrorCode::unauthenticated);
    }
}

TEST(Verify, clock_skew) {
    const auto head = signed_head(suite::kCases[0]);
    const std::string body = suite::kCases[0].body;
    const std::int64_t skew = kSkew_s * kNsPerSecond;
    EXPECT_TRUE(verify_case(head, body, kSuiteTime + skew));
    EXPECT_TRUE(verify_case(head, body, kSuiteTime - skew));
    EXPECT_EQ(verify_case(head, body, kSuiteTime + skew + 1).error().code, ErrorCode::timeout);
    EXPECT_EQ(verify_case(head, body, kSuiteTime - skew - 1).error().code, ErrorCode::timeout);
}

TEST(Verify, wants_the_body_only_when_its_hash_is_not_declared) {
    const auto head = signed_head(suite::kCases[0]);
    const auto auth = read_authorization(head);
    ASSERT_TRUE(auth);
    const SigningKey key = SigningKey::derive(kSuiteSecret, auth.value().scope);
    const auto got = verify(head, auth.value(), key, std::nullopt, kSuiteTime, kSkew_s);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, ErrorCode::invalid);
}

// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, "GET Object"
TEST(Verify, s3_example) {
    const std::string empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const http::RequestHead head{
        "GET",
        "/test.txt",
        {{"Host", "examplebucket.s3.amazonaws.com"},
         {"Range", "bytes=0-9"},
         {"x-amz-content-sha256", empty},
         {"x-amz-date", "20130524T000000Z"},
         {"Authorization",
          "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
          "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
          "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"}}};
    const auto auth = read_authorization(head);
    ASSERT_TRUE(auth) << auth.error().what;
    const Secret secret(std::string_view("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"));
    const auto got = verify(head, auth.value(), SigningKey::derive(secret, auth.value().scope),
                            std::nullopt, auth.value().time, kSkew_s);
    ASSERT_TRUE(got) << got.error().what;
    EXPECT_EQ(got.value().payload, empty);
}

TEST(Sign, makes_the_signatures_of_the_official_suite) {
    KeyCache keys;
    const Credentials credentials{"AKIDEXAMPLE", kSuiteSecret.copy(), Secret()};
    for (const suite::Case& vector : suite::kCases) {
        auto head = vector.head;
        http::remove(head.headers, "x-amz-date");
        Credentials used = credentials.copy();
        used.session_token = Secret(http::header(head.headers, "x-amz-security-token"));
        http::remove(head.headers, "x-amz-security-token");
        const auto got = sign(head, codec::hex(crypto::sha256(vector.body)), used, "us-east-1",
                              "service", kSuiteTime, keys);
        ASSERT_TRUE(got) << vector.name << ": " << got.error().what;
        EXPECT_EQ(http::header(got.value().headers, "authorization"), vector.authorization)
            << vector.name;
        EXPECT_EQ(codec::hex(got.value().signed_sha256), vector.canonical_sha256);
    }
}

TEST(Sign, refuses_a_head_that_is_signed_or_says_another_payload) {
    KeyCache keys;
    const Credentials credentials{"AKIDEXAMPLE", kSuiteSecret.copy(), Secret()};
    const auto code = [&](http::Headers headers) {
        const auto got = sign({"GET", "/", std::move(headers)}, "UNSIGNED-PAYLOAD", credentials,
                              "us-east-1", "s3", kSuiteTime, keys);
        return got ? std::string("signed") : std::string(name_of(got.error().code));
    };
    EXPECT_EQ(code({{"Host", "h"}}), "signed");
    EXPECT_EQ(code({{"Host", "h"}, {"x-amz-content-sha256", "UNSIGNED-PAYLOAD"}}), "signed");
    EXPECT_EQ(code({{"Host", "h"}, {"x-amz-content-sha256", "other"}}), "invalid");
    EXPECT_EQ(code({{"Host", "h"}, {"Host", "h"}}), "invalid");
    EXPECT_EQ(code({{"Host", "h"}, {"X-Amz-Date", "20130524T000000Z"}}), "invalid");
    EXPECT_EQ(code({{"Host", "h"}, {"Authorization", "x"}}), "invalid");
    EXPECT_EQ(code({}), "invalid");
}

TEST(KeyCache, gives_the_derived_key_and_keeps_its_bound) {
    KeyCache keys(2);
    const CredentialScope scope{"20150830", "us-east-1", "iam"};
    const std::string expected = SigningKey::derive(kSuiteSecret, scope).sign("x");
    const Secret other(std::string_view("another secret"));
    EXPECT_EQ(keys.get(kSuiteSecret, scope).sign("x"), expected);
    EXPECT_NE(keys.get(other, scope).sign("x"), expected);
    for (int i = 0; i < 10; ++i) keys.get(other, {"2015083" + std::to_string(i), "r", "s"});
    EXPECT_EQ(keys.get(kSuiteSecret, scope).sign("x"), expected);
}

TEST(KeyCache, a_cached_verify_takes_microseconds) {
    const auto head = signed_head(suite::kCases[0]);
    const auto auth = read_authorization(head);
    ASSERT_TRUE(auth);
    KeyCache keys;
    const std::clock_t start = std::clock();  // of this process: others may be busy beside it
    constexpr int kRounds = 2000;
    for (int i = 0; i < kRounds; ++i) {
        const auto parsed = read_authorization(head);
        ASSERT_TRUE(verify(head, parsed.value(), keys.get(kSuiteSecret, auth.value().scope),
                           crypto::sha256(std::string_view()), kSuiteTime, kSkew_s));
    }
    const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    // Generous: for sanitizers. What is measured is printed for people.
    const int ns = static_cast<int>(seconds * 1e9 / kRounds);
    RecordProperty("ns_per_verify", ns);
    EXPECT_LT(ns, 500'000);
}

}  // namespace
}  // namespace narrows::sigv4
