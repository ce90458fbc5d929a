#pragma once

#include "protocols/aws/signer/messages.h"

/// A signature that is made while its INTENT is still on the way to the disk. The signer, which has
/// the receipts' key, knows the code of the receipt that will be; the gateway learns it from the
/// recorder when the INTENT is durable, and before that what it holds is noise.
namespace narrows::signer {

/// AES-256-GCM (crypto::seal) under HMAC-SHA256, keyed with the receipt's code, over "narrows
/// locked signature 1\n". A receipt serves once, so a key locks one signature.
LockedSignature lock(const Signature& signature, const crypto::Digest& mac);
/// ErrorCode::unauthenticated or ErrorCode::invalid: it was locked for another receipt.
Result<Signature> unlock(const LockedSignature& locked, const crypto::Digest& mac);

}  // namespace narrows::signer
