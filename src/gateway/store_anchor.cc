#include "gateway/store_anchor.h"

#include <algorithm>

#include <fmt/format.h>

namespace narrows::gateway {
namespace {

using evidence::Anchored;

constexpr std::uint64_t kSizeMost = 999'999'999'999;

std::string key_of(const std::string& folder, std::uint64_t size) {
    return fmt::format("{}{:012}-{}", folder, kSizeMost - std::min(size, kSizeMost), size);
}

}  // namespace

Result<evidence::Note> StoreAnchor::read(const std::string& key, const std::string& version) {
    NARROWS_TRY(const Bytes bytes,
                archive::read_object(*store_, key, version, evidence::kNoteBytesMax));
    Result<evidence::Note> note = evidence::parse_note(as_text(bytes));
    if (!note) {
        return fail(ErrorCode::corrupt,
                    fmt::format("{} in {} is no checkpoint: somebody else wrote it. Give this "
                                "anchor a prefix of its own",
                                key, store_->name()));
    }
    return note;
}

Result<std::optional<evidence::Note>> StoreAnchor::newest(const std::string& folder) {
    NARROWS_TRY(const archive::ListPage page, store_->list(folder, {}));
    const std::vector<archive::Listed>& listed = page.listed;
    if (listed.empty()) {
        return std::optional<evidence::Note>();
    }
    // A name may have been written over; what was first under it is locked, and listed last.
    const auto last = std::find_if(listed.rbegin(), listed.rend(), [&](const auto& each) {
        return each.key == listed.front().key;
    });
    NARROWS_TRY(evidence::Note note, read(last->key, last->version));
    return std::optional(std::move(note));
}

Result<Anchored> StoreAnchor::give(const evidence::SignedCheckpoint& checkpoint,
                                   const evidence::LogView& log) {
    const std::uint64_t size = checkpoint.checkpoint.size;
    std::string folder = checkpoint.checkpoint.origin + "/";
    std::replace(folder.begin(), folder.end() - 1, '/', '+');
    NARROWS_TRY(const std::optional<evidence::Note> kept, newest(folder));
    if (kept) {
        NARROWS_TRY(const std::optional<Anchored> against,
                    evidence::objection(*kept, checkpoint, log, log_, store_->name()));
        if (against) {
            return *against;
        }
    }
    const Anchored held{Anchored::Kind::held, size, std::nullopt, 0, ""};
    if (size == 0) {
        return held;
    }
    const auto put = archive::put_bytes(*store_, key_of(folder, size), as_bytes(checkpoint.note),
                                        archive::Keeping::locked);
    if (!put && put.error().code == ErrorCode::conflict) {
        NARROWS_TRY(const evidence::Note other, read(key_of(folder, size), ""));
        NARROWS_TRY(const std::optional<Anchored> against,
                    evidence::objection(other, checkpoint, log, log_, store_->name()));
        return against ? *against : held;
    }
    NARROWS_TRY(put);
    return held;
}

}  // namespace narrows::gateway
