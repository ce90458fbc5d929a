#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "codec/value.h"
#include "model/record.h"

/// Payloads of records as their readers see them (docs/format.md "Records"). Pure functions on
/// hostile bytes.
namespace narrows::evidence {

/// A decoded payload: deterministic CBOR whose top-level keys are provenance classes; a BODY's
/// fields stand at the top and are all observed.
struct Payload {
    codec::Value value;

    /// The fields of one provenance class; a null value if there are none.
    const codec::Value& group(std::string_view provenance) const;
    const codec::Value& observed() const { return group("observed"); }
};

/// Refuses what is not of the shape its kind has: unknown classes, an operation's record without
/// `op`, a BODY without direction, index and bytes.
Result<Payload> decode_payload(model::RecordKind kind, ByteView bytes);

/// Whether records of this kind belong to an operation and name it by `op`.
bool has_operation(model::RecordKind kind);
/// `op` of such a record; any kind that has it is checked to have it by decode_payload.
std::uint64_t operation_of(model::RecordKind kind, const Payload& payload);

/// A member that holds a SHA-256, as 32 bytes or as 64 hex digits; nothing if it holds neither.
std::optional<Bytes> digest_member(const codec::Value& map, std::string_view name);
/// A member that is a number not below zero.
std::optional<std::uint64_t> count_member(const codec::Value& map, std::string_view name);

}  // namespace narrows::evidence
