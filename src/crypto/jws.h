#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

/// Public keys and signature checks of JSON Web Signature (RFC 7515, RFC 7518, RFC 8037).
namespace narrows::crypto {

/// The whole allow-list. There is no "none" and no MAC: a public key can never be taken for one.
enum class JwsAlgorithm { rs256, es256, es384, eddsa };
std::optional<JwsAlgorithm> jws_algorithm(std::string_view name);  ///< "RS256"; case counts
const char* name_of(JwsAlgorithm algorithm);

enum class JwsCurve { p256, p384 };

/// A public key, tied to the one algorithm it may verify. Immutable; copies share the key, since
/// OpenSSL counts references itself. Thread-safe.
class JwsKey {
  public:
    /// Modulus and exponent, big-endian. 2048 to 8192 bits, exponent odd and at most 32 bits.
    static Result<JwsKey> rsa(ByteView modulus, ByteView exponent);
    /// The same in DER (RFC 8017 appendix A.1.1, RSAPublicKey).
    static Result<JwsKey> rsa_pkcs1(ByteView der);
    /// Affine coordinates, full width. Refuses a point that is not on the curve.
    static Result<JwsKey> ec(JwsCurve curve, ByteView x, ByteView y);
    static Result<JwsKey> ed25519(ByteView key);

    JwsAlgorithm algorithm() const { return algorithm_; }
    /// ECDSA signatures are r ‖ s (RFC 7518 section 3.4). Any other form is false.
    bool verify(ByteView message, ByteView signature) const;

  private:
    JwsKey(JwsAlgorithm algorithm, std::shared_ptr<void> key)
        : algorithm_(algorithm), key_(std::move(key)) {}
    JwsAlgorithm algorithm_;
    std::shared_ptr<void> key_;  ///< EVP_PKEY
};

}  // namespace narrows::crypto
