#include "evidence/log_check.h"

#include <algorithm>

#include <fmt/format.h>

#include "evidence/envelope_check.h"
#include "evidence/tiles.h"

namespace narrows::evidence {
namespace {

constexpr const char* kMeansNoLog =
    "The journal was checked against itself only; a removed tail or session would not show.";
constexpr const char* kMeansChangedLog = "The log was changed or damaged after it was signed.";
constexpr const char* kMeansFork =
    "The log was rolled back or rewritten since that checkpoint was kept.";

constexpr const char* kNotOfThisLog =
    "a checkpoint that was given is not one of this log, signed by its key";
constexpr const char* kMeansNotTold = "Whether the log was rewritten since cannot be told with it.";

}  // namespace

void LogCheck::find(FindingKind kind, std::string what, std::string means, std::string file) {
    report_.findings.add({kind, std::move(what), std::move(means), {std::move(file), 0, {}, {}}});
}

void LogCheck::run() {
    // What is cosigned was signed before; read first, it is not newer in a log that grows.
    std::optional<Signed> kept = read_signed("cosigned");
    const std::optional<Signed> head = newest_signed(kept);
    if (!head) {
        return;
    }
    report_.origin = head->checkpoint.origin;
    report_.log_size = head->checkpoint.size;
    readable_ = true;
    logs_ = options_.trust ? options_.trust->logs : own_keys();
    trusted_ = check_signature(*head) && options_.trust.has_value();
    read_entries(head->checkpoint);
    check_envelopes(fs_, options_.data_dir, keys_, claims_, report_);
    if (kept) {
        check_kept(*kept, head->checkpoint);
    }
    check_given(head->checkpoint);
    TileReader tiles(fs_, directory_);
    const std::uint64_t newest = head->checkpoint.size;
    settle_witnesses(head->checkpoint.origin, [&](std::uint64_t size) -> std::optional<Hash> {
        const auto root = tree_root(size, tiles.nodes(newest));
        return size <= newest && root ? std::optional(root.value()) : std::nullopt;
    });
    sort_heads();
}

void LogCheck::sort_heads() {
    for (auto& [part, claims] : claims_) {
        std::sort(claims.heads.begin(), claims.heads.end(),
                  [](const PartHead& a, const PartHead& b) { return a.size < b.size; });
    }
}

std::optional<LogCheck::Signed> LogCheck::read_signed(const std::string& file) {
    const std::string path = directory_ + "/" + file;
    const auto exists = fs_.exists(path);
    if (exists && !exists.value()) {
        return std::nullopt;
    }
    return parse_signed(io::read_all(fs_, path, kNoteBytesMax), file);
}

std::optional<LogCheck::Signed> LogCheck::parse_signed(const Result<Bytes>& bytes,
                                                       const std::string& file) {
    Result<Note> note =
        bytes ? parse_note(as_text(bytes.value())) : Result<Note>(fail(bytes.error()));
    Result<Checkpoint> checkpoint =
        note ? parse_checkpoint(note.value().text) : Result<Checkpoint>(fail(note.error()));
    if (!checkpoint) {
        find(FindingKind::tampering,
             fmt::format("log/{} is no signed checkpoint: {}", file, checkpoint.error().what),
             kMeansChangedLog, "log/" + file);
        return std::nullopt;
    }
    return Signed{std::move(note).value(), std::move(checkpoint).value(), "log/" + file};
}

/// The head of the log, which in a copy that was taken while it grew may be the cosigned one; then
/// `other` becomes the one before.
std::optional<LogCheck::Signed> LogCheck::newest_signed(std::optional<Signed>& other) {
    const bool was_sound = report_.findings.count() == 0;
    std::optional<Signed> newest = read_signed("checkpoint");
    if (!newest && was_sound && report_.findings.count() == 0) {
        find(options_.checkpoints.empty() ? FindingKind::unreadable : FindingKind::truncation,
             "there is no signed checkpoint of the gateway's log", kMeansNoLog, "log/checkpoint");
    }
    if (newest && other && other->checkpoint.size > newest->checkpoint.size &&
        other->checkpoint.origin == newest->checkpoint.origin) {
        std::swap(newest, other);
    }
    return newest;
}

/// The key that the log states of itself: enough for consistency, not for trust.
std::vector<VerifierKey> LogCheck::own_keys() {
    const auto bundle = TileReader(fs_, directory_).bundle(0, 1);
    const auto entry = bundle ? decode_entry(bundle.value()[0]) : Result<Entry>(fail({}));
    const auto* key = entry ? std::get_if<KeyEntry>(&entry.value().body) : nullptr;
    const auto parsed = key ? parse_vkey(key->vkey) : Result<VerifierKey>(fail({}));
    return parsed ? std::vector<VerifierKey>{parsed.value()} : std::vector<VerifierKey>{};
}

/// Whether one of the log's keys signed it.
bool LogCheck::check_signature(const Signed& head) {
    const Result<Verified> verified = verify_note(head.note, logs_);
    if (!verified && verified.error().code == ErrorCode::corrupt) {
        find(FindingKind::tampering, "the checkpoint's signature does not verify", kMeansChangedLog,
             head.file);
        return false;
    }
    if (!verified) {
        find(FindingKind::missing_key,
             options_.trust ? "the checkpoint is not signed by any log key of the trust file"
                            : "the log does not state the key its checkpoint is signed with",
             "Whether this log is the one it says it is cannot be told with these keys.",
             head.file);
        return false;
    }
    for (const VerifierKey& key : verified.value().keys) {
        report_.signers.push_back(vkey_text(key));
    }
    count(head, true);
    return true;
}

void LogCheck::count(const Signed& checked, bool is_signed) {
    ++report_.checked.checkpoints;
    for (const NoteSignature& each : checked.note.signatures) {
        if (is_signed) {
            cosignatures_.add(checked.checkpoint.size, each);
        }
    }
}

void LogCheck::settle_witnesses(const std::string& origin,
                                const CosignatureCount::RootOf& root_of) {
    const Witnessed witnessed = cosignatures_.settle(origin, root_of);
    report_.witnessed_size = witnessed.size;
    report_.anchored_at = witnessed.at;
    report_.quorum = options_.trust ? options_.trust->quorum : 0;
    for (const VerifierKey& key : witnessed.keys) {
        report_.witnesses.push_back(vkey_text(key));
    }
    if (witnessed.keys.size() < report_.quorum) {
        trusted_ = false;
        find(FindingKind::missing_key,
             fmt::format("{} of the {} witnesses that the trust file demands have signed a "
                         "checkpoint of this log",
                         witnessed.keys.size(), report_.quorum),
             "The log vouches for itself; that everybody is shown the same log is not proven.",
             "log/cosigned");
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
    } else if (const auto* cosign = std::get_if<CosignEntry>(&body)) {
        take_cosign(index, *cosign);
    } else if (const auto* anchor = std::get_if<AnchorEntry>(&body)) {
        check_outside(index, anchor->size <= index);
    } else if (const auto* shred = std::get_if<ShredEntry>(&body)) {
        take_shred(index, *shred);
    } else if (const auto* hold = std::get_if<HoldEntry>(&body)) {
        take_hold(index, *hold);
    } else if (auto* segment = std::get_if<SegmentEntry>(&body)) {
        take_segment(index, std::move(*segment));
    } else if (std::holds_alternative<ReconciledEntry>(body)) {
        ++report_.checked.reconciliations;
    }
}

void LogCheck::take_segment(std::uint64_t index, SegmentEntry segment) {
    const std::string name = segment.name;
    if (!archived_.add(std::move(segment))) {
        find(FindingKind::disorder,
             fmt::format("entry {} of the log says something else of {} than an earlier one", index,
                         name),
             "What was archived is not one thing: it cannot be told which is right.",
             "log/tile/entries");
    }
}

void LogCheck::take_shred(std::uint64_t index, const ShredEntry& shred) {
    Claims& claims = claims_[shred.part.value()];
    const auto key = claims.open ? claims.open->keys.find(shred.key) : PartEnvelopes::iterator();
    const bool known = claims.open && key != claims.open->keys.end() &&
                       key->second.sha256 == shred.envelope &&
                       claims.open->session == shred.session;
    if (!known) {
        find(
            FindingKind::disorder,
            fmt::format("entry {} of the log shreds an envelope that the log does not know", index),
            "What was destroyed is not what the log says of it.", "log/tile/entries");
        return;
    }
    if (held_.contains(shred.session)) {
        find(FindingKind::disorder,
             fmt::format("entry {} of the log shreds a key of session {}, which is under a legal "
                         "hold",
                         index, shred.session),
             "What had to be kept was destroyed.", "log/tile/entries");
    }
    claims.shreds[shred.key] = shred.envelope;
}

void LogCheck::take_hold(std::uint64_t index, const HoldEntry& hold) {
    const Result<VerifierKey> key = parse_vkey(hold.vkey);
    const std::string text = hold_text(report_.origin, hold);
    const bool is_signed = key && key.value().type == KeyType::ed25519 &&
                           crypto::verify(key.value().key, as_bytes(text), hold.signature);
    if (!is_signed) {
        find(FindingKind::tampering,
             fmt::format("the signature of the {} in entry {} of the log does not verify",
                         name_of(hold), index),
             "Nobody who may hold or release said so.", "log/tile/entries");
        return;
    }
    const bool listed = options_.trust && !options_.trust->officers.empty();
    const auto& officers = options_.trust ? options_.trust->officers : std::vector<VerifierKey>();
    if (listed && std::find(officers.begin(), officers.end(), key.value()) == officers.end()) {
        find(FindingKind::disorder,
             fmt::format("the {} in entry {} of the log is by nobody the trust file names",
                         name_of(hold), index),
             "Somebody who is no officer held or released a session.", "log/tile/entries");
        return;
    }
    if (hold.released) {
        held_.erase(hold.session);
    } else {
        held_.insert(hold.session);
    }
}

void LogCheck::check_outside(std::uint64_t index, bool can_be) {
    if (!can_be) {
        find(FindingKind::disorder,
             fmt::format("entry {} of the log tells of an anchor what cannot be", index),
             "The gateway wrote what nobody outside can have said.", "log/tile/entries");
    }
}

void LogCheck::take_cosign(std::uint64_t index, const CosignEntry& cosign) {
    const Result<VerifierKey> key = parse_vkey(cosign.vkey);
    check_outside(index, key && cosign.size <= index);
    if (!key) {
        return;
    }
    cosignatures_.add(cosign.size, {key.value().name, key.value().id, cosign.signature});
}

void LogCheck::add_head(const PartHead& head) {
    claims_[head.part.value()].heads.push_back(head);
}

void LogCheck::check_given(const Checkpoint& newest) {
    for (const std::string& text : options_.checkpoints) {
        Result<Note> note = parse_note(text);
        Result<Checkpoint> checkpoint =
            note ? parse_checkpoint(note.value().text) : Result<Checkpoint>(fail(note.error()));
        if (checkpoint) {
            check_kept({std::move(note).value(), std::move(checkpoint).value(), "log/checkpoint"},
                       newest);
        } else {
            find(FindingKind::unreadable, kNotOfThisLog, kMeansNotTold, "log/checkpoint");
        }
    }
}

/// A checkpoint of before: given by the verifier, or the cosigned one. Whoever keeps one vouches
/// for it: a log of another key must begin with it too.
void LogCheck::check_kept(const Signed& kept, const Checkpoint& newest) {
    const bool is_of_log = kept.checkpoint.origin == newest.origin;
    const bool is_signed = verify_note(kept.note, logs_).has_value();
    if (!is_of_log || !is_signed) {
        find(FindingKind::unreadable, kNotOfThisLog, kMeansNotTold, kept.file);
    }
    if (!is_of_log) {
        return;
    }
    TileReader tiles(fs_, directory_);
    const std::uint64_t size = kept.checkpoint.size;
    const bool fits = size <= newest.size;
    const auto root = tree_root(fits ? size : 0, tiles.nodes(newest.size));
    if (!fits || !root || root.value() != kept.checkpoint.root) {
        find(FindingKind::truncation,
             fmt::format("the log does not begin with the checkpoint of size {} that was given",
                         size),
             kMeansFork, kept.file);
    }
    count(kept, is_signed);
}

}  // namespace narrows::evidence
