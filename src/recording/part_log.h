#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/bytes.h"
#include "codec/value.h"
#include "crypto/hash.h"
#include "journal/journal.h"
#include "net/task.h"
#include "recording/receipt.h"

/// Records into the journal, as coroutines. The only writer of the journal beside recovery.
namespace narrows::recording {

using journal::Await;
using model::RecordKind;
using model::Sequence;

/// Which way the bytes of a BODY record went.
enum class Direction { request, response };

/// How far a part has come: what the evidence log commits to.
struct PartHead {
    model::PartNo part;
    std::uint64_t size = 0;  ///< records
    crypto::Digest last_leaf{};
};

/// One part being recorded. Thread-safe; shared because operations in flight keep it until their
/// last record. Every append that fails is counted in `failed`: the recording room never retries.
class PartLog {
  public:
    /// The journal and the key's bytes must outlive it.
    PartLog(journal::Journal& journal, std::shared_ptr<journal::Part> part, ByteView receipt_key);

    model::PartNo no() const { return part_->no(); }
    bool closed() const { return closed_; }
    std::uint64_t records() const { return part_->next().value(); }
    std::uint64_t bytes() const { return bytes_; }
    /// The record appended last, and how many there are with it.
    PartHead head() const;
    /// Records per kind so far.
    std::map<std::string, std::uint64_t> counts() const;

    /// The part's first record; `payload` gets the part's number. Durable when it returns.
    net::Task<Result<void>> open(std::function<codec::Value(model::PartNo)> payload);

    /// Durable when it returns. `payload` gets the operation's number, which is its sequence. The
    /// receipt is what the Signer asks for; it names `request_digest`.
    struct Intent {
        Sequence op;
        Receipt receipt;
    };
    net::Task<Result<Intent>> intent(std::function<codec::Value(Sequence)> payload,
                                     crypto::Digest request_digest);

    /// A small record in the control lane.
    net::Task<Result<void>> control(RecordKind kind, codec::Value payload, Await await,
                                    journal::Use use);
    /// A record in the bulk lane: SENT, HEAD, RESULT, and what belongs to a body.
    net::Task<Result<void>> bulk(RecordKind kind, codec::Value payload, Await await);
    /// The same without waiting; false if the journal refused it.
    bool bulk_unawaited(RecordKind kind, codec::Value payload);
    /// For destructors and drains: queued in the control lane, nobody waits.
    bool control_unawaited(RecordKind kind, codec::Value payload);

    net::Task<Result<void>> body(Sequence op, Direction direction, std::uint64_t index,
                                 ByteView bytes, Await await);
    /// The same without waiting; false if the journal refused it.
    bool body_unawaited(Sequence op, Direction direction, std::uint64_t index, ByteView bytes);

    /// CLOSE with counts per kind; nothing is appended after it.
    net::Task<Result<PartHead>> close(codec::Map observed);
    /// The same with the counts that `observed` brings: for a part of an earlier boot.
    net::Task<Result<PartHead>> close_with(codec::Map observed);

  private:
    Result<journal::Appended> append(journal::Lane lane, RecordKind kind, Bytes payload,
                                     Await await, journal::Waiter* waiter, journal::Use use);
    void counted(RecordKind kind, std::size_t size, const journal::Appended& appended);
    journal::Journal& journal_;
    std::shared_ptr<journal::Part> part_;
    ByteView receipt_key_;
    std::array<std::atomic<std::uint64_t>, 32> counts_{};
    std::atomic<std::uint64_t> bytes_ = 0;
    std::atomic<bool> closed_ = false;
    mutable std::mutex leaf_mutex_;
    Sequence leaf_sequence_{0};
    crypto::Digest leaf_{};
};

/// {"observed": fields}, the commonest shape of a payload.
codec::Value observed(codec::Map fields);

}  // namespace narrows::recording
