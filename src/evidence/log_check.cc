#include "evidence/log_check.h"

#include <algorithm>

#include <fmt/format.h>

#include "evidence/tiles.h"

namespace narrows::evidence {
namespace {

constexpr const char* kMeansNoLog =
    "The journal was checked against itself only; a removed tail or session would not show.";
constexpr const char* kMeansChangedLog = "The log was changed or damaged after it was signed.";
constexpr const char* kMeansFork =
    "The log was rolled back or rewritten since that checkpoint was kept.";

}  // namespace

void LogCheck::find(FindingKind kind, std::string what, std::string means, std::string file) {
    report_.findings.add({kind, std::move(what), std::move(means), {std::move(file), 0, {}, {}}});
}

void LogCheck::run() {
    const std::optional<Checkpoint> checkpoint = signed_checkpoint();
    if (!checkpoint) {
        return;
    }
    report_.origin = checkpoint->origin;
    report_.log_size = checkpoint->size;
    readable_ = true;
    read_entries(*checkpoint);
    check_older(*checkpoint);
    for (auto& [part, claims] : claims_) {
        std::sort(claims.heads.begin(), claims.heads.end(),
                  [](const PartHead& a, const PartHead& b) { return a.size < b.size; });
    }
}

std::optional<Checkpoint> LogCheck::signed_checkpoint() {
    const std::string path = directory_ + "/checkpoint";
    const auto exists = fs_.exists(path);
    if (!exists || !exists.value()) {
        find(options_.checkpoints.empty() ? FindingKind::unreadable : FindingKind::truncation,
             "there is no signed checkpoint of the gateway's log", kMeansNoLog, "log/checkpoint");
        return std::nullopt;
    }
    const Result<Bytes> bytes = io::read_all(fs_, path, kNoteBytesMax);
    const Result<Note> note =
        bytes ? parse_note(as_text(bytes.value())) : Result<Note>(fail(bytes.error()));
    if (!note) {
        find(FindingKind::tampering, "the checkpoint is no signed note: " + note.error().what,
             kMeansChangedLog, "log/checkpoint");
        return std::nullopt;
    }
    Result<Checkpoint> checkpoint = parse_checkpoint(note.value().text);
    if (!checkpoint) {
        find(FindingKind::tampering, checkpoint.error().what, kMeansChangedLog, "log/checkpoint");
        return std::nullopt;
    }
    check_signature(note.value());
    return std::move(checkpoint).value();
}

/// The key that the log states of itself: enough for consistency, not for trust.
std::vector<VerifierKey> LogCheck::own_keys() {
    const auto bundle = TileReader(fs_, directory_).bundle(0, 1);
    const auto entry = bundle ? decode_entry(bundle.value()[0]) : Result<Entry>(fail({}));
    const auto* key = entry ? std::get_if<KeyEntry>(&entry.value().body) : nullptr;
    const auto parsed = key ? parse_vkey(key->vkey) : Result<VerifierKey>(fail({}));
    return parsed ? std::vector<VerifierKey>{parsed.value()} : std::vector<VerifierKey>{};
}

void LogCheck::check_signature(const Note& note) {
    std::vector<VerifierKey> known = options_.trust ? options_.trust->logs : own_keys();
    const std::size_t logs = known.size();
    if (options_.trust) {
        known.insert(known.end(), options_.trust->witnesses.begin(),
                     options_.trust->witnesses.end());
    }
    const Result<Verified> verified = verify_note(note, known);
    const bool by_log =
        verified &&
        std::any_of(verified.value().keys.begin(), verified.value().keys.end(),
                    [&](const VerifierKey& key) {
                        return std::find(known.begin(),
                                         known.begin() + static_cast<std::ptrdiff_t>(logs),
                                         key) != known.begin() + static_cast<std::ptrdiff_t>(logs);
                    });
    if (!verified && verified.error().code == ErrorCode::corrupt) {
        find(FindingKind::tampering, "the checkpoint's signature does not verify", kMeansChangedLog,
             "log/checkpoint");
        return;
    }
    if (!by_log) {
        find(FindingKind::missing_key,
             options_.trust ? "the checkpoint is not signed by any log key of the trust file"
                            : "the log does not state the key its checkpoint is signed with",
             "Whether this log is the one it says it is cannot be told with these keys.",
             "log/checkpoint");
        return;
    }
    ++report_.checked.checkpoints;
    std::size_t witnessed = 0;
    for (std::size_t i = 0; i < verified.value().keys.size(); ++i) {
        const VerifierKey& key = verified.value().keys[i];
        report_.signers.push_back(vkey_text(key));
        witnessed += key.type == KeyType::cosignature ? 1 : 0;
        report_.anchored_at = std::max(report_.anchored_at, verified.value().cosigned_at[i]);
    }
    trusted_ = options_.trust && witnessed >= options_.trust->quorum;
    if (options_.trust && !trusted_) {
        find(FindingKind::missing_key,
             fmt::format("{} of the {} witnesses that the trust file demands have signed the "
                         "checkpoint",
                         witnessed, options_.trust->quorum),
             "The log vouches for itself; that everybody is shown the same log is not proven.",
             "log/checkpoint");
    }
}

void LogCheck::read_entries(const Checkpoint& checkpoint) {
    TileReader tiles(fs_, directory_);
    Frontier frontier;
    for (std::uint64_t index = 0; index * kTileWidth < checkpoint.size; ++index) {
        const std::uint64_t width = tile_width(0, index, checkpoint.size);
        const auto bundle = tiles.bundle(index, width);
        const auto tile = tiles.tile(0, index, width);
        const std::string file = "log/" + bundle_path(index, width);
        if (!bundle || !tile) {
            const Error& error = bundle ? tile.error() : bundle.error();
            find(error.code == ErrorCode::not_found ? FindingKind::truncation
                                                    : FindingKind::tampering,
                 error.what, "A part of what the checkpoint covers was removed or damaged.", file);
            return;
        }
        for (std::size_t i = 0; i < width; ++i) {
            const std::uint64_t at = index * kTileWidth + i;
            const Hash leaf = leaf_hash(bundle.value()[i]);
            if (leaf != tile.value()[i]) {
                find(FindingKind::tampering,
                     fmt::format("entry {} of the log is not the one its tile was made of", at),
                     kMeansChangedLog, file);
            }
            frontier.append(leaf);
            take(at, bundle.value()[i]);
        }
    }
    if (frontier.root() != checkpoint.root) {
        find(FindingKind::tampering, "the log's entries do not give the root that was signed",
             kMeansChangedLog, "log/checkpoint");
    }
    const auto root = tree_root(checkpoint.size, tiles.nodes(checkpoint.size));
    if (!root || root.value() != checkpoint.root) {
        find(FindingKind::tampering, "the log's tiles do not give the root that was signed",
             kMeansChangedLog, "log/tile");
    }
}

void LogCheck::take(std::uint64_t index, ByteView bytes) {
    ++report_.checked.log_entries;
    Result<Entry> entry = decode_entry(bytes);
    if (!entry) {
        find(FindingKind::disorder,
             fmt::format("entry {} of the log cannot be decoded: {}", index, entry.error().what),
             "It may be of a newer version; what it says was not checked.", "log/tile/entries");
        return;
    }
    EntryBody& body = entry.value().body;
    if (auto* open = std::get_if<OpenEntry>(&body)) {
        claims_[open->part.value()].open = std::move(*open);
    } else if (auto* close = std::get_if<CloseEntry>(&body)) {
        add_head(close->head);
        claims_[close->head.part.value()].close = std::move(*close);
    } else if (const auto* interval = std::get_if<IntervalEntry>(&body)) {
        std::for_each(interval->heads.begin(), interval->heads.end(),
                      [this](const PartHead& head) { add_head(head); });
    }
}

void LogCheck::add_head(const PartHead& head) {
    claims_[head.part.value()].heads.push_back(head);
}

void LogCheck::check_older(const Checkpoint& newest) {
    TileReader tiles(fs_, directory_);
    std::vector<VerifierKey> known = options_.trust ? options_.trust->logs : own_keys();
    for (const std::string& kept : options_.checkpoints) {
        const Result<Note> note = parse_note(kept);
        const Result<Checkpoint> older =
            note ? parse_checkpoint(note.value().text) : Result<Checkpoint>(fail(note.error()));
        const bool is_of_log = older && older.value().origin == newest.origin;
        if (!is_of_log || !verify_note(note.value(), known)) {
            find(FindingKind::unreadable,
                 "a checkpoint that was given is not one of this log, signed by its key",
                 "Whether the log was rewritten since cannot be told with it.", "log/checkpoint");
        }
        // Whoever keeps a checkpoint vouches for it: a log of another key must begin with it too.
        if (!is_of_log) {
            continue;
        }
        ++report_.checked.checkpoints;
        const bool fits = older.value().size <= newest.size;
        const auto root = tree_root(fits ? older.value().size : 0, tiles.nodes(newest.size));
        if (!fits || !root || root.value() != older.value().root) {
            find(FindingKind::truncation,
                 fmt::format("the log does not begin with the checkpoint of size {} that was given",
                             older.value().size),
                 kMeansFork, "log/checkpoint");
        }
    }
}

}  // namespace narrows::evidence
