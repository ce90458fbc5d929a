#pragma once

#include <array>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"

namespace narrows::crypto {

using PublicKey = std::array<std::uint8_t, 32>;
using Signature = std::array<std::uint8_t, 64>;

/// An Ed25519 key pair (RFC 8032). The seed is wiped when it goes.
class SigningKey {
  public:
    static SigningKey generate();
    static Result<SigningKey> from_seed(Secret seed);  ///< 32 bytes

    PublicKey public_key() const { return public_key_; }
    const Secret& seed() const { return seed_; }
    Signature sign(ByteView message) const;

  private:
    SigningKey(Secret seed, PublicKey key) : seed_(std::move(seed)), public_key_(key) {}
    Secret seed_;
    PublicKey public_key_;
};

bool verify(const PublicKey& key, ByteView message, ByteView signature);

}  // namespace narrows::crypto
