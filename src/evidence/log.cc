#include "evidence/log.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "codec/text.h"
#include "evidence/tiles.h"

namespace narrows::evidence {
namespace {

constexpr std::string_view kCheckpointFile = "checkpoint";

Error corrupt(const std::string& directory, std::string_view what) {
    return {ErrorCode::corrupt,
            fmt::format("the evidence log in {} {}: it was damaged or changed. Restore it from a "
                        "copy; starting without it would fork what was signed",
                        directory, what)};
}

/// The largest N among file names that are plain decimal numbers, or 0.
std::uint64_t widest(const std::vector<std::string>& names) {
    std::uint64_t most = 0;
    for (const std::string& name : names) {
        std::uint64_t width = 0;
        const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), width);
        if (error == std::errc() && end == name.data() + name.size() && width < kTileWidth) {
            most = std::max(most, width);
        }
    }
    return most;
}

}  // namespace

Result<std::unique_ptr<Log>> Log::open(io::FileSystem& fs, std::string directory,
                                       std::string origin, NoteSigner& signer, WallNs now) {
    std::unique_ptr<Log> log(new Log(fs, std::move(directory), std::move(origin), signer));
    NARROWS_TRY(io::make_durable_directory(fs, log->directory_));
    NARROWS_TRY(log->load_signed());
    NARROWS_TRY(log->load_edge());
    NARROWS_TRY(log->take_over_unsigned());
    if (log->size_ == 0) {
        const Entry key{now, KeyEntry{vkey_text(signer.key())}};
        NARROWS_TRY(log->append({&key, 1}));
    }
    return log;
}

Result<void> Log::load_signed() {
    const std::string path = fmt::format("{}/{}", directory_, kCheckpointFile);
    NARROWS_TRY(const bool exists, fs_.exists(path));
    if (!exists) {
        return ok();
    }
    NARROWS_TRY(const Bytes bytes, io::read_all(fs_, path, kNoteBytesMax));
    const Result<Note> note = parse_note(as_text(bytes));
    if (!note) {
        return fail(corrupt(directory_, "has a checkpoint that is no signed note"));
    }
    const Result<Verified> verified = verify_note(note.value(), {signer_.key()});
    if (!verified && verified.error().code == ErrorCode::not_found) {
        return fail(ErrorCode::conflict,
                    fmt::format("the checkpoint in {} was signed with another key than {}: put the "
                                "key back, or give the gateway a new name and data directory",
                                directory_, vkey_text(signer_.key())));
    }
    const Result<Checkpoint> checkpoint = parse_checkpoint(note.value().text);
    if (!verified || !checkpoint) {
        return fail(corrupt(directory_, "has a checkpoint that does not verify"));
    }
    if (checkpoint.value().origin != origin_) {
        return fail(
            ErrorCode::conflict,
            fmt::format("the log in {} belongs to another gateway than {}: a data directory "
                        "keeps its gateway's name",
                        directory_, origin_));
    }
    signed_ = {checkpoint.value(), to_string(bytes)};
    return ok();
}

Result<void> Log::load_edge() {
    TileReader tiles(fs_, directory_);
    size_ = signed_.checkpoint.size;
    for (std::uint64_t hashes = size_; hashes != 0; hashes /= kTileWidth) {
        Level level{hashes / kTileWidth, {}};
        if (hashes % kTileWidth != 0) {
            NARROWS_TRY(level.hashes, tiles.tile(static_cast<unsigned>(levels_.size()), level.index,
                                                 hashes % kTileWidth));
        }
        levels_.push_back(std::move(level));
    }
    if (size_ % kTileWidth != 0) {
        NARROWS_TRY(bundle_, tiles.bundle(size_ / kTileWidth, size_ % kTileWidth));
    }
    for (std::size_t i = 0; i < bundle_.size(); ++i) {
        if (leaf_hash(bundle_[i]) != levels_[0].hashes[i]) {
            return fail(
                corrupt(directory_, fmt::format("has an entry {} that its tile does not bear "
                                                "out",
                                                size_ - bundle_.size() + i)));
        }
    }
    NARROWS_TRY(frontier_, frontier_at(size_, tiles.nodes(size_)));
    if (size_ != 0 && frontier_.root() != signed_.checkpoint.root) {
        return fail(corrupt(directory_, "has tiles that do not give the root that was signed"));
    }
    for (const File& file : partial_files()) {
        partials_.insert(file.path);
        folders_.insert(io::directory_of(file.path));
    }
    return ok();
}

Result<void> Log::take_over_unsigned() {
    for (bool more = true; more;) {
        NARROWS_TRY(more, take_over_bundle());
    }
    return ok();
}

Result<bool> Log::take_over_bundle() {
    const std::uint64_t index = size_ / kTileWidth;
    NARROWS_TRY(const bool is_full, fs_.exists(directory_ + "/" + bundle_path(index)));
    std::uint64_t width = is_full ? kTileWidth : 0;
    if (!is_full) {
        const auto names = fs_.list(io::directory_of(directory_ + "/" + bundle_path(index, 1)));
        if (!names && names.error().code != ErrorCode::not_found) {
            return fail(names.error());
        }
        width = names ? widest(names.value()) : 0;
    }
    if (width <= bundle_.size()) {
        return false;
    }
    NARROWS_TRY(std::vector<Bytes> entries, TileReader(fs_, directory_).bundle(index, width));
    if (!std::equal(bundle_.begin(), bundle_.end(), entries.begin())) {
        return fail(corrupt(directory_, "has two versions of an entry bundle"));
    }
    for (std::size_t i = bundle_.size(); i < width; ++i) {
        add(std::move(entries[i]));
    }
    return is_full;
}

