#include "crypto/jws.h"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include "crypto/crypto_test.h"
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

// A key and a signature over "narrows", made with Python's cryptography.
TEST(Jws, reads_an_rsa_key_in_der) {
    const Bytes der = unhex(
        "3082010a0282010100a4926fea1c597f7518814780136e39b3561281726eb9a4e1f6e0006b0f1a34"
        "4ac2d88f0b3d5f39e2fc86f4bca094393865ee7dab9c63865fe9811fb893a0ef8f3561ddb4c696ca"
        "2c48a8a2880f8e6dcae5aff3593bb3fe6f5f74c9315c22e7fde1f88cb1195bf5ce200adb0b46c445"
        "05c4b41f88c0ad8db36cbc08f3e6ca44aedef25ecaa721f5ffdaddd1b11d78e6d80b8d52e404067c"
        "b6292a6ccc7b9e449394f7561847728d94ff1cea47c6a1b9d895177e85d3b41bc8547c30ed518f8e"
        "9a5a53b150c5ed10d0be222e30bfb8084b3476df4da6f14056c7ce9d34596f6dfdc11a398fdacd82"
        "0950cd67e75cf963d2f57c38a6345c95f758f0f5c69afedf1d0203010001");
    const Bytes signature = unhex(
        "512a374f4a5c0da9d835d9b08fa77a9d093352e5dc31f4951338d63110285def6f93d220649ff6a2"
        "db81d007b0ad6e2a4563f3fd1a2c11f091c93a688503fcd8e68eda2b82ecdb9d75d7088ffb5cf599"
        "5040aff5a9ac58c0ae9ec6256bbcd6e9cf39c873db761fb287eb1bd9758179355078ee7e952d303e"
        "3eaabf9ed94354c5a6610c95324c53092a582eef919c5c791cb1ce19044519504389c4e139ef3e36"
        "2701a801dab36fbbd3dbd59515fa1ad5373f28f0050b0a8e58522d72b969e401187ec182eb290685"
        "8f0829dd8d86967f2d9775bc1ea799d1cb0a0fc273b54648be42f8c3cdf3c5cc9cc912b1aaaa7ebd"
        "163bece2253072a3441bc24e7f6cb3be");
    const Result<JwsKey> key = JwsKey::rsa_pkcs1(der);
    ASSERT_TRUE(key.has_value());
    EXPECT_TRUE(key.value().verify(as_bytes("narrows"), signature));
    EXPECT_FALSE(key.value().verify(as_bytes("narrowz"), signature));
    Bytes longer = der;
    longer.push_back(0);
    EXPECT_FALSE(JwsKey::rsa_pkcs1(longer));
    EXPECT_FALSE(JwsKey::rsa_pkcs1(ByteView(der).first(der.size() - 1)));
    EXPECT_FALSE(JwsKey::rsa_pkcs1({}));
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
