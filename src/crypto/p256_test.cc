#include "crypto/p256.h"

#include <gtest/gtest.h>

#include "crypto/crypto_test.h"

namespace narrows::crypto {
namespace {

constexpr std::string_view kLabel = "AWS4-ECDSA-P256-SHA256";

P256Key derived(std::string_view secret, std::string_view key_id) {
    return P256Key::derive(as_bytes("AWS4A" + std::string(secret)), kLabel, key_id);
}

// Public keys that aws-c-auth publishes: tests/aws-signing-test-suite/v4a/*/public-key.json,
// tests/test_chunked_signing.c and tests/key_derivation_tests.c.
TEST(P256, derives_the_published_key_pairs) {
    EXPECT_EQ(
        hex(derived("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "AKIDEXAMPLE").public_point()),
        "b6618f6a65740a99e650b33b6b4b5bd0d43b176d721a3edfea7e7d2d56d936b1"
        "865ed22a7eadc9c5cb9d2cbaca1b3699139fedc5043dc6661864218330c8e518");
    EXPECT_EQ(hex(derived("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "AKIAIOSFODNN7EXAMPLE")
                      .public_point()),
              "18b7d04643359f6ec270dcbab8dce6d169d66ddc9778c75cfb08dfdb701637ab"
              "fa36b35e4fe67e3112261d2e17a956ef85b06e44712d2850bcd3c2161e9993f2");
    EXPECT_EQ(hex(derived("q+jcrXGc+0zWN6uzclKVhvMmUsIfRPa4rlRandom", "AKISORANDOMAASORANDOM")
                      .public_point()),
              "15d242ceebf8d8169fd6a8b5a746c41140414c3b07579038da06af89190fffcb"
              "0515242cedd82e94799482e4c0514b505afccf2c0c98d6a553bf539f424c5ec0");
}

TEST(P256, a_candidate_is_at_most_the_order_less_two) {
    Digest number = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff,
                     0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
                     0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x4f};
    EXPECT_TRUE(P256Key::is_candidate(number));
    number[31] += 1;
    EXPECT_FALSE(P256Key::is_candidate(number));
    number[31] = 0xff;
    number[30] -= 1;
    EXPECT_TRUE(P256Key::is_candidate(number));
    number[4] = 1;
    EXPECT_FALSE(P256Key::is_candidate(number));
    EXPECT_TRUE(P256Key::is_candidate(Digest{}));
    number.fill(0xff);
    EXPECT_FALSE(P256Key::is_candidate(number));
}

TEST(P256, verifies_own_and_refuses_altered) {
    const P256Key key = derived("secret", "AKID");
    Bytes signature = key.sign("text");
    EXPECT_LE(signature.size(), 72u);
    EXPECT_TRUE(key.verify("text", signature));
    EXPECT_FALSE(key.verify("test", signature));
    EXPECT_FALSE(derived("secret", "AKIE").verify("text", signature));
    Bytes longer = signature;
    longer.push_back(0);
    EXPECT_FALSE(key.verify("text", longer));
    signature.back() ^= 1;
    EXPECT_FALSE(key.verify("text", signature));
    EXPECT_FALSE(key.verify("text", {}));
}

}  // namespace
}  // namespace narrows::crypto
