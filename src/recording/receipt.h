#pragma once

#include "base/bytes.h"
#include "crypto/hash.h"
#include "model/ids.h"

namespace narrows::recording {

/// The recorder's word that an INTENT is durable: the Signer signs nothing without one. Recorder
/// and Signer share a key; the digest is that of the request the INTENT names
/// (upstream.request_sha256).
struct Receipt {
    model::PartNo part;
    model::Sequence sequence;
    crypto::Digest request_digest{};
    crypto::Digest mac{};
};

/// HMAC-SHA256 over "narrows receipt 1\n", part and sequence as 64-bit little-endian, and the
/// digest.
inline crypto::Digest receipt_mac(ByteView key, const Receipt& receipt) {
    Bytes message = to_bytes("narrows receipt 1\n");
    append_le(message, receipt.part.value());
    append_le(message, receipt.sequence.value());
    append(message, receipt.request_digest);
    return crypto::hmac_sha256(key, message);
}

inline Receipt make_receipt(ByteView key, model::PartNo part, model::Sequence sequence,
                            const crypto::Digest& request_digest) {
    Receipt receipt{part, sequence, request_digest, {}};
    receipt.mac = receipt_mac(key, receipt);
    return receipt;
}

inline bool is_genuine(ByteView key, const Receipt& receipt) {
    return crypto::equal_constant_time(receipt_mac(key, receipt), receipt.mac);
}

}  // namespace narrows::recording
