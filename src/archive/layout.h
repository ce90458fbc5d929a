#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "journal/format.h"

/// Where things stand in a store (docs/format.md section 12), relative to the gateway's folder.
namespace narrows::archive {

/// "v1/narrows+gw-1": the gateway's folder in a bucket or directory.
std::string folder_of(std::string_view origin);

/// "seg/control/2026/11/25/control-00000001.nj", by the day the segment was begun (UTC).
std::string segment_key(const journal::SegmentName& name, WallNs created);

/// Bytes [from, to) of a segment that is still being written:
/// "live/control-00000001.nj.000000000000-000000065536".
struct LivePiece {
    journal::SegmentName name;
    std::uint64_t from = 0;
    std::uint64_t to = 0;
};
std::string live_key(const LivePiece& piece);
/// Nothing if `key` is not exactly what live_key makes.
std::optional<LivePiece> parse_live_key(std::string_view key);
/// What a complete segment is, until the log says so: "live/control-00000001.nj.whole".
std::string whole_key(const journal::SegmentName& name);
inline constexpr std::string_view kWhole = ".whole";
std::string live_prefix(const journal::SegmentName& name);
/// The segment that a key of either kind is about.
std::optional<journal::SegmentName> live_segment(std::string_view key);

/// "tlog/checkpoints/000000012345"
std::string checkpoint_key(std::uint64_t size);
/// The size in such a key; nothing if it is none.
std::optional<std::uint64_t> parse_checkpoint_key(std::string_view key);

inline constexpr std::string_view kLive = "live/";
inline constexpr std::string_view kKeys = "keys/";
inline constexpr std::string_view kAside = "aside/";  ///< torn tails and quarantined segments
inline constexpr std::string_view kLog = "tlog/";     ///< before what tiles.h names
inline constexpr std::string_view kCheckpoints = "tlog/checkpoints/";
inline constexpr std::string_view kNewest = "tlog/checkpoint";

}  // namespace narrows::archive
