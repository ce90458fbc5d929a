#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "io/file.h"

namespace narrows::evidence {

/// The newest anchoring that a log tells of itself: a claim, until `verify` has checked it.
struct LastAnchor {
    std::string anchor;
    bool cosigned = false;   ///< by a witness; else an anchor took it, says the gateway
    std::uint64_t size = 0;  ///< entries
    WallNs at = 0;
};

/// Looks through the newest kAnchorEntriesMax entries of the log in a data directory, live or a
/// copy. Nothing if none of them tells of an anchor, or the log cannot be read.
inline constexpr std::uint64_t kAnchorEntriesMax = 16'384;
std::optional<LastAnchor> last_anchor(io::FileSystem& fs, const std::string& data_dir);

}  // namespace narrows::evidence
