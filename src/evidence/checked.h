#pragma once

#include <cstdint>

namespace narrows::evidence {

/// What a verification has checked, in numbers.
struct Checked {
    std::uint64_t segments = 0;
    std::uint64_t batches = 0;
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;  ///< of the journal's files
    std::uint64_t parts = 0;
    std::uint64_t parts_open = 0;  ///< without a CLOSE
    std::uint64_t operations = 0;
    std::uint64_t allowed = 0;
    std::uint64_t unknown = 0;
    std::uint64_t bodies = 0;    ///< whose size or digest was compared
    std::uint64_t withheld = 0;  ///< bodies that, by design, are not on record whole
    std::uint64_t log_entries = 0;
    std::uint64_t log_heads = 0;  ///< statements of the log about parts that were compared
    std::uint64_t checkpoints = 0;
    std::uint64_t envelopes = 0;        ///< of parts' keys, compared with the log
    std::uint64_t shredded = 0;         ///< of them, by the log's word
    std::uint64_t reconciliations = 0;  ///< with CloudTrail, by the log's word
    std::uint64_t sealed = 0;           ///< records whose payload no key given here opens
};

}  // namespace narrows::evidence
