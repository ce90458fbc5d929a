#pragma once

#include <array>
#include <memory>
#include <string_view>

#include "base/bytes.h"
#include "crypto/hash.h"

/// ECDSA over P-256 with SHA-256 (FIPS 186-5), and key pairs that are derived from a secret.
namespace narrows::crypto {

/// A key pair. Copies share it; it is wiped when the last one goes. Thread-safe.
class P256Key {
  public:
    /// The key pair that AWS derives for SigV4A: candidates come from the counter-mode KDF of NIST
    /// SP 800-108 (HMAC-SHA256, 256 bits) over `label` and `context` with a counter byte behind it;
    /// the first one up to n - 2, plus one, is the private key. Takes the same time for every
    /// secret.
    /// https://github.com/awslabs/aws-c-auth/blob/main/source/key_derivation.c
    static P256Key derive(ByteView secret, std::string_view label, std::string_view context);

    /// Whether a candidate, big-endian, is at most n - 2.
    static bool is_candidate(const Digest& number);

    /// DER (RFC 3279 section 2.2.3), at most 72 bytes; another one each time.
    Bytes sign(std::string_view message) const;
    /// Of DER in its one encoding.
    bool verify(std::string_view message, ByteView signature) const;

    using Point = std::array<std::uint8_t, 64>;
    const Point& public_point() const { return point_; }  ///< x ‖ y

  private:
    P256Key(std::shared_ptr<void> key, const Point& point) : key_(std::move(key)), point_(point) {}
    std::shared_ptr<void> key_;  ///< shared: OpenSSL counts its references itself
    Point point_;
};

}  // namespace narrows::crypto
