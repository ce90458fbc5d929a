#pragma once

#include <mutex>
#include <utility>
#include <variant>

#include "base/bytes.h"
#include "base/secret.h"
#include "crypto/hash.h"
#include "journal/journal.h"
#include "model/ids.h"
#include "model/record.h"

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

/// Random bytes of who asks for a record, so that no receipt of an earlier one answers.
using Challenge = journal::Challenge;

/// The recorder's word that a record of its asker's making is durable: the Signer neither asks for
/// credentials nor uses any before it has one.
struct RecordReceipt {
    model::PartNo part;
    model::Sequence sequence;
    model::RecordKind kind = model::RecordKind::notice;
    crypto::Digest payload_sha256{};
    Challenge challenge{};
    crypto::Digest mac{};
};

/// HMAC-SHA256 over "narrows record receipt 1\n", part and sequence as 64-bit little-endian, the
/// kind's number as a byte, the payload's digest and the challenge.
inline crypto::Digest receipt_mac(ByteView key, const RecordReceipt& receipt) {
    Bytes message = to_bytes("narrows record receipt 1\n");
    append_le(message, receipt.part.value());
    append_le(message, receipt.sequence.value());
    message.push_back(static_cast<std::uint8_t>(receipt.kind));
    append(message, receipt.payload_sha256);
    append(message, receipt.challenge);
    return crypto::hmac_sha256(key, message);
}

inline bool is_genuine(ByteView key, const RecordReceipt& receipt) {
    return crypto::equal_constant_time(receipt_mac(key, receipt), receipt.mac);
}

/// The recorder's end of the key. Each start of the Signer brings another key, so that no receipt
/// serves twice across a restart. Thread-safe.
class ReceiptKey {
  public:
    explicit ReceiptKey(Secret key) : key_(std::move(key)) {}
    void replace(Secret key) {
        const std::lock_guard lock(mutex_);
        key_ = std::move(key);
    }
    Receipt make(model::PartNo part, model::Sequence sequence, const crypto::Digest& digest) const {
        const std::lock_guard lock(mutex_);
        return make_receipt(key_.view(), part, sequence, digest);
    }
    void complete(RecordReceipt& receipt) const {
        const std::lock_guard lock(mutex_);
        receipt.mac = receipt_mac(key_.view(), receipt);
    }
    /// As journal::Options has it: the code of the receipt that the subject asks for.
    crypto::Digest attest(const journal::Subject& subject, model::PartNo part,
                          model::Sequence sequence, ByteView payload) const {
        if (const auto* digest = std::get_if<crypto::Digest>(&subject.attest)) {
            return make(part, sequence, *digest).mac;
        }
        RecordReceipt receipt{part,
                              sequence,
                              subject.kind,
                              crypto::sha256(payload),
                              std::get<Challenge>(subject.attest),
                              {}};
        complete(receipt);
        return receipt.mac;
    }

  private:
    mutable std::mutex mutex_;
    Secret key_;
};

}  // namespace narrows::recording
