#include "evidence/last_anchor.h"

#include "evidence/checkpoint.h"
#include "evidence/entry.h"
#include "evidence/note.h"
#include "evidence/tiles.h"
#include "evidence/verify.h"

namespace narrows::evidence {
namespace {

/// A log that is being written drops the files of older checkpoints.
constexpr int kTries = 3;

std::optional<LastAnchor> told_by(const Bytes& bytes) {
    const Result<Entry> entry = decode_entry(bytes);
    if (!entry) {
        return std::nullopt;
    }
    if (const auto* cosign = std::get_if<CosignEntry>(&entry.value().body)) {
        return LastAnchor{cosign->anchor, true, cosign->size, cosign->at * kNsPerSecond};
    }
    if (const auto* anchor = std::get_if<AnchorEntry>(&entry.value().body)) {
        return LastAnchor{anchor->anchor, false, anchor->size, entry.value().time};
    }
    return std::nullopt;
}

Result<std::optional<LastAnchor>> look(io::FileSystem& fs, const std::string& directory) {
    NARROWS_TRY(const Bytes bytes, io::read_all(fs, directory + "/checkpoint", kNoteBytesMax));
    NARROWS_TRY(const Note note, parse_note(as_text(bytes)));
    NARROWS_TRY(const Checkpoint checkpoint, parse_checkpoint(note.text));
    TileReader tiles(fs, directory);
    const std::uint64_t bundles = (checkpoint.size + kTileWidth - 1) / kTileWidth;
    const std::uint64_t most = kAnchorEntriesMax / kTileWidth;
    for (std::uint64_t i = 0; i < bundles && i < most; ++i) {
        const std::uint64_t index = bundles - 1 - i;
        NARROWS_TRY(const std::vector<Bytes> entries,
                    tiles.bundle(index, tile_width(0, index, checkpoint.size)));
        for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
            if (auto told = told_by(*entry)) {
                return told;
            }
        }
    }
    return std::optional<LastAnchor>();
}

}  // namespace

std::optional<LastAnchor> last_anchor(io::FileSystem& fs, const std::string& data_dir) {
    for (int i = 0; i < kTries; ++i) {
        Result<std::optional<LastAnchor>> found = look(fs, log_directory(data_dir));
        if (found) {
            return std::move(found).value();
        }
    }
    return std::nullopt;
}

}  // namespace narrows::evidence
