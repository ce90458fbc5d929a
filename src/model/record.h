#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace narrows::model {

/// Kinds of record (docs/format.md section "Records"). Numbers are on disk: never reused.
enum class RecordKind : std::uint8_t {
    open = 1,         ///< a part begins: who, for whom, why, what was granted
    stated = 2,       ///< something the agent said of itself
    intent = 3,       ///< an operation asked, and the decision on it
    sent = 4,         ///< the request left: upstream key id, digest of what was signed
    head = 5,         ///< status and headers of the answer
    body = 6,         ///< a stretch of a request or response body
    result = 7,       ///< the outcome of an operation that was sent
    not_sent = 8,     ///< allowed, but never left, and why
    unknown = 9,      ///< sent, and what came of it is not known
    gap = 10,         ///< records that are missing or unreadable, declared
    approval = 11,    ///< a reviewer's word on a held operation
    reviewed = 12,    ///< a reviewer looked
    close = 13,       ///< a part ends: counts per kind
    recovery = 14,    ///< what a restart found and did
    config = 15,      ///< a configuration took effect
    credential = 16,  ///< an upstream credential was obtained
    notice = 17,      ///< an alarm, a budget used up, attempts only counted
    secrets = 18,     ///< secret values of an operation, for custodians alone
};
const char* name_of(RecordKind kind);
std::optional<RecordKind> record_kind(std::uint8_t number);

}  // namespace narrows::model
