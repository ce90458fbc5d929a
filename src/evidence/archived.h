#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "evidence/entry.h"
#include "evidence/reporter.h"
#include "journal/frame.h"

/// What a log says of segments that a store outside holds. Pure.
namespace narrows::evidence {

/// What the log says that absent segments hold of one part.
struct AbsentPart {
    std::vector<Stretch> stretches;  ///< sequences that may stand in them
    std::uint64_t records = 0;       ///< how many do
    std::uint64_t lost = 0;          ///< how many they declare as lost
};
using AbsentParts = std::map<std::uint64_t, AbsentPart>;  ///< by part number

/// The SEGMENT entries of a log, those of one segment put together.
class Archived {
  public:
    struct Segment {
        SegmentEntry entry;  ///< without its parts
        std::map<std::uint64_t, SegmentPart> parts;
    };
    using Place = std::pair<journal::Lane, std::uint64_t>;

    /// False, and nothing changed: it contradicts what was said of the same segment before.
    bool add(SegmentEntry entry);
    const std::map<Place, Segment>& segments() const { return segments_; }
    const Segment* find(journal::Lane lane, std::uint64_t number) const;
    /// What this segment holds, added to `to`.
    static void add_absent(const Segment& segment, AbsentParts& to);

  private:
    std::map<Place, Segment> segments_;
};

/// How many sequences this record declares as lost: 0 unless it is a GAP.
std::uint64_t declared_lost(const journal::Frame& frame);

}  // namespace narrows::evidence
