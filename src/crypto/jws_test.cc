#include "crypto/jws.h"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include "crypto/sign.h"

// Signatures of the RFCs' appendices are checked in identity/jwt_test.cc, where the text is
// decoded.
namespace narrows::crypto {
namespace {

Bytes filled(std::size_t size, std::uint8_t byte) {
    return Bytes(size, byte);
}

TEST(Jws, names_are_the_allow_list) {
    for (const char* name : {"RS256", "ES256", "ES384", "EdDSA"}) {
        ASSERT_TRUE(jws_algorithm(name).has_value()) << name;
        EXPECT_STREQ(name_of(*jws_algorithm(name)), name);
    }
    for (const char* name : {"none", "None", "HS256", "RS512", "PS256", "ES512", "rs256", ""}) {
        EXPECT_FALSE(jws_algorithm(name).has_value()) << name;
    }
}

TEST(Jws, refuses_weak_and_oversized_rsa_keys) {
    const Bytes exponent = {1, 0, 1};
    EXPECT_FALSE(JwsKey::rsa(filled(128, 0xff), exponent));         // 1024 bits
    EXPECT_FALSE(JwsKey::rsa(filled(1025, 0xff), exponent));        // over 8192 bits
    EXPECT_FALSE(JwsKey::rsa(filled(256, 0xfe), exponent));         // even
    EXPECT_FALSE(JwsKey::rsa(filled(256, 0xff), Bytes{1}));         // identity
    EXPECT_FALSE(JwsKey::rsa(filled(256, 0xff), Bytes{2}));         // even
    EXPECT_FALSE(JwsKey::rsa(filled(256, 0xff), filled(5, 0xff)));  // 40 bits
    EXPECT_FALSE(JwsKey::rsa({}, {}));
    EXPECT_TRUE(JwsKey::rsa(filled(256, 0xff), exponent));
}

// The base point of P-256 (SEC 2 section 2.4.2), and the same with its last bit changed.
TEST(Jws, refuses_points_off_the_curve) {
    const Bytes x = {0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6,
                     0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb,
                     0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96};
    Bytes y = {0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb,
               0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31,
               0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5};
    const auto key = JwsKey::ec(JwsCurve::p256, x, y);
    ASSERT_TRUE(key);
    EXPECT_EQ(key.value().algorithm(), JwsAlgorithm::es256);
    EXPECT_FALSE(key.value().verify(as_bytes("m"), filled(64, 1)));
    EXPECT_FALSE(key.value().verify(as_bytes("m"), filled(64, 0)));
    EXPECT_FALSE(key.value().verify(as_bytes("m"), filled(63, 1)));
    EXPECT_FALSE(key.value().verify(as_bytes("m"), {}));
    y.back() ^= 1;
    EXPECT_FALSE(JwsKey::ec(JwsCurve::p256, x, y));
    EXPECT_FALSE(JwsKey::ec(JwsCurve::p256, filled(31, 1), filled(33, 1)));
    EXPECT_FALSE(JwsKey::ec(JwsCurve::p384, x, y));
}

TEST(Jws, ed25519_agrees_with_libsodium) {
    const SigningKey signer = SigningKey::generate();
    const auto key = JwsKey::ed25519(signer.public_key());
    ASSERT_TRUE(key);
    Signature signature = signer.sign(as_bytes("message"));
    EXPECT_TRUE(key.value().verify(as_bytes("message"), signature));
    EXPECT_FALSE(key.value().verify(as_bytes("massage"), signature));
    signature[40] ^= 1;
    EXPECT_FALSE(key.value().verify(as_bytes("message"), signature));
    EXPECT_FALSE(JwsKey::ed25519(filled(31, 1)));
}

TEST(Jws, failures_leave_no_error_behind_for_tls_code) {
    ERR_clear_error();
    EXPECT_FALSE(JwsKey::ec(JwsCurve::p256, filled(32, 1), filled(32, 1)));
    const auto key = JwsKey::rsa(filled(256, 0xff), Bytes{1, 0, 1});
    ASSERT_TRUE(key);
    EXPECT_FALSE(key.value().verify(as_bytes("m"), filled(256, 0x11)));
    EXPECT_EQ(ERR_peek_error(), 0u);
}

}  // namespace
}  // namespace narrows::crypto
