#include "archive/log_entries.h"

#include "evidence/note.h"
#include "evidence/tiles.h"

namespace narrows::archive {

Result<evidence::Checkpoint> head_of_note(std::string_view note) {
    NARROWS_TRY(const evidence::Note parsed, evidence::parse_note(note));
    return evidence::parse_checkpoint(parsed.text);
}

Result<void> read_entries(io::FileSystem& fs, const std::string& log_directory, std::uint64_t from,
                          std::uint64_t size, const std::function<void(evidence::Entry)>& take) {
    evidence::TileReader tiles(fs, log_directory);
    while (from < size) {
        const std::uint64_t index = from / evidence::kTileWidth;
        const std::uint64_t width = evidence::tile_width(0, index, size);
        NARROWS_TRY(const std::vector<Bytes> bundle, tiles.bundle(index, width));
        for (std::size_t i = from % evidence::kTileWidth; i < width; ++i) {
            Result<evidence::Entry> entry = evidence::decode_entry(bundle[i]);
            if (entry) {
                take(std::move(entry).value());
            }
        }
        from = index * evidence::kTileWidth + width;
    }
    return ok();
}

}  // namespace narrows::archive
