#include "crypto/jws.h"

#include <array>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "base/check.h"
#include "crypto/openssl.h"

namespace narrows::crypto {
namespace {

constexpr int kRsaBitsMin = 2048;
constexpr int kRsaBitsMax = 8192;
constexpr int kRsaExponentBitsMax = 32;

using Number = std::unique_ptr<BIGNUM, OpensslFree<BN_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, OpensslFree<OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, OpensslFree<OSSL_PARAM_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, OpensslFree<EVP_PKEY_CTX_free>>;
using EcSignature = std::unique_ptr<ECDSA_SIG, OpensslFree<ECDSA_SIG_free>>;
using HashContext = std::unique_ptr<EVP_MD_CTX, OpensslFree<EVP_MD_CTX_free>>;

Number number(ByteView bytes) {
    return Number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
}

Result<Bytes> number_of(const EVP_PKEY* key, const char* name) {
    BIGNUM* found = nullptr;
    if (EVP_PKEY_get_bn_param(key, name, &found) != 1) {
        return fail(ErrorCode::invalid, "the public key has no such number");
    }
    const Number number(found);
    Bytes bytes(static_cast<std::size_t>(BN_num_bytes(found)));
    BN_bn2bin(found, bytes.data());
    return bytes;
}

std::shared_ptr<void> hold(EVP_PKEY* key) {
    return {key, [](void* held) { EVP_PKEY_free(static_cast<EVP_PKEY*>(held)); }};
}

Result<std::shared_ptr<void>> public_key(const char* type, OSSL_PARAM_BLD* builder) {
    const QuietErrors quiet;
    const Parameters parameters(OSSL_PARAM_BLD_to_param(builder));
    const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
    EVP_PKEY* key = nullptr;
    if (!parameters || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
        return fail(ErrorCode::invalid, "the numbers of the public key are not a key");
    }
    return hold(key);
}

std::size_t coordinate_size(JwsCurve curve) {
    return curve == JwsCurve::p256 ? 32 : 48;
}

/// r ‖ s as the DER that OpenSSL verifies; empty if the width is wrong.
Bytes der_signature(ByteView raw, std::size_t width) {
    if (raw.size() != 2 * width) {
        return {};
    }
    const EcSignature signature(ECDSA_SIG_new());
    Number r = number(raw.first(width));
    Number s = number(raw.last(width));
    NARROWS_CHECK(signature && r && s, "no memory for a signature");
    ECDSA_SIG_set0(signature.get(), r.release(), s.release());
    std::uint8_t* der = nullptr;
    const int size = i2d_ECDSA_SIG(signature.get(), &der);
    Bytes out;
    if (size > 0) {
        out.assign(der, der + size);
        OPENSSL_free(der);
    }
    return out;
}

const EVP_MD* hash_of(JwsAlgorithm algorithm) {
    switch (algorithm) {
        case JwsAlgorithm::rs256:
        case JwsAlgorithm::es256:
            return EVP_sha256();
        case JwsAlgorithm::es384:
            return EVP_sha384();
        case JwsAlgorithm::eddsa:
            return nullptr;  // Ed25519 hashes by itself
    }
    return nullptr;
}

}  // namespace

std::optional<JwsAlgorithm> jws_algorithm(std::string_view name) {
    for (const JwsAlgorithm algorithm :
         {JwsAlgorithm::rs256, JwsAlgorithm::es256, JwsAlgorithm::es384, JwsAlgorithm::eddsa}) {
        if (name == name_of(algorithm)) {
            return algorithm;
        }
    }
    return std::nullopt;
}

const char* name_of(JwsAlgorithm algorithm) {
    switch (algorithm) {
        case JwsAlgorithm::rs256:
            return "RS256";
        case JwsAlgorithm::es256:
            return "ES256";
        case JwsAlgorithm::es384:
            return "ES384";
        case JwsAlgorithm::eddsa:
            return "EdDSA";
    }
    return "unknown";
}

Result<JwsKey> JwsKey::rsa(ByteView modulus, ByteView exponent) {
    if (modulus.size() > kRsaBitsMax / 8 || exponent.size() > kRsaExponentBitsMax / 8) {
        return fail(ErrorCode::invalid, "the RSA key is larger than is accepted here");
    }
    const Number n = number(modulus);
    const Number e = number(exponent);
    if (BN_num_bits(n.get()) < kRsaBitsMin || !BN_is_odd(n.get())) {
        return fail(ErrorCode::invalid, "an RSA key needs an odd modulus of 2048 bits or more");
    }
    if (!BN_is_odd(e.get()) || BN_is_one(e.get())) {
        return fail(ErrorCode::invalid, "the RSA exponent is not an odd number above one");
    }
    const Builder builder(OSSL_PARAM_BLD_new());
    OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
    OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
    NARROWS_TRY(auto key, public_key("RSA", builder.get()));
    return JwsKey(JwsAlgorithm::rs256, std::move(key));
}

Result<JwsKey> JwsKey::rsa_pkcs1(ByteView der) {
    const QuietErrors quiet;
    const unsigned char* at = der.data();
    const std::unique_ptr<EVP_PKEY, OpensslFree<EVP_PKEY_free>> key(
        d2i_PublicKey(EVP_PKEY_RSA, nullptr, &at, static_cast<long>(der.size())));
    if (!key || at != der.data() + der.size()) {
        return fail(ErrorCode::invalid, "the bytes are no RSA public key in DER");
    }
    NARROWS_TRY(const Bytes modulus, number_of(key.get(), OSSL_PKEY_PARAM_RSA_N));
    NARROWS_TRY(const Bytes exponent, number_of(key.get(), OSSL_PKEY_PARAM_RSA_E));
    return rsa(modulus, exponent);
}

Result<JwsKey> JwsKey::ec(JwsCurve curve, ByteView x, ByteView y) {
    const std::size_t width = coordinate_size(curve);
    if (x.size() != width || y.size() != width) {
        return fail(ErrorCode::invalid, "a coordinate of the EC key does not have its full width");
    }
    Bytes point = {0x04};  // uncompressed (SEC 1 section 2.3.3)
    append(point, x);
    append(point, y);
    const char* group = curve == JwsCurve::p256 ? "P-256" : "P-384";
    const Builder builder(OSSL_PARAM_BLD_new());
    OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
    OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                     point.size());
    NARROWS_TRY(auto key, public_key("EC", builder.get()));
    const bool small = curve == JwsCurve::p256;
    return JwsKey(small ? JwsAlgorithm::es256 : JwsAlgorithm::es384, std::move(key));
}

Result<JwsKey> JwsKey::ed25519(ByteView key) {
    const QuietErrors quiet;
    EVP_PKEY* made = nullptr;
    if (key.size() == 32) {
        made = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size());
    }
    if (made == nullptr) {
        return fail(ErrorCode::invalid, "an Ed25519 public key has 32 bytes");
    }
    return JwsKey(JwsAlgorithm::eddsa, hold(made));
}

bool JwsKey::verify(ByteView message, ByteView signature) const {
    const QuietErrors quiet;
    Bytes der;
    if (algorithm_ == JwsAlgorithm::es256 || algorithm_ == JwsAlgorithm::es384) {
        der = der_signature(signature, algorithm_ == JwsAlgorithm::es256 ? 32 : 48);
        signature = der;
    }
    if (signature.empty()) {
        return false;
    }
    const HashContext context(EVP_MD_CTX_new());
    auto* key = static_cast<EVP_PKEY*>(key_.get());
    return EVP_DigestVerifyInit(context.get(), nullptr, hash_of(algorithm_), nullptr, key) == 1 &&
           EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                            message.size()) == 1;
}

}  // namespace narrows::crypto
