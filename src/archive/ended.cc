#include "archive/ended.h"

#include "archive/log_entries.h"
#include "evidence/note.h"
#include "evidence/verify.h"

namespace narrows::archive {

Result<std::set<std::uint64_t>> ended_parts(io::FileSystem& fs, const std::string& data_dir,
                                            const std::set<std::uint64_t>& asked) {
    std::set<std::uint64_t> ended;
    if (asked.empty()) {
        return ended;
    }
    const std::string directory = evidence::log_directory(data_dir);
    NARROWS_TRY(const Bytes note,
                io::read_all(fs, directory + "/checkpoint", evidence::kNoteBytesMax));
    NARROWS_TRY(const evidence::Checkpoint head, head_of_note(as_text(note)));
    const auto take = [&](const evidence::Entry& entry) {
        const auto* close = std::get_if<evidence::CloseEntry>(&entry.body);
        if (close != nullptr && asked.contains(close->head.part.value())) {
            ended.insert(close->head.part.value());
        }
    };
    NARROWS_TRY(read_entries(fs, directory, 0, head.size, take));
    return ended;
}

}  // namespace narrows::archive
