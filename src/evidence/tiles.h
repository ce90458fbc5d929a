#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "evidence/merkle.h"
#include "io/file.h"

/// The layout of a C2SP tlog-tiles log on a directory, and its reading side. A tile holds 256
/// hashes of one level; level L's hashes are roots of 256^L leaves. Entry bundles stand beside
/// them under tile/entries.
namespace narrows::evidence {

inline constexpr std::uint64_t kTileWidth = 256;

/// "tile/0/x001/x234/067" or, with a width below 256, "tile/0/x001/x234/067.p/17".
std::string tile_path(unsigned level, std::uint64_t index, std::uint64_t width = kTileWidth);
/// The same under "tile/entries/".
std::string bundle_path(std::uint64_t index, std::uint64_t width = kTileWidth);

Bytes encode_tile(std::span<const Hash> hashes);
/// `width` hashes; a longer tile is cut to them, a shorter one refused.
Result<std::vector<Hash>> decode_tile(ByteView bytes, std::uint64_t width);
/// Entries with 16-bit big-endian lengths in front. Entries must fit.
Bytes encode_bundle(std::span<const Bytes> entries);
/// The first `width` entries; refuses fewer, and more than 256.
Result<std::vector<Bytes>> decode_bundle(ByteView bytes, std::uint64_t width);

/// Reads a log's directory of any trustworthiness. Every answer is a claim until the root it gives
/// is that of a verified checkpoint. Keeps the last tile of each level in memory. Not thread-safe;
/// `fs` must live longer.
class TileReader {
  public:
    TileReader(io::FileSystem& fs, std::string directory)
        : fs_(fs), directory_(std::move(directory)) {}

    /// The first `width` hashes of a tile: from the partial tile of just that width, else from a
    /// wider one (the log has grown since its checkpoint was copied) or the full one.
    /// ErrorCode::not_found if none is there.
    Result<std::vector<Hash>> tile(unsigned level, std::uint64_t index, std::uint64_t width);
    Result<std::vector<Bytes>> bundle(std::uint64_t index, std::uint64_t width);
    /// For roots and proofs in the tree of `size` leaves. Refers to this reader.
    NodeReader nodes(std::uint64_t size);

  private:
    struct Cached {
        std::uint64_t index = 0;
        std::vector<Hash> hashes;
    };
    Result<Hash> node(unsigned level, std::uint64_t index, std::uint64_t size);
    using PathOf = std::function<std::string(std::uint64_t width)>;
    Result<Bytes> read(const PathOf& path_of, std::uint64_t width, std::size_t bytes_max);

    io::FileSystem& fs_;
    std::string directory_;
    std::vector<Cached> cache_ = std::vector<Cached>(8);
};

/// How many hashes of the tile `index` of `level` a tree of `size` leaves has: 0 to 256.
std::uint64_t tile_width(unsigned level, std::uint64_t index, std::uint64_t size);

}  // namespace narrows::evidence
