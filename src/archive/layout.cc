#include "archive/layout.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace narrows::archive {
namespace {

std::optional<std::uint64_t> number_of(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool whole = error == std::errc() && end == text.data() + text.size();
    return whole ? std::optional(number) : std::nullopt;
}

}  // namespace

std::string folder_of(std::string_view origin) {
    std::string name(origin);
    std::replace(name.begin(), name.end(), '/', '+');
    return "v1/" + name;
}

std::string segment_key(const journal::SegmentName& name, WallNs created) {
    const std::string day = rfc3339(created).substr(0, 10);
    return fmt::format("seg/{}/{}/{}/{}/{}", journal::name_of(name.lane), day.substr(0, 4),
                       day.substr(5, 2), day.substr(8, 2),
                       journal::segment_name(name.lane, name.number));
}

std::string live_prefix(const journal::SegmentName& name) {
    return fmt::format("{}{}.", kLive, journal::segment_name(name.lane, name.number));
}

std::string whole_key(const journal::SegmentName& name) {
    return fmt::format("{}{}{}", kLive, journal::segment_name(name.lane, name.number), kWhole);
}

std::string live_key(const LivePiece& piece) {
    return fmt::format("{}{:012}-{:012}", live_prefix(piece.name), piece.from, piece.to);
}

std::optional<LivePiece> parse_live_key(std::string_view key) {
    const std::size_t dot = key.rfind('.');
    const std::size_t dash = key.rfind('-');
    if (!key.starts_with(kLive) || dot == key.npos || dash == key.npos || dash < dot) {
        return std::nullopt;
    }
    const auto name = journal::parse_segment_name(key.substr(kLive.size(), dot - kLive.size()));
    const auto from = number_of(key.substr(dot + 1, dash - dot - 1));
    const auto to = number_of(key.substr(dash + 1));
    if (!name || !from || !to || *from >= *to) {
        return std::nullopt;
    }
    const LivePiece piece{name.value(), *from, *to};
    return live_key(piece) == key ? std::optional(piece) : std::nullopt;
}

std::optional<journal::SegmentName> live_segment(std::string_view key) {
    if (const auto piece = parse_live_key(key)) {
        return piece->name;
    }
    if (!key.starts_with(kLive) || !key.ends_with(kWhole)) {
        return std::nullopt;
    }
    const std::size_t size = key.size() - kLive.size() - kWhole.size();
    const auto name = journal::parse_segment_name(key.substr(kLive.size(), size));
    return name ? std::optional(name.value()) : std::nullopt;
}

std::string checkpoint_key(std::uint64_t size) {
    return fmt::format("{}{:012}", kCheckpoints, size);
}

std::optional<std::uint64_t> parse_checkpoint_key(std::string_view key) {
    if (!key.starts_with(kCheckpoints)) {
        return std::nullopt;
    }
    const auto size = number_of(key.substr(kCheckpoints.size()));
    return size && checkpoint_key(*size) == key ? size : std::nullopt;
}

}  // namespace narrows::archive
