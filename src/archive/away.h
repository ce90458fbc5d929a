#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/clock.h"
#include "evidence/archived.h"
#include "io/file.h"

namespace narrows::archive {

/// What a data directory holds no more since it was archived, by its log's word.
struct Away {
    struct Session {
        WallNs opened = 0;
        std::string store;
    };
    std::uint64_t segments = 0;
    std::string store;                        ///< where the newest of them went
    evidence::AbsentParts parts;              ///< of which records are away
    std::map<std::string, Session> sessions;  ///< that have such parts, by id

    /// Whether records of this part are away that may be those missing in [first, last].
    bool explains(std::uint64_t part, std::uint64_t first, std::uint64_t last) const;
};

/// Reads the log only if a lane's oldest segments are not there. A log that cannot be read says
/// nothing.
Away archived_away(io::FileSystem& fs, const std::string& data_dir);

}  // namespace narrows::archive
