#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "evidence/entry.h"
#include "io/file.h"
#include "journal/format.h"

namespace narrows::archive {

/// What is to be known of a segment that is complete, to archive it and to tell what it holds.
struct SegmentFacts {
    std::uint64_t bytes = 0;  ///< up to the end of its last whole batch: what is archived
    WallNs created = 0;
    WallNs newest = 0;  ///< the time of its newest record; `created` if it has none
    std::vector<evidence::SegmentPart> parts;  ///< by number; part 0 is left out
    std::uint64_t part_max = 0;
};

/// One pass over the file. ErrorCode::corrupt: it is damaged, and must stay where it is.
Result<SegmentFacts> read_segment(io::FileSystem& fs, const std::string& directory,
                                  const journal::SegmentName& name);

}  // namespace narrows::archive
