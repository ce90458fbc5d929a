#include "protocols/aws/signer/locked_signature.h"

#include "crypto/seal.h"

namespace narrows::signer {
namespace {

constexpr std::string_view kLabel = "narrows locked signature 1\n";

}  // namespace

LockedSignature lock(const Signature& signature, const crypto::Digest& mac) {
    Writer writer;
    writer(signature);
    return {crypto::seal(crypto::hmac_sha256(mac, kLabel), writer.take(), kLabel)};
}

Result<Signature> unlock(const LockedSignature& locked, const crypto::Digest& mac) {
    NARROWS_TRY(const Secret plain,
                crypto::unseal(crypto::hmac_sha256(mac, kLabel), locked.sealed, kLabel));
    Reader reader(plain.view());
    Signature signature;
    reader(signature);
    if (!reader.held()) {
        return fail(ErrorCode::invalid, "what was locked is no signature");
    }
    return signature;
}

}  // namespace narrows::signer
