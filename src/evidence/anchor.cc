#include "evidence/anchor.h"

#include <algorithm>

#include <fmt/format.h>

#include "evidence/tiles.h"

namespace narrows::evidence {
namespace {

/// Files of history in one folder.
constexpr std::uint64_t kSizesPerFolder = 65'536;

Anchored contradicted(std::uint64_t known, std::string why) {
    return {Anchored::Kind::contradicted, known, std::nullopt, 0, std::move(why)};
}

}  // namespace

Result<Hash> LogView::root_at(std::uint64_t size, std::uint64_t in_size) const {
    TileReader tiles(fs_, directory_);
    return tree_root(size, tiles.nodes(in_size));
}

Result<std::vector<Hash>> LogView::consistency(std::uint64_t old_size, std::uint64_t size) const {
    TileReader tiles(fs_, directory_);
    return consistency_proof(old_size, size, tiles.nodes(size));
}

Result<std::optional<Note>> DirectoryAnchor::read(const std::string& path) const {
    NARROWS_TRY(const bool exists, fs_.exists(path));
    if (!exists) {
        return std::optional<Note>();
    }
    NARROWS_TRY(const Bytes bytes, io::read_all(fs_, path, kNoteBytesMax));
    Result<Note> note = parse_note(as_text(bytes));
    if (!note) {
        return fail(
            ErrorCode::corrupt,
            fmt::format("{} is no checkpoint: it was damaged. Put it aside, keeping it, and "
                        "restore it from `history` beside it",
                        path));
    }
    return std::optional<Note>(std::move(note).value());
}

Result<std::optional<Anchored>> objection(const Note& kept, const SignedCheckpoint& checkpoint,
                                          const LogView& view, const VerifierKey& log,
                                          const std::string& where) {
    const auto parsed = parse_checkpoint(kept.text);
    const Checkpoint& ours = checkpoint.checkpoint;
    if (!parsed || parsed.value().origin != ours.origin || !verify_note(kept, {log})) {
        return std::optional(contradicted(
            0, fmt::format("{} holds a checkpoint of this gateway's name that another key signed",
                           where)));
    }
    const Checkpoint& known = parsed.value();
    if (known.size > ours.size) {
        return std::optional(Anchored{Anchored::Kind::ahead, known.size, std::nullopt, 0,
                                      fmt::format("it holds {} entries, signed by this gateway's "
                                                  "key; the log here has {}",
                                                  known.size, ours.size)});
    }
    NARROWS_TRY(const Hash root, view.root_at(known.size, ours.size));
    if (root != known.root) {
        return std::optional(contradicted(
            known.size, fmt::format("the first {} entries of the log here are not those it holds a "
                                    "checkpoint of, signed by this gateway's key",
                                    known.size)));
    }
    return std::optional<Anchored>();
}

Result<void> DirectoryAnchor::add_history(const std::string& path, const std::string& note) {
    NARROWS_TRY(const bool is_there, fs_.exists(path));
    const MonoNs now = clock_.mono();
    if (is_there || (last_history_ && now - *last_history_ < kHistoryEveryNs)) {
        return ok();
    }
    NARROWS_TRY(io::make_durable_directory(fs_, io::directory_of(path)));
    NARROWS_TRY(auto file, fs_.open(path, io::Mode::create_new));
    NARROWS_TRY(io::write_all(*file, as_bytes(note), 0));
    NARROWS_TRY(file->datasync());
    last_history_ = now;
    return fs_.sync_directory(io::directory_of(path));
}

Result<Anchored> DirectoryAnchor::give(const SignedCheckpoint& checkpoint, const LogView& log) {
    NARROWS_TRY(const bool mounted, fs_.exists(directory_));
    if (!mounted) {
        return fail(ErrorCode::not_found,
                    directory_ + " is not there: mount its volume, or make it once by hand");
    }
    const std::uint64_t size = checkpoint.checkpoint.size;
    std::string origin = checkpoint.checkpoint.origin;
    std::replace(origin.begin(), origin.end(), '/', '+');
    const std::string folder = directory_ + "/" + origin;
    const std::string newest = folder + "/newest";
    const std::string history =
        fmt::format("{}/history/{:04}/{}", folder, size / kSizesPerFolder, size);
    for (const std::string& path : {newest, history}) {
        NARROWS_TRY(const std::optional<Note> kept, read(path));
        std::optional<Anchored> against;
        if (kept) {
            NARROWS_TRY(against, objection(*kept, checkpoint, log, log_, directory_));
        }
        if (against) {
            return std::move(*against);
        }
    }
    if (size > 0) {
        NARROWS_TRY(add_history(history, checkpoint.note));
        NARROWS_TRY(io::durable_write(fs_, newest, as_bytes(checkpoint.note)));
    }
    return Anchored{Anchored::Kind::held, size, std::nullopt, 0, ""};
}

}  // namespace narrows::evidence
