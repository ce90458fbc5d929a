#include "crypto/crypto_test.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "crypto/hash.h"
#include "crypto/seal.h"
#include "crypto/sign.h"

namespace narrows::crypto {
namespace {

// FIPS 180-4 example "abc"; RFC 4231 test case 2; RFC 5869 test case 3; RFC 3720 B.4.
TEST(Hash, published_vectors) {
    EXPECT_EQ(hex(sha256("abc")),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(hex(hmac_sha256(as_bytes("Jefe"), "what do ya want for nothing?")),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    const Bytes ikm(22, 0x0b);
    EXPECT_EQ(hex(hkdf_sha256(ikm, {}, "", 42).view()),
              "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
              "9d201395faa4b61a96c8");
    EXPECT_EQ(crc32c(Bytes(32, 0)), 0x8a9136aau);
    EXPECT_EQ(crc32c(as_bytes("123456789")), 0xe3069283u);
    EXPECT_EQ(crc32c(as_bytes("56789"), crc32c(as_bytes("1234"))), 0xe3069283u);
}

TEST(Hash, running_hash_equals_one_shot) {
    Hasher hasher;
    hasher.update("a");
    hasher.update("bc");
    EXPECT_EQ(hasher.finish256(), sha256("abc"));
}

TEST(Hash, long_keys_are_hashed_as_openssl_does) {
    const Bytes key(131, 0xaa);  // RFC 4231 test case 6
    EXPECT_EQ(hex(hmac_sha256(key, "Test Using Larger Than Block-Size Key - Hash Key First")),
              "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Seal, opens_only_unaltered_and_in_its_context) {
    const Bytes key = random_bytes(32);
    Bytes sealed = seal(key, as_bytes("token"), "session");
    EXPECT_EQ(unseal(key, sealed, "session").value().text(), "token");
    EXPECT_FALSE(unseal(key, sealed, "other").has_value());
    sealed[14] ^= 1;
    EXPECT_FALSE(unseal(key, sealed, "session").has_value());
    EXPECT_FALSE(unseal(key, Bytes(5), "session").has_value());
}

TEST(Sign, verifies_own_and_refuses_altered) {
    const SigningKey key = SigningKey::generate();
    const Signature signature = key.sign(as_bytes("note"));
    EXPECT_TRUE(verify(key.public_key(), as_bytes("note"), signature));
    EXPECT_FALSE(verify(key.public_key(), as_bytes("nota"), signature));
}

}  // namespace
}  // namespace narrows::crypto
