#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "archive/away.h"
#include "base/clock.h"
#include "base/result.h"
#include "codec/value.h"
#include "reconcile/coverage.h"
#include "reconcile/digest.h"
#include "reconcile/trail.h"
#include "review/source.h"

/// Recordings beside CloudTrail, both ways (docs/reconcile.md).
namespace narrows::reconcile {

struct Options {
    /// A file that is kept from run to run; empty: everything is read, and nothing kept.
    std::string state;
    Covers covers;
    PublicKeys keys;
    /// How long an event may be on its way; what is younger is pending, never missing.
    std::int64_t settle_ns = 3600 * kNsPerSecond;
    WallNs now = 0;
    std::set<std::string> gateways;  ///< ARNs that the gateway is known to be
    std::set<std::string> own;       ///< buckets and KMS keys that the gateway itself uses
    std::set<std::string> regions;   ///< that the trail logs, as whoever runs it knows
    bool again = false;              ///< read files again that have not changed
    std::function<void(const std::string& doing)> progress;
};

enum class Verdict { agreed, wanting, unknown };
const char* name_of(Verdict verdict);

struct Outcome {
    Verdict verdict = Verdict::unknown;
    std::string trail;
    WallNs from = 0;                ///< what both show: the younger of their beginnings …
    WallNs to = 0;                  ///< … and the older of their ends, less the time to settle
    std::uint64_t operations = 0;   ///< on record, that may have reached AWS
    std::uint64_t events = 0;       ///< looked at, of anybody
    std::uint64_t matched = 0;      ///< operations with an event
    std::uint64_t bypasses = 0;     ///< calls without a record
    std::uint64_t missing = 0;      ///< records without a call
    std::uint64_t differs = 0;      ///< operations in which something differs
    std::uint64_t pending = 0;      ///< too young to say
    std::uint64_t not_covered = 0;  ///< that this trail need not show
    std::uint64_t trail_findings = 0;
    std::vector<std::string> open;  ///< why it could not be told, a sentence each
    codec::Map map() const;
};

/// `tell` gets everything that is said, as JSON has it (docs/reconcile.md): "finding",
/// "unexplained", "consequence", "not_followed", "not_covered", "note", in this order. Blocks;
/// memory is bounded by the number of parts on record and of different operations. Single-threaded.
Result<Outcome> reconcile(const review::Source& source, const archive::Away& away, Trail& trail,
                          const Options& options,
                          const std::function<void(const codec::Map&)>& tell);

}  // namespace narrows::reconcile
