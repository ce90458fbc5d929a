#include "protocols/aws/upstream/kms.h"

#include <gtest/gtest.h>

#include "codec/text.h"
#include "crypto/crypto_test.h"
#include "protocols/aws/upstream/fakes.h"

namespace narrows::upstream {
namespace {

const Target kKms{"kms.eu-central-1.amazonaws.com", 443, true, false};
constexpr const char* kArn =
    "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
/// RFC 8410 section 10.1, and the key in it.
constexpr const char* kInfo = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";
constexpr const char* kKey = "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1";
/// RFC 8032 section 7.1, TEST 2: over the one byte 72, which is "r".
constexpr const char* kSignature =
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";

std::string replaced(std::string text, std::string_view from, std::string_view to) {
    const std::size_t at = text.find(from);
    EXPECT_NE(at, text.npos) << from;
    return text.replace(at, from.size(), to);
}

std::string public_key_answer() {
    return R"({"CustomerMasterKeySpec":"ECC_NIST_EDWARDS25519","KeyId":")" + std::string(kArn) +
           R"(","KeySpec":"ECC_NIST_EDWARDS25519","KeyUsage":"SIGN_VERIFY","PublicKey":")" + kInfo +
           R"(","SigningAlgorithms":["ED25519_PH_SHA_512","ED25519_SHA_512"]})";
}

std::string signature_answer() {
    return R"({"KeyId":")" + std::string(kArn) + R"(","Signature":")" +
           codec::base64(crypto::unhex(kSignature)) + R"(","SigningAlgorithm":"ED25519_SHA_512"})";
}

TEST(Kms, what_is_asked_is_what_the_api_reference_demands) {
    EXPECT_EQ(kms_get_public_key(kArn).body, R"({"KeyId":")" + std::string(kArn) + R"("})");
    EXPECT_EQ(
        kms_sign(kArn, as_bytes("r")).value().body,
        R"({"KeyId":")" + std::string(kArn) +
            R"(","Message":"cg==","MessageType":"RAW","SigningAlgorithm":"ED25519_SHA_512"})");
    EXPECT_TRUE(kms_sign(kArn, Bytes(4096)));
    EXPECT_EQ(kms_sign(kArn, Bytes(4097)).error().code, ErrorCode::invalid);
    EXPECT_EQ(kms_sign(kArn, Bytes()).error().code, ErrorCode::invalid);
}

TEST(Kms, a_public_key_is_taken_if_it_signs_with_ed25519_and_is_the_one_asked_for) {
    const auto key = [](const std::string& answer) { return parse_kms_public_key(answer, kArn); };
    const std::string good = public_key_answer();
    EXPECT_EQ(crypto::hex(key(good).value()), kKey);
    const auto with = [&](std::string_view from, std::string_view to) {
        return key(replaced(good, from, to)).error().code;
    };
    EXPECT_EQ(with("\"KeySpec\":\"ECC_NIST_EDWARDS25519", "\"KeySpec\":\"ECC_NIST_P256"),
              ErrorCode::denied);
    EXPECT_EQ(with("SIGN_VERIFY", "KEY_AGREEMENT"), ErrorCode::denied);
    EXPECT_EQ(with(",\"ED25519_SHA_512\"", ""), ErrorCode::denied);
    EXPECT_EQ(with("[\"ED25519_PH_SHA_512\",\"ED25519_SHA_512\"]", "\"ED25519_SHA_512\""),
              ErrorCode::denied);
    EXPECT_EQ(with("90ab", "90ac"), ErrorCode::unavailable) << "another key's";
    // X25519's object identifier; a byte less; base64 that is none.
    EXPECT_EQ(with("MCowBQYDK2Vw", "MCowBQYDK2Vu"), ErrorCode::unavailable);
    EXPECT_EQ(with("AxZuE=", "AxZg=="), ErrorCode::unavailable);
    EXPECT_EQ(with("MCow", "M.ow"), ErrorCode::unavailable);
    EXPECT_EQ(with(kInfo, ""), ErrorCode::unavailable);
    for (const char* none : {"", "{}", "[]", "null", "\xff", "{\"KeyId\":1}"}) {
        EXPECT_EQ(key(none).error().code, ErrorCode::unavailable) << none;
    }
}

