#pragma once

#include <cstdint>
#include <string>

#include "dying_files.h"

namespace narrows::crash {

/// One life of a recorder in a data directory.
struct Life {
    std::string data_dir;
    Cut cut;
    std::uint64_t seed = 0;     ///< of what it records
    std::uint64_t rounds = 0;   ///< of load; 0: it declares what earlier lives left, and ends
    bool large = false;         ///< bodies and requests that fill segments
    std::uint64_t segment_bytes = 1 << 20;
};

inline constexpr const char* kOrigin = "narrows/gw-1";

/// Opens the recorder, which declares what earlier lives left; records a small load as a gateway
/// does (several sessions at once, their operations overlapping); ends in order.
/// Tells `pipe` what was acknowledged (boundary.h), and `signed SIZE` of each checkpoint. Returns
/// how many operations the disk was asked for, unless it dies before.
std::uint64_t live(const Life& life, int pipe);

}  // namespace narrows::crash
