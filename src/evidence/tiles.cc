#include "evidence/tiles.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/check.h"

namespace narrows::evidence {
namespace {

constexpr unsigned kTileHeight = 8;
constexpr std::size_t kBundleBytesMax = kTileWidth * (2 + 0xFFFF);

/// The index in groups of three digits, all but the last with an x in front.
std::string index_path(std::uint64_t index) {
    std::string path = fmt::format("{:03}", index % 1000);
    for (index /= 1000; index != 0; index /= 1000) {
        path = fmt::format("x{:03}/{}", index % 1000, path);
    }
    return path;
}

std::string numbered(std::string_view prefix, std::uint64_t index, std::uint64_t width) {
    NARROWS_CHECK(width >= 1 && width <= kTileWidth, "a tile is 1 to 256 wide");
    const std::string suffix = width == kTileWidth ? "" : fmt::format(".p/{}", width);
    return fmt::format("{}{}{}", prefix, index_path(index), suffix);
}

}  // namespace

std::string tile_path(unsigned level, std::uint64_t index, std::uint64_t width) {
    return numbered(fmt::format("tile/{}/", level), index, width);
}

std::string bundle_path(std::uint64_t index, std::uint64_t width) {
    return numbered("tile/entries/", index, width);
}

Bytes encode_tile(std::span<const Hash> hashes) {
    Bytes bytes;
    bytes.reserve(hashes.size() * sizeof(Hash));
    for (const Hash& hash : hashes) {
        append(bytes, hash);
    }
    return bytes;
}

Result<std::vector<Hash>> decode_tile(ByteView bytes, std::uint64_t width) {
    const bool fits = bytes.size() % sizeof(Hash) == 0 && bytes.size() / sizeof(Hash) >= width &&
                      bytes.size() <= kTileWidth * sizeof(Hash);
    if (!fits) {
        return fail(ErrorCode::corrupt,
                    fmt::format("a tile of {} bytes does not hold {} hashes", bytes.size(), width));
    }
    std::vector<Hash> hashes(width);
    for (std::size_t i = 0; i < width; ++i) {
        std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(i * sizeof(Hash)), sizeof(Hash),
                    hashes[i].begin());
    }
    return hashes;
}

Bytes encode_bundle(std::span<const Bytes> entries) {
    Bytes bytes;
    for (const Bytes& entry : entries) {
        NARROWS_CHECK(entry.size() <= 0xFFFF, "a log entry fits a 16-bit length");
        bytes.push_back(static_cast<std::uint8_t>(entry.size() >> 8));
        bytes.push_back(static_cast<std::uint8_t>(entry.size()));
        append(bytes, entry);
    }
    return bytes;
}

Result<std::vector<Bytes>> decode_bundle(ByteView bytes, std::uint64_t width) {
    ByteReader reader(bytes);
    std::vector<Bytes> entries;
    while (reader.remaining() > 0 && !reader.overrun() && entries.size() <= kTileWidth) {
        const ByteView length = reader.take(2);
        if (length.size() == 2) {
            entries.push_back(to_bytes(reader.take(std::size_t{length[0]} << 8 | length[1])));
        }
    }
    if (reader.overrun() || entries.size() > kTileWidth || entries.size() < width) {
        return fail(ErrorCode::corrupt,
                    fmt::format("an entry bundle of {} bytes does not hold {} whole entries",
                                bytes.size(), width));
    }
    entries.resize(width);
    return entries;
}

std::uint64_t tile_width(unsigned level, std::uint64_t index, std::uint64_t size) {
    const unsigned shift = level * kTileHeight;
    const std::uint64_t hashes = shift >= 64 ? 0 : size >> shift;
    const std::uint64_t full = hashes / kTileWidth;
    return index < full ? kTileWidth : index == full ? hashes % kTileWidth : 0;
}

Result<Bytes> TileReader::read(const PathOf& path_of, std::uint64_t width, std::size_t bytes_max) {
    for (std::uint64_t there = width; there <= kTileWidth; ++there) {
        const std::string path = directory_ + "/" + path_of(there);
        NARROWS_TRY(const bool exists, fs_.exists(path));
        if (exists) {
            return io::read_all(fs_, path, bytes_max);
        }
    }
    return fail(ErrorCode::not_found,
                fmt::format("the log has no {} in {}", path_of(kTileWidth), directory_));
}

Result<std::vector<Hash>> TileReader::tile(unsigned level, std::uint64_t index,
                                           std::uint64_t width) {
    const auto path_of = [&](std::uint64_t there) { return tile_path(level, index, there); };
    NARROWS_TRY(const Bytes bytes, read(path_of, width, kTileWidth * sizeof(Hash)));
    return decode_tile(bytes, width);
}

Result<std::vector<Bytes>> TileReader::bundle(std::uint64_t index, std::uint64_t width) {
    const auto path_of = [&](std::uint64_t there) { return bundle_path(index, there); };
    NARROWS_TRY(const Bytes bytes, read(path_of, width, kBundleBytesMax));
    return decode_bundle(bytes, width);
}

NodeReader TileReader::nodes(std::uint64_t size) {
    return [this, size](unsigned level, std::uint64_t index) { return node(level, index, size); };
}

Result<Hash> TileReader::node(unsigned level, std::uint64_t index, std::uint64_t size) {
    const unsigned tile_level = level / kTileHeight;
    const std::uint64_t leaves = std::uint64_t{1} << (level % kTileHeight);
    const std::uint64_t first = index * leaves;
    const std::uint64_t tile_index = first / kTileWidth;
    const std::uint64_t width = tile_width(tile_level, tile_index, size);
    const std::uint64_t offset = first % kTileWidth;
    if (offset + leaves > width) {
        return fail(ErrorCode::invalid, "a subtree is not complete in a tree of that size");
    }
    Cached& cached = cache_[tile_level];
    if (cached.index != tile_index || cached.hashes.size() != width) {
        NARROWS_TRY(cached.hashes, tile(tile_level, tile_index, width));
        cached.index = tile_index;
    }
    Frontier subtree;
    for (std::uint64_t i = 0; i < leaves; ++i) {
        subtree.append(cached.hashes[offset + i]);
    }
    return subtree.root();
}

}  // namespace narrows::evidence
