#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "base/result.h"
#include "io/file.h"
#include "journal/journal.h"
#include "journal/scan.h"

namespace narrows::journal {

/// Which numbers of a dense sequence were seen. Small as long as they come nearly in order.
class SequenceSet {
  public:
    void add(std::uint64_t number);
    bool contains(std::uint64_t number) const;
    /// One past the highest seen.
    std::uint64_t next() const;
    std::vector<Range> missing() const;

  private:
    std::uint64_t dense_ = 0;                         ///< all below were seen
    std::map<std::uint64_t, std::uint64_t> islands_;  ///< first → one past the last
};

struct Recovered {
    RecoveryReport report;
    std::array<LaneScanner::Tail, 2> tails;  ///< by lane
};

/// Makes the directory fit to go on with: checks every segment, keeps torn tails aside and cuts
/// them, removes spares. The caller holds the directory's lock.
Result<Recovered> recover(io::FileSystem& fs, const Options& options);

}  // namespace narrows::journal
