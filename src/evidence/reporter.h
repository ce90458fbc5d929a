#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "evidence/finding.h"
#include "model/ids.h"

namespace narrows::evidence {

/// A stretch of sequence numbers, both ends included.
struct Stretch {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    bool holds(std::uint64_t sequence) const { return first <= sequence && sequence <= last; }
};

/// Puts findings about one part in their place, and keeps back those that a GAP record, which
/// stands later, may still explain. Not thread-safe.
class PartReporter {
  public:
    PartReporter(model::PartNo part, Findings& findings) : findings_(findings) {
        place_.part = part;
    }

    /// Where the findings to come stand.
    void at(std::string file, std::uint64_t offset, std::uint64_t sequence);
    void report(FindingKind kind, std::string what, std::string means);
    /// A finding unless record `sequence` turns out to be declared as lost.
    void suspect(std::uint64_t sequence, std::string what, std::string means);
    /// A GAP record: these are lost, and the recording says so.
    void declare(Stretch stretch, const std::string& why);
    /// These are missing and nobody is to be suspected for it.
    void excuse(Stretch stretch) { declared_.push_back(stretch); }
    bool is_declared(std::uint64_t sequence) const;
    /// The first of a stretch that no GAP record declares, if there is one.
    std::optional<std::uint64_t> first_undeclared(Stretch stretch) const;
    /// All GAP records are known: the suspicions none of them explains become findings.
    void settle();

  private:
    struct Suspicion {
        std::uint64_t sequence;
        Finding finding;
    };
    Findings& findings_;
    Place place_;
    std::vector<Stretch> declared_;
    std::vector<Suspicion> suspicions_;
};

}  // namespace narrows::evidence
