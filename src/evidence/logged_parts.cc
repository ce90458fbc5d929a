#include "evidence/logged_parts.h"

#include "evidence/checkpoint.h"
#include "evidence/note.h"
#include "evidence/tiles.h"
#include "evidence/verify.h"

namespace narrows::evidence {
namespace {

/// A log that is being written drops the files of older checkpoints.
constexpr int kLogTries = 3;

using Wanted = std::function<bool(ByteView)>;

Result<std::vector<Entry>> read_entries(io::FileSystem& fs, const std::string& directory,
                                        const Wanted& wanted) {
    NARROWS_TRY(const Bytes bytes, io::read_all(fs, directory + "/checkpoint", kNoteBytesMax));
    NARROWS_TRY(const Note note, parse_note(as_text(bytes)));
    NARROWS_TRY(const Checkpoint checkpoint, parse_checkpoint(note.text));
    TileReader tiles(fs, directory);
    std::vector<Entry> found;
    for (std::uint64_t index = 0; index * kTileWidth < checkpoint.size; ++index) {
        NARROWS_TRY(const std::vector<Bytes> entries,
                    tiles.bundle(index, tile_width(0, index, checkpoint.size)));
        for (const Bytes& each : entries) {
            Result<Entry> entry =
                wanted(each) ? decode_entry(each) : Result<Entry>(fail(ErrorCode::not_found, ""));
            if (entry) {
                found.push_back(std::move(entry).value());
            }
        }
    }
    return found;
}

}  // namespace

bool mentions(ByteView entry, std::string_view text) {
    return as_text(entry).find(text) != std::string_view::npos;
}

Result<std::vector<Entry>> logged_entries(io::FileSystem& fs, const std::string& data_dir,
                                          const Wanted& wanted) {
    const std::string directory = log_directory(data_dir);
    Result<std::vector<Entry>> entries = read_entries(fs, directory, wanted);
    for (int tries = 1; !entries && tries < kLogTries; ++tries) {
        entries = read_entries(fs, directory, wanted);
    }
    return entries;
}

std::map<std::uint64_t, OpenEntry> logged_parts(io::FileSystem& fs, const std::string& data_dir) {
    auto entries =
        logged_entries(fs, data_dir, [](ByteView entry) { return mentions(entry, "OPEN"); });
    std::map<std::uint64_t, OpenEntry> opens;
    for (Entry& entry : entries ? entries.value() : std::vector<Entry>()) {
        if (auto* open = std::get_if<OpenEntry>(&entry.body)) {
            opens.emplace(open->part.value(), std::move(*open));
        }
    }
    return opens;
}

std::map<std::string, LoggedCustody> logged_custody(io::FileSystem& fs,
                                                    const std::string& data_dir) {
    const auto entries = logged_entries(fs, data_dir, [](ByteView entry) {
        return mentions(entry, "SHRED") || mentions(entry, "HOLD") || mentions(entry, "RELEASE");
    });
    std::map<std::string, LoggedCustody> all;
    for (const Entry& entry : entries ? entries.value() : std::vector<Entry>()) {
        const auto* word = std::get_if<HoldEntry>(&entry.body);
        if (const auto* shred = std::get_if<ShredEntry>(&entry.body)) {
            all[shred->session].shredded.insert(shred->key);
        } else if (word != nullptr && word->released) {
            all[word->session].held_by.erase(word->vkey);
        } else if (word != nullptr) {
            all[word->session].held_by.insert(word->vkey);
        }
    }
    return all;
}

}  // namespace narrows::evidence
