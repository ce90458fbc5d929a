#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "archive/store.h"

namespace narrows::archive {

/// What a restore brought back, and what it could not.
struct Restored {
    std::string origin;
    std::uint64_t log_size = 0;  ///< entries
    std::uint64_t segments = 0;
    std::uint64_t bytes = 0;           ///< of segments
    std::uint64_t keys = 0;            ///< key envelopes
    std::vector<std::string> missing;  ///< sentences; what `verify` will find wanting
};

/// Rebuilds a data directory from a store alone: the newest checkpoint there, the log under it, the
/// segments that the log names (by version, hash checked), what the store has of segments that
/// were being written, key envelopes. The signing key is in no archive and is put back by hand.
/// `to` must not exist yet, or be empty. Nothing is judged here: `verify` the result.
/// `progress` is told of each file, on the calling thread. ErrorCode::conflict: `to` is in use.
Result<Restored> restore(Store& store, io::FileSystem& fs, const std::string& to,
                         const std::function<void(const std::string&)>& progress);

}  // namespace narrows::archive
