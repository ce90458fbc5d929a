#include "evidence/logged_parts.h"

#include "evidence/checkpoint.h"
#include "evidence/note.h"
#include "evidence/tiles.h"
#include "evidence/verify.h"

namespace narrows::evidence {
namespace {

/// A log that is being written drops the files of older checkpoints.
constexpr int kLogTries = 3;

Result<std::map<std::uint64_t, OpenEntry>> read_opens(io::FileSystem& fs,
                                                      const std::string& directory) {
    NARROWS_TRY(const Bytes bytes, io::read_all(fs, directory + "/checkpoint", kNoteBytesMax));
    NARROWS_TRY(const Note note, parse_note(as_text(bytes)));
    NARROWS_TRY(const Checkpoint checkpoint, parse_checkpoint(note.text));
    TileReader tiles(fs, directory);
    std::map<std::uint64_t, OpenEntry> opens;
    for (std::uint64_t index = 0; index * kTileWidth < checkpoint.size; ++index) {
        NARROWS_TRY(const std::vector<Bytes> entries,
                    tiles.bundle(index, tile_width(0, index, checkpoint.size)));
        for (const Bytes& each : entries) {
            Result<Entry> entry = decode_entry(each);
            auto* open = entry ? std::get_if<OpenEntry>(&entry.value().body) : nullptr;
            if (open != nullptr) {
                opens.emplace(open->part.value(), std::move(*open));
            }
        }
    }
    return opens;
}

}  // namespace

std::map<std::uint64_t, OpenEntry> logged_parts(io::FileSystem& fs, const std::string& data_dir) {
    for (int i = 0; i < kLogTries; ++i) {
        auto opens = read_opens(fs, log_directory(data_dir));
        if (opens) {
            return std::move(opens).value();
        }
    }
    return {};
}

}  // namespace narrows::evidence
