#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "codec/value.h"
#include "io/file.h"
#include "model/ids.h"
#include "model/record.h"
#include "review/sessions.h"

/// One session's recording, operation by operation.
namespace narrows::review {

/// A body as far as it was asked for.
struct BodyView {
    Bytes bytes;             ///< the first `body_bytes_max`
    std::uint64_t size = 0;  ///< on record
    bool complete() const { return bytes.size() == size; }
};

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
    std::optional<model::RecordKind> outcome_kind;  ///< RESULT, NOT_SENT, UNKNOWN; nothing: none
    WallNs ended = 0;
    BodyView request;
    BodyView response;

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
};

struct ReadOptions {
    std::uint64_t body_bytes_max = 0;     ///< of each body; 0: none
    std::optional<model::Sequence> only;  ///< bodies of this operation alone
    /// Body bytes of `only` as they are read, whole; optional.
    std::function<void(bool is_request, ByteView)> body;
};

struct RecordingSink {
    std::function<void(const EventView&)> event;
    std::function<void(const OperationView&)> operation;
};

/// Hands out a session's events and operations, part by part, in order: an operation when it and
/// those asked before it are over. Memory is bounded by the operations in flight at one time (at
/// most 4,096 are held back) and the body bytes asked for.
Result<void> read_recording(io::FileSystem& fs, const std::string& data_dir,
                            const SessionSummary& session, const ReadOptions& options,
                            const RecordingSink& sink);

}  // namespace narrows::review
