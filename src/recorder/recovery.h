#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "base/result.h"
#include "codec/value.h"
#include "journal/journal.h"

namespace narrows::recorder {

/// What a restart found in the journal of the starts before it, and declared.
struct Found {
    std::uint64_t segments = 0;
    std::uint64_t frames = 0;
    std::uint64_t bytes = 0;
    std::uint64_t parts_interrupted = 0;
    std::uint64_t operations_unknown = 0;
    codec::List gaps;                   ///< torn tails and quarantined segments
    std::set<model::PartNo> may_go_on;  ///< parts whose sessions nobody ended
    model::PartNo next_part{1};         ///< the number that the next new part gets

    /// As RECOVERY has it, on record and in the log.
    codec::Map fields() const;
};

/// Collects from frame headers, which need no key, what earlier parts left open. Bounded by the
/// operations in flight and a little for each part.
class Recovery {
  public:
    void see(const journal::Frame& frame);
    /// Appends to each part that was not closed what became of it: a GAP for every hole, UNKNOWN
    /// for every operation without an outcome, CLOSE. Durable when it returns. Blocks.
    Result<Found> declare(journal::Journal& journal, const journal::RecoveryReport& report);

  private:
    struct Left {
        std::set<std::uint64_t> unfinished;  ///< operations with an allowed INTENT and no outcome
        std::map<std::string, std::uint64_t> counts;
        bool continues = false;
    };
    static Result<void> close(journal::Journal& journal, const journal::PartReport& report,
                              Left& left);
    std::map<std::uint64_t, Left> parts_;
};

}  // namespace narrows::recorder
