#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "codec/value.h"
#include "journal/journal.h"

namespace narrows::gateway {

/// What one earlier part left behind, as far as a restart must know it.
struct LeftPart {
    codec::Value open;                   ///< OPEN's payload
    std::set<std::uint64_t> unfinished;  ///< operations with an allowed INTENT and no outcome
    bool closed = false;
    std::string close_reason;
    codec::Map ending;                            ///< it was being ended: what its CLOSE was to say
    std::map<std::string, std::uint64_t> counts;  ///< records per kind
};

/// Collects what recovery reads by the way. Bounded by the parts that are not closed: a closed part
/// keeps its OPEN only, for the proofs that must not be used again.
class Recovered {
  public:
    void see(const journal::Frame& frame);
    std::map<std::uint64_t, LeftPart>& parts() { return parts_; }
    /// A session's part that nobody ended and no later part continues.
    bool goes_on(std::uint64_t part) const;
    journal::RecoveryReport report;

  private:
    void see_ending(std::uint64_t part, const codec::Value& observed);
    std::map<std::uint64_t, LeftPart> parts_;
    std::set<std::uint64_t> continued_;  ///< predecessors of other parts
};

}  // namespace narrows::gateway