TEST(Kms, a_signature_has_64_bytes_and_is_by_the_key_and_algorithm_asked_for) {
    const auto signature = [](const std::string& answer) {
        return parse_kms_signature(answer, kArn);
    };
    const std::string good = signature_answer();
    EXPECT_EQ(crypto::hex(signature(good).value()), kSignature);
    const auto with = [&](std::string_view from, std::string_view to) {
        return signature(replaced(good, from, to)).error().code;
    };
    EXPECT_EQ(with("ED25519_SHA_512", "ED25519_PH_SHA_512"), ErrorCode::unavailable);
    EXPECT_EQ(with("90ab", "90ac"), ErrorCode::unavailable);
    EXPECT_EQ(with("sMAA==", "sMAAA="), ErrorCode::unavailable) << "65 bytes";
    EXPECT_EQ(with("\"Signature\"", "\"signature\""), ErrorCode::unavailable);
    EXPECT_EQ(with("}", ""), ErrorCode::unavailable);
}

TEST(Kms, errors_are_named_by_their_code_alone) {
    EXPECT_EQ(parse_kms_error(R"({"__type":"AccessDeniedException","Message":"no\u001b[31m"})"),
              "AccessDeniedException");
    EXPECT_EQ(parse_kms_error(R"({"__type":"com.amazonaws.kms#DisabledException"})"),
              "DisabledException");
    for (const char* none : {"", "{}", R"({"__type":"a b"})", R"({"__type":7})", "<html>"}) {
        EXPECT_EQ(parse_kms_error(none), "") << none;
    }
    EXPECT_EQ(parse_kms_error(R"({"__type":")" + std::string(65, 'a') + R"("})"), "");
}

class AskKms : public testing::Test {
  protected:
    Result<std::string> ask() {
        return ask_kms(fetch_, kKms, "eu-central-1",
                       {"AKIDEXAMPLE", Secret(std::string_view("secret")), Secret()},
                       kms_sign(kArn, as_bytes("r")).value(), 1'784'800'000 * kNsPerSecond, keys_);
    }
    ErrorCode after(int status, const char* body) {
        fetch_.next(status, body);
        const auto answer = ask();
        return answer ? ErrorCode::invalid : answer.error().code;
    }
    fakes::FakeFetch fetch_;
    sigv4::KeyCache keys_;
};

TEST_F(AskKms, the_request_is_signed_for_kms_with_its_target) {
    fetch_.next([](const FetchRequest& request) {
        const auto header = [&](const char* name) {
            return std::string(http::header(request.head.headers, name));
        };
        EXPECT_EQ(request.head.method + request.head.target, "POST/");
        EXPECT_EQ(header("host"), "kms.eu-central-1.amazonaws.com");
        EXPECT_EQ(header("content-type"), "application/x-amz-json-1.1");
        EXPECT_EQ(header("x-amz-target"), "TrentService.Sign");
        EXPECT_NE(header("authorization").find("/20260723/eu-central-1/kms/aws4_request"),
                  std::string::npos);
        EXPECT_NE(header("authorization").find("x-amz-target"), std::string::npos);
        return fakes::FakeFetch::answer(200, "said");
    });
    EXPECT_EQ(ask().value(), "said");
}

TEST_F(AskKms, what_may_pass_is_told_from_what_somebody_must_change) {
    EXPECT_EQ(after(500, R"({"__type":"KMSInternalException"})"), ErrorCode::unavailable);
    EXPECT_EQ(after(503, ""), ErrorCode::unavailable);
    EXPECT_EQ(after(400, R"({"__type":"ThrottlingException"})"), ErrorCode::unavailable);
    EXPECT_EQ(after(400, R"({"__type":"ExpiredTokenException"})"), ErrorCode::unavailable);
    EXPECT_EQ(after(400, R"({"__type":"AccessDeniedException"})"), ErrorCode::denied);
    EXPECT_EQ(after(400, R"({"__type":"KMSInvalidStateException"})"), ErrorCode::denied);
    EXPECT_EQ(after(302, ""), ErrorCode::denied);
    fetch_.next(
        [](const FetchRequest&) { return Result<FetchResponse>(fail(ErrorCode::io, "x")); });
    EXPECT_EQ(ask().error().code, ErrorCode::unavailable);
}

}  // namespace
}  // namespace narrows::upstream