Result<std::uint64_t> Log::append(std::span<const Entry> entries) {
    std::vector<Bytes> encoded;
    std::size_t bytes = 0;
    for (const Entry& entry : entries) {
        NARROWS_TRY(Bytes each, encode_entry(entry));
        bytes += each.size();
        encoded.push_back(std::move(each));
    }
    const std::uint64_t pending = size_ - signed_.checkpoint.size;
    if (pending + entries.size() > kPendingMax || pending_bytes_ + bytes > kPendingBytesMax) {
        return fail(ErrorCode::exhausted,
                    "the evidence log holds too many entries that it could not write and sign: see "
                    "why checkpoints fail");
    }
    const std::uint64_t first = size_;
    pending_bytes_ += bytes;
    for (Bytes& entry : encoded) {
        add(std::move(entry));
    }
    return first;
}

void Log::add(Bytes entry) {
    const Hash leaf = leaf_hash(entry);
    bundle_.push_back(std::move(entry));
    frontier_.append(leaf);
    ++size_;
    if (bundle_.size() == kTileWidth) {
        full_.push_back({bundle_path(size_ / kTileWidth - 1), encode_bundle(bundle_)});
        bundle_.clear();
    }
    add_hash(0, leaf);
}

void Log::add_hash(std::size_t level, const Hash& hash) {
    if (levels_.size() == level) {
        levels_.emplace_back();
    }
    Level& at = levels_[level];
    at.hashes.push_back(hash);
    if (at.hashes.size() < kTileWidth) {
        return;
    }
    full_.push_back({tile_path(static_cast<unsigned>(level), at.index), encode_tile(at.hashes)});
    Frontier tile;
    for (const Hash& each : at.hashes) {
        tile.append(each);
    }
    ++at.index;
    at.hashes.clear();
    add_hash(level + 1, tile.root());
}

Result<SignedCheckpoint> Log::checkpoint() {
    if (size_ == signed_.checkpoint.size) {
        return signed_;
    }
    for (; !full_.empty(); full_.erase(full_.begin())) {
        NARROWS_TRY(write(full_.front()));
    }
    std::set<std::string> partials;
    for (const File& file : partial_files()) {
        NARROWS_TRY(write(file));
        partials.insert(file.path);
    }
    Checkpoint checkpoint{origin_, size_, frontier_.root(), {}};
    NARROWS_TRY(const Note note, sign_note(checkpoint_text(checkpoint), signer_));
    SignedCheckpoint fresh{std::move(checkpoint), note_bytes(note)};
    NARROWS_TRY(write({std::string(kCheckpointFile), to_bytes(fresh.note)}));
    signed_ = std::move(fresh);
    pending_bytes_ = 0;
    drop_superseded(std::move(partials));
    return signed_;
}

std::vector<Log::File> Log::partial_files() const {
    std::vector<File> files;
    if (!bundle_.empty()) {
        files.push_back({bundle_path(size_ / kTileWidth, bundle_.size()), encode_bundle(bundle_)});
    }
    for (std::size_t i = 0; i < levels_.size(); ++i) {
        const Level& level = levels_[i];
        if (!level.hashes.empty()) {
            files.push_back({tile_path(static_cast<unsigned>(i), level.index, level.hashes.size()),
                             encode_tile(level.hashes)});
        }
    }
    return files;
}

Result<void> Log::write(const File& file) {
    const std::string path = directory_ + "/" + file.path;
    NARROWS_TRY(io::make_durable_directory(fs_, io::directory_of(path)));
    return io::durable_write(fs_, path, file.bytes);
}

/// Removes partial files that neither of the two newest checkpoints needs. A failure leaves a
/// superfluous file, no more, and the next checkpoint tries again.
void Log::drop_superseded(std::set<std::string> partials) {
    for (const std::string& path : partials) {
        folders_.insert(io::directory_of(path));
    }
    for (auto folder = folders_.begin(); folder != folders_.end();) {
        const auto names = fs_.list(directory_ + "/" + *folder);
        bool is_used = !names;
        for (const std::string& name : names ? names.value() : std::vector<std::string>{}) {
            const std::string path = *folder + "/" + name;
            const bool is_needed = partials.contains(path) || partials_.contains(path);
            is_used = is_needed || !fs_.remove(directory_ + "/" + path) || is_used;
        }
        folder = is_used ? std::next(folder) : folders_.erase(folder);
    }
    partials_ = std::move(partials);
}

Result<KeySigner> open_key_file(io::FileSystem& fs, const std::string& path,
                                const std::string& origin) {
    NARROWS_TRY(const bool exists, fs.exists(path));
    if (!exists) {
        NARROWS_TRY(KeySigner signer, KeySigner::make(origin, crypto::SigningKey::generate()));
        NARROWS_TRY(fs.make_directory(io::directory_of(path)));
        const Secret text = signer.skey_text();
        NARROWS_TRY(io::durable_write(fs, path, text.view()));
        return signer;
    }
    NARROWS_TRY(Bytes bytes, io::read_all(fs, path, 4096));
    const Secret text(std::move(bytes));
    Result<KeySigner> signer = KeySigner::parse_skey(codec::trim(text.text()));
    if (!signer) {
        return fail(signer.error().code,
                    fmt::format("{} holds no key that signs notes: {}", path, signer.error().what));
    }
    if (signer.value().key().name != origin) {
        return fail(ErrorCode::conflict,
                    fmt::format("the key in {} is {}'s, not {}'s: each has its own", path,
                                signer.value().key().name, origin));
    }
    return signer;
}

}  // namespace narrows::evidence
