#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "codec/value.h"
#include "crypto/hash.h"
#include "journal/reader.h"
#include "model/ids.h"
#include "model/record.h"
#include "review/event_story.h"
#include "review/sessions.h"

/// One session's recording, operation by operation.
namespace narrows::review {

/// A body as far as it was asked for.
struct BodyView {
    Bytes bytes;                                       ///< the first `body_bytes_max`
    std::uint64_t size = 0;                            ///< on record
    std::vector<journal::PartIndex::Entry> stretches;  ///< its BODY records
    std::optional<EventStory> events;                  ///< if it is an event stream
    bool complete() const { return bytes.size() == size; }
};

/// One of an operation's records, its bodies' apart.
struct RecordView {
    model::RecordKind kind = model::RecordKind::intent;
    model::Sequence sequence;
    WallNs time = 0;
    crypto::Digest leaf{};
};

/// Reads a whole body again, stretch by stretch.
using ReadBody =
    std::function<Result<void>(bool is_request, const std::function<void(ByteView)>& take)>;

/// An operation put together from its records. Payloads are as recorded, provenance groups and
/// all; null where there is no such record.
struct OperationView {
    model::PartNo part;
    model::Sequence op;
    WallNs time = 0;
    codec::Value intent;
    codec::Value sent;  ///< the last one, if it was sent more than once
    codec::Value head;
    codec::Value outcome;
    std::vector<codec::Value> secrets;              ///< SECRETS, where a custodian's key opens them
    bool allowed_by_header = false;                 ///< what counts if no key opens the INTENT
    std::uint64_t sealed = 0;                       ///< of its records, those that no key opens
    std::optional<model::RecordKind> outcome_kind;  ///< RESULT, NOT_SENT, UNKNOWN; nothing: none
    WallNs ended = 0;
    BodyView request;
    BodyView response;
    std::vector<RecordView> records;  ///< the INTENT first
    ReadBody read_body;               ///< during the sink's call; null from read_everything

    const codec::Value& decision() const;
    bool allowed() const;
    /// "allowed", "denied", "held".
    std::string verdict_words() const;
    /// "200", "not sent: …", "unknown: …", "no outcome on record"; empty if denied.
    std::string outcome_words() const;
};

/// Any record that belongs to no operation: OPEN, CREDENTIAL, NOTICE, GAP, CLOSE …
struct EventView {
    model::PartNo part;
    model::Sequence sequence;
    WallNs time = 0;
    model::RecordKind kind = model::RecordKind::notice;
    codec::Value payload;
    bool sealed = false;  ///< no key opens it; `payload` is null
};

/// Records that cannot be shown, as a value.
struct LossView {
    std::optional<model::PartNo> part;      ///< none: records of any part may have stood there
    std::optional<journal::Range> records;  ///< their sequence numbers, where known
    WallNs time = 0;        ///< of the GAP record, or of the record after the stretch; 0: not known
    bool declared = false;  ///< by a GAP record
    std::string why;
};

struct ReadOptions {
    /// Operations in the order they were asked, else each as soon as it is over: then only those
    /// in flight are held.
    bool in_order = true;
    std::uint64_t body_bytes_max = 0;     ///< of each body; 0: none
    std::optional<model::Sequence> only;  ///< bodies of this operation alone
    /// Whose bodies are held at all; optional: all operations'.
    std::function<bool(const OperationView&, bool is_request)> wants_body;
    /// Body bytes of `only` as they are read, whole; optional.
    std::function<void(bool is_request, ByteView)> body;
};

struct RecordingSink {
    std::function<void(const EventView&)> event;
    std::function<void(const OperationView&)> operation;
    /// What is missing without a GAP record that declares it, and stretches of the journal that
    /// cannot be read; optional.
    std::function<void(const LossView&)> lost;
};

/// Hands out a session's events and operations, part by part, in order: an operation when it and
/// those asked before it are over. Memory is bounded by the operations in flight at one time (at
/// most 4,096 are held back) and the body bytes asked for.
Result<void> read_recording(const Source& source, const SessionSummary& session,
                            const ReadOptions& options, const RecordingSink& sink);

/// The same of every part on record in one pass, the lobby's and the system's too, whose OPENs name
/// no session. Memory grows with the number of parts and of operations in flight.
Result<void> read_everything(const Source& source, const ReadOptions& options,
                             const RecordingSink& sink);

}  // namespace narrows::review
