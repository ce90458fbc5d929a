#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/result.h"
#include "reconcile/state.h"
#include "review/source.h"

namespace narrows::reconcile {

struct RecordsRead {
    std::uint64_t operations = 0;  ///< that may have reached AWS
    std::uint64_t sealed = 0;      ///< records that no key opens
    std::uint64_t lost = 0;        ///< stretches of records that are missing or unreadable
    WallNs first = 0;              ///< time of the oldest record
    WallNs last = 0;               ///< of the newest record or heartbeat
    /// Of the oldest record that this state did not have yet and that says whose events are; 0:
    /// nothing new.
    WallNs news = 0;
};

/// Puts what is on record into the state: operations, credentials, roles, source identities, and
/// what sessions made that acts by itself, which their answers name (makers.h). One pass; memory
/// grows with the number of parts, and holds at most 1 MiB of the answer of each such operation in
/// flight.
Result<RecordsRead> read_records(const review::Source& source, Database& state);

}  // namespace narrows::reconcile
