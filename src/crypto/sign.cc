#include "crypto/sign.h"

#include "crypto/sodium.h"

namespace narrows::crypto {
namespace {

struct ExpandedKey {
    std::array<std::uint8_t, crypto_sign_SECRETKEYBYTES> secret;
    PublicKey key;
    ~ExpandedKey() { wipe(secret.data(), secret.size()); }
};

void expand(ByteView seed, ExpandedKey& into) {
    start_sodium();
    crypto_sign_seed_keypair(into.key.data(), into.secret.data(), seed.data());
}

}  // namespace

SigningKey SigningKey::generate() {
    start_sodium();
    Bytes seed(crypto_sign_SEEDBYTES);
    randombytes_buf(seed.data(), seed.size());
    return from_seed(Secret(std::move(seed))).value();
}

Result<SigningKey> SigningKey::from_seed(Secret seed) {
    if (seed.view().size() != crypto_sign_SEEDBYTES) {
        return fail(ErrorCode::invalid, "an Ed25519 seed has 32 bytes");
    }
    ExpandedKey expanded;
    expand(seed.view(), expanded);
    return SigningKey(std::move(seed), expanded.key);
}

Signature SigningKey::sign(ByteView message) const {
    ExpandedKey expanded;
    expand(seed_.view(), expanded);
    Signature signature;
    crypto_sign_detached(signature.data(), nullptr, message.data(), message.size(),
                         expanded.secret.data());
    return signature;
}

bool verify(const PublicKey& key, ByteView message, ByteView signature) {
    start_sodium();
    return signature.size() == crypto_sign_BYTES &&
           crypto_sign_verify_detached(signature.data(), message.data(), message.size(),
                                       key.data()) == 0;
}

}  // namespace narrows::crypto
