#include "crypto/p256.h"

#include <algorithm>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/params.h>

#include "base/check.h"
#include "base/secret.h"
#include "crypto/hash.h"
#include "crypto/openssl.h"

namespace narrows::crypto {
namespace {

using Scalar = std::unique_ptr<BIGNUM, OpensslFree<BN_clear_free>>;
using Group = std::unique_ptr<EC_GROUP, OpensslFree<EC_GROUP_free>>;
using CurvePoint = std::unique_ptr<EC_POINT, OpensslFree<EC_POINT_free>>;
using ImportContext = std::unique_ptr<EVP_PKEY_CTX, OpensslFree<EVP_PKEY_CTX_free>>;
using SignContext = std::unique_ptr<EVP_MD_CTX, OpensslFree<EVP_MD_CTX_free>>;

constexpr std::size_t kWidth = 32;
constexpr int kCounterMax = 254;

/// The group's order less two (SEC 2 section 2.4.2).
constexpr Digest kOrderLessTwo = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff,
                                  0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
                                  0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x4f};

/// One block of the KDF: HMAC over [1] ‖ label ‖ 0 ‖ context ‖ counter ‖ [256].
Digest candidate(ByteView secret, std::string_view label, std::string_view context, int counter) {
    Bytes input = {0, 0, 0, 1};
    append(input, label);
    input.push_back(0);
    append(input, context);
    input.push_back(static_cast<std::uint8_t>(counter));
    append(input, Bytes{0, 0, 1, 0});
    return hmac_sha256(secret, ByteView(input));
}

void add_one(Digest& number) {
    unsigned carry = 1;
    for (std::size_t i = kWidth; i-- > 0;) {
        carry += number[i];
        number[i] = static_cast<std::uint8_t>(carry);
        carry >>= 8;
    }
}

/// The private key times the base point, uncompressed (SEC 1 section 2.3.3).
std::array<std::uint8_t, 1 + 2 * kWidth> point_of(const BIGNUM* scalar) {
    const Group group(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1));
    const CurvePoint point(EC_POINT_new(group.get()));
    std::array<std::uint8_t, 1 + 2 * kWidth> out{};
    const bool made =
        point && EC_POINT_mul(group.get(), point.get(), scalar, nullptr, nullptr, nullptr) == 1 &&
        EC_POINT_point2oct(group.get(), point.get(), POINT_CONVERSION_UNCOMPRESSED, out.data(),
                           out.size(), nullptr) == out.size();
    NARROWS_CHECK(made, "no memory for a P-256 key");
    return out;
}

}  // namespace

/// The borrow of a subtraction, in time that does not depend on the number.
bool P256Key::is_candidate(const Digest& number) {
    unsigned borrow = 0;
    for (std::size_t i = kWidth; i-- > 0;) {
        borrow = ((unsigned{kOrderLessTwo[i]} - number[i] - borrow) >> 8) & 1;
    }
    return borrow == 0;
}

P256Key P256Key::derive(ByteView secret, std::string_view label, std::string_view context) {
    int counter = 1;
    Digest number = candidate(secret, label, context, counter);
    while (!is_candidate(number)) {
        NARROWS_CHECK(++counter <= kCounterMax, "one of 254 candidates is a key");
        number = candidate(secret, label, context, counter);
    }
    add_one(number);
    const Scalar scalar(BN_secure_new());
    NARROWS_CHECK(scalar && BN_bin2bn(number.data(), kWidth, scalar.get()), "no memory for a key");
    BN_set_flags(scalar.get(), BN_FLG_CONSTTIME);
    auto point = point_of(scalar.get());
    // OpenSSL's own number format; its parameter builder would leave a copy behind.
    BN_bn2nativepad(scalar.get(), number.data(), kWidth);
    char curve[] = "P-256";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
        OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, number.data(), kWidth),
        OSSL_PARAM_construct_end()};
    const ImportContext import(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
    EVP_PKEY* key = nullptr;
    const bool made = EVP_PKEY_fromdata_init(import.get()) == 1 &&
                      EVP_PKEY_fromdata(import.get(), &key, EVP_PKEY_KEYPAIR, parameters) == 1;
    wipe(number.data(), number.size());
    NARROWS_CHECK(made, "OpenSSL takes a number of the right range as P-256 key");
    Point xy;
    std::copy(point.begin() + 1, point.end(), xy.begin());
    return {{key, [](void* held) { EVP_PKEY_free(static_cast<EVP_PKEY*>(held)); }}, xy};
}

Bytes P256Key::sign(std::string_view message) const {
    const SignContext context(EVP_MD_CTX_new());
    auto* key = static_cast<EVP_PKEY*>(key_.get());
    const ByteView bytes = as_bytes(message);
    Bytes out(static_cast<std::size_t>(EVP_PKEY_get_size(key)));
    std::size_t size = out.size();
    const bool made =
        EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key) == 1 &&
        EVP_DigestSign(context.get(), out.data(), &size, bytes.data(), bytes.size()) == 1;
    NARROWS_CHECK(made, "a P-256 key signs");
    out.resize(size);
    return out;
}

bool P256Key::verify(std::string_view message, ByteView signature) const {
    const QuietErrors quiet;
    const SignContext context(EVP_MD_CTX_new());
    const ByteView bytes = as_bytes(message);
    return EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr,
                                static_cast<EVP_PKEY*>(key_.get())) == 1 &&
           EVP_DigestVerify(context.get(), signature.data(), signature.size(), bytes.data(),
                            bytes.size()) == 1;
}

}  // namespace narrows::crypto
