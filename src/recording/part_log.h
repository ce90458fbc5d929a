#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>

#include "base/bytes.h"
#include "codec/value.h"
#include "crypto/hash.h"
#include "journal/journal.h"
#include "net/task.h"
#include "net/workers.h"
#include "recording/receipt.h"

/// Records into the journal, as coroutines. The only writer of the journal beside recovery.
namespace narrows::recording {

using journal::Await;
using model::RecordKind;
using model::Sequence;

/// Which way the bytes of a BODY record went.
enum class Direction { request, response };

inline constexpr std::size_t kBodyPart = 64 * 1024;  ///< content of a BODY record at most
/// How many BODY records a stretch of so many bytes takes.
inline std::uint64_t body_parts(std::size_t bytes) {
    return bytes == 0 ? 1 : (bytes - 1) / kBodyPart + 1;
}

/// One part being recorded. Thread-safe; shared because operations in flight keep it until their
/// last record. Every append that fails is counted in `failed`: the recording room never retries.
class PartLog {
  public:
    /// The journal must outlive it. It is also who attests what receipts say.
    PartLog(journal::Journal& journal, std::shared_ptr<journal::Part> part);

    model::PartNo no() const { return part_->no(); }
    /// Whether SECRETS may be appended: a custodian holds a key to them.
    bool keeps_secrets() const { return part_->seals(journal::KeyClass::secrets); }
    bool closed() const { return closed_; }  ///< its CLOSE is durable
    bool ending() const { return ending_; }  ///< nothing but CLOSE may follow
    std::uint64_t records() const { return part_->next().value(); }
    std::uint64_t bytes() const { return bytes_; }
    /// Whether the journal can take a body of so many bytes (Journal::has_room_for).
    bool has_room_for(std::uint64_t body_bytes) const { return journal_.has_room_for(body_bytes); }
    /// Records per kind so far.
    std::map<std::string, std::uint64_t> counts() const;

    /// The part's first record; `payload` gets the part's number. Durable when it returns. Both on
    /// a worker: the part's keys are made first, which waits for the disk.
    net::Task<Result<void>> open(net::Workers& workers,
                                 std::function<codec::Value(model::PartNo)> payload);

    /// Durable when it returns. `payload` gets the operation's number, which is its sequence. The
    /// receipt of an allowed one is what the Signer asks for; it names `request_digest`. An allowed
    /// operation is open until its `outcome`; one whose INTENT may or may not be on disk gets its
    /// NOT_SENT here.
    struct Intent {
        Sequence op;
        Receipt receipt;
        std::size_t size = 0;  ///< bytes of the payload
    };
    /// Is told, of an allowed one, the place that it got, before anything of it is durable.
    using Placed = std::function<void(model::PartNo, Sequence)>;
    net::Task<Result<Intent>> intent(std::function<codec::Value(Sequence)> payload,
                                     crypto::Digest request_digest, bool allowed,
                                     Placed placed = {});
    /// RESULT, NOT_SENT or UNKNOWN of an open operation, once; `fields` get its number. If the
    /// journal refuses it, the operation stays open. ErrorCode::closed: it is not open (any more).
    net::Task<Result<void>> outcome(RecordKind kind, Sequence op, codec::Map fields, Await await);
    /// The same in the control lane, without waiting; false if it was not taken.
    bool outcome_unawaited(RecordKind kind, Sequence op, codec::Map fields);

    /// A small record in the control lane.
    net::Task<Result<void>> control(RecordKind kind, codec::Value payload, Await await,
                                    journal::Use use);
    /// A small record for another process that must see it durable: with the receipt.
    net::Task<Result<RecordReceipt>> attested(RecordKind kind, Bytes payload, Challenge challenge);
    /// A record in the bulk lane: SENT, HEAD, RESULT, and what belongs to a body.
    net::Task<Result<void>> bulk(RecordKind kind, codec::Value payload, Await await);
    /// The same without waiting; false if the journal refused it.
    bool bulk_unawaited(RecordKind kind, const codec::Value& payload);
    /// For destructors and drains: queued in the control lane, nobody waits.
    bool control_unawaited(RecordKind kind, const codec::Value& payload);

    /// A stretch of a body, as BODY records number `index` and up, `body_parts` of them. What is
    /// awaited is the last one: one lane, in order. Waits for room in the journal's queue, at most
    /// two seconds: then the disk is too slow, and the operation ends.
    net::Task<Result<void>> body(Sequence op, Direction direction, std::uint64_t index,
                                 ByteView bytes, Await await);

    /// UNKNOWN (or NOT_SENT) for each operation that is still open, then, once all of the part is
    /// durable, CLOSE with counts per kind; nothing is appended after it. If it fails, call it
    /// again: the part is open again, unless its CLOSE has its number already and only the disk is
    /// waited for.
    /// `continues`: a later part may go on with the session.
    net::Task<Result<void>> close(codec::Map observed, bool continues);

  private:
    Result<journal::Appended> append(journal::Lane lane, journal::Subject subject, Bytes payload,
                                     Await await, journal::Waiter* waiter, journal::Use use);
    /// The caller holds closing_mutex_.
    Result<journal::Appended> append_locked(journal::Lane lane, journal::Subject subject,
                                            Bytes payload, Await await, journal::Waiter* waiter,
                                            journal::Use use);
    /// Counts it too, before CLOSE can; `built` is the size of what `build` made, once it has.
    Result<journal::Appended> append_intent(const journal::PayloadBuilder& build,
                                            const std::size_t& built,
                                            const journal::Subject& subject,
                                            journal::Waiter* waiter);
    Result<journal::Appended> append_outcome(journal::Lane lane, RecordKind kind, Sequence op,
                                             codec::Map fields, Await await,
                                             journal::Waiter* waiter);
    net::Task<Result<void>> body_part(Sequence op, Direction direction, std::uint64_t index,
                                      ByteView part, Await await);
    Result<void> end_appending();
    bool has_close() const;
    net::Task<Result<void>> append_close(codec::Map fields, bool continues);
    Result<void> conclude_open();
    Result<void> open_now(const std::function<codec::Value(model::PartNo)>& payload);
    void counted(RecordKind kind, std::size_t size);
    journal::Journal& journal_;
    std::shared_ptr<journal::Part> part_;
    std::array<std::atomic<std::uint64_t>, 32> counts_{};
    std::atomic<std::uint64_t> bytes_ = 0;
    std::atomic<bool> ending_ = false;         ///< only CLOSE may follow
    std::atomic<bool> closed_ = false;         ///< CLOSE is durable
    mutable std::shared_mutex closing_mutex_;  ///< shared: an append; alone: the end of appending
    bool has_close_ = false;                   ///< CLOSE has its number; under closing_mutex_
    std::mutex open_mutex_;                    ///< taken after closing_mutex_
    /// Allowed operations without an outcome; with why it was not sent, where that is known.
    std::map<Sequence, std::string> open_;
};

/// {"observed": fields}, the commonest shape of a payload.
codec::Value observed(codec::Map fields);

}  // namespace narrows::recording
