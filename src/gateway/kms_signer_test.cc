#include "gateway/kms_signer.h"

#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "codec/text.h"
#include "crypto/crypto_test.h"
#include "protocols/aws/upstream/fakes.h"

namespace narrows::gateway {
namespace {

using upstream::fakes::FakeFetch;

constexpr const char* kArn =
    "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
/// RFC 8032 section 7.1, TEST 2: the key, and its signature over the one byte 72, which is "r".
constexpr const char* kPublic = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
constexpr const char* kSignature =
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
/// RFC 8410: what stands before an Ed25519 key.
constexpr const char* kInfo = "302a300506032b6570032100";

std::string public_key_answer(const std::string& usage = "SIGN_VERIFY") {
    return R"({"KeyId":")" + std::string(kArn) +
           R"(","KeySpec":"ECC_NIST_EDWARDS25519","KeyUsage":")" + usage + R"(","PublicKey":")" +
           codec::base64(crypto::unhex(std::string(kInfo) + kPublic)) +
           R"(","SigningAlgorithms":["ED25519_PH_SHA_512","ED25519_SHA_512"]})";
}

std::string signature_answer(const std::string& signature = kSignature) {
    return R"({"KeyId":")" + std::string(kArn) + R"(","Signature":")" +
           codec::base64(crypto::unhex(signature)) + R"(","SigningAlgorithm":"ED25519_SHA_512"})";
}

class KmsSignerTest : public testing::Test {
  protected:
    KmsSignerTest() {
        std::ofstream(credentials_) << "[default]\naws_access_key_id = AKIDEXAMPLE\n"
                                       "aws_secret_access_key = secret\n";
    }
    ~KmsSignerTest() override { std::remove(credentials_.c_str()); }

    Result<std::unique_ptr<KmsSigner>> open() {
        KmsKey key;
        key.arn = kArn;
        key.region = "eu-central-1";
        key.credentials = credentials_;
        return KmsSigner::open(key, "narrows/gw-1", clock_, {kms_, elsewhere_});
    }
    std::unique_ptr<KmsSigner> opened() {
        kms_->next(200, public_key_answer());
        return open().value();
    }
    /// An exchange that takes its time.
    void next_after(std::int64_t seconds, int status, const std::string& body) {
        kms_->next([=, this](const upstream::FetchRequest&) {
            clock_.advance(seconds * kNsPerSecond);
            return FakeFetch::answer(status, body);
        });
    }

    const std::string credentials_ =
        testing::TempDir() + "kms_signer_test." + std::to_string(::getpid());
    ManualClock clock_{1'784'800'000 * kNsPerSecond};
    std::shared_ptr<FakeFetch> kms_ = std::make_shared<FakeFetch>();
    std::shared_ptr<FakeFetch> elsewhere_ = std::make_shared<FakeFetch>();
};

TEST_F(KmsSignerTest, signs_a_note_as_any_ed25519_key_does) {
    const auto signer = opened();
    EXPECT_EQ(crypto::hex(signer->key().key), kPublic);
    EXPECT_EQ(signer->key().name, "narrows/gw-1");
    kms_->next([](const upstream::FetchRequest& request) {
        EXPECT_EQ(request.target.authority(), "kms.eu-central-1.amazonaws.com");
        EXPECT_TRUE(request.target.tls);
        EXPECT_LE(request.whole_ms, KmsSigner::kSignMs);
        EXPECT_GT(request.whole_ms, 0);
        return FakeFetch::answer(200, signature_answer());
    });
    EXPECT_EQ(crypto::hex(signer->sign(as_bytes("r")).value()), kSignature);
}

TEST_F(KmsSignerTest, a_signature_that_the_public_key_does_not_bear_out_is_not_used) {
    const auto signer = opened();
    std::string other = kSignature;
    other.back() = '1';
    kms_->next(200, signature_answer(other));
    EXPECT_EQ(signer->sign(as_bytes("r")).error().code, ErrorCode::unauthenticated);
    kms_->next(200, signature_answer());
    EXPECT_EQ(signer->sign(as_bytes("s")).error().code, ErrorCode::unauthenticated)
        << "over another text";
}

TEST_F(KmsSignerTest, what_may_pass_is_asked_again_and_what_does_not_is_not) {
    const auto signer = opened();
    kms_->next(500, "");
    kms_->next(400, R"({"__type":"ThrottlingException"})");
    kms_->next(200, signature_answer());
    EXPECT_TRUE(signer->sign(as_bytes("r")));
    for (int i = 0; i < KmsSigner::kTriesMax; ++i) {
        kms_->next(503, "");
    }
    EXPECT_EQ(signer->sign(as_bytes("r")).error().code, ErrorCode::unavailable);
    kms_->next(400, R"({"__type":"DisabledException"})");
    EXPECT_EQ(signer->sign(as_bytes("r")).error().code, ErrorCode::denied);
    kms_->next(200, "<html>");
    EXPECT_EQ(signer->sign(as_bytes("r")).error().code, ErrorCode::unavailable);
    EXPECT_EQ(signer->sign(Bytes(4097)).error().code, ErrorCode::invalid) << "never asked";
}

TEST_F(KmsSignerTest, a_signature_has_five_seconds) {
    const auto signer = opened();
    next_after(6, 500, "");
    EXPECT_EQ(signer->sign(as_bytes("r")).error().code, ErrorCode::unavailable);
    next_after(3, 500, "");
    kms_->next([this](const upstream::FetchRequest& request) {
        EXPECT_EQ(request.whole_ms, 2'000);
        clock_.advance(2 * kNsPerSecond);
        return Result<upstream::FetchResponse>(fail(ErrorCode::timeout, "it takes too long"));
    });
    EXPECT_EQ(signer->sign(as_bytes("r")).error().code, ErrorCode::unavailable);
}

TEST_F(KmsSignerTest, the_start_waits_for_an_answer_and_not_for_ever) {
    next_after(5, 503, "");
    kms_->next(200, public_key_answer());
    EXPECT_TRUE(open());
    for (int i = 0; i < 3; ++i) {
        next_after(9, 503, "");
    }
    EXPECT_EQ(open().error().code, ErrorCode::unavailable);
    kms_->next(400, R"({"__type":"AccessDeniedException"})");
    EXPECT_EQ(open().error().code, ErrorCode::denied);
    kms_->next(200, public_key_answer("KEY_AGREEMENT"));
    EXPECT_EQ(open().error().code, ErrorCode::denied);
}

TEST_F(KmsSignerTest, without_credentials_nothing_is_asked) {
    std::ofstream(credentials_) << "[default]\naws_access_key_id = AKIDEXAMPLE\n";
    EXPECT_EQ(open().error().code, ErrorCode::invalid);
}

}  // namespace
}  // namespace narrows::gateway
