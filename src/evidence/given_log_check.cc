#include <algorithm>

#include <fmt/format.h>

#include "evidence/log_check.h"

namespace narrows::evidence {
namespace {

constexpr const char* kMeansForgedExcerpt =
    "It is not what the log vouched for, or was changed since.";

}  // namespace

void LogCheck::run(const GivenLog& given) {
    if (!given.checkpoint) {
        find(FindingKind::unreadable, given.checkpoint.error().what,
             "Nothing outside the records vouches for them.", std::string(kBundleCheckpoint));
        return;
    }
    const std::optional<Signed> head = parse_signed(given.checkpoint, "checkpoint");
    if (!head) {
        return;
    }
    const Checkpoint& newest = head->checkpoint;
    report_.origin = newest.origin;
    report_.log_size = newest.size;
    readable_ = true;
    logs_ = options_.trust ? options_.trust->logs : keys_in(given.excerpt);
    trusted_ = check_signature(*head) && options_.trust.has_value();
    for (const ProvenEntry& each : given.excerpt.entries) {
        take_proven(each, newest);
    }
    Roots roots{{newest.size, newest.root}};
    take_cosigned(given, newest, roots);
    for (const std::string& text : options_.checkpoints) {
        check_kept(text, newest, roots);
    }
    settle_witnesses(newest.origin, [&](std::uint64_t size) -> std::optional<Hash> {
        const auto root = roots.find(size);
        return root == roots.end() ? std::nullopt : std::optional(root->second);
    });
    sort_heads();
}

/// The key that the log states of itself; whether the entry is in the log shows later.
std::vector<VerifierKey> LogCheck::keys_in(const LogExcerpt& excerpt) {
    const bool has_first = !excerpt.entries.empty() && excerpt.entries.front().index == 0;
    const auto entry =
        has_first ? decode_entry(excerpt.entries.front().entry) : Result<Entry>(fail({}));
    const auto* key = entry ? std::get_if<KeyEntry>(&entry.value().body) : nullptr;
    const auto parsed = key ? parse_vkey(key->vkey) : Result<VerifierKey>(fail({}));
    return parsed ? std::vector<VerifierKey>{parsed.value()} : std::vector<VerifierKey>{};
}

void LogCheck::take_proven(const ProvenEntry& proven, const Checkpoint& newest) {
    if (!verify_inclusion(leaf_hash(proven.entry), proven.index, newest.size, proven.proof,
                          newest.root)) {
        find(FindingKind::tampering,
             fmt::format("entry {} is not proven to be in the log that was signed", proven.index),
             kMeansForgedExcerpt, std::string(kBundleExcerpt));
        return;
    }
    take(proven.index, proven.entry);
}

/// The tree that witnesses signed: the checkpoint's must begin with it. Whether they did sign it,
/// settle_witnesses says.
void LogCheck::take_cosigned(const GivenLog& given, const Checkpoint& newest, Roots& roots) {
    const std::optional<Signed> cosigned =
        given.cosigned ? parse_signed(*given.cosigned, "cosigned") : std::nullopt;
    if (!cosigned) {
        return;
    }
    const Checkpoint& tree = cosigned->checkpoint;
    if (tree.origin != newest.origin ||
        !verify_consistency(tree.size, tree.root, newest.size, newest.root,
                            given.excerpt.consistency)) {
        find(FindingKind::tampering, "the log does not begin with the tree that witnesses signed",
             kMeansForgedExcerpt, cosigned->file);
        return;
    }
    roots.emplace(tree.size, tree.root);
    count(*cosigned, true);
}

/// A checkpoint of before tells only if the tree is one that the excerpt proves.
void LogCheck::check_kept(const std::string& text, const Checkpoint& newest, const Roots& roots) {
    const Result<Note> note = parse_note(text);
    const Result<Checkpoint> kept =
        note ? parse_checkpoint(note.value().text) : Result<Checkpoint>(fail(note.error()));
    const auto root = kept ? roots.find(kept.value().size) : roots.end();
    if (root == roots.end() || kept.value().origin != newest.origin) {
        find(FindingKind::unreadable,
             "there is no proof here about the tree of a checkpoint that was given",
             "Whether the log was rewritten since cannot be told with it.", "log/checkpoint");
    } else if (root->second != kept.value().root) {
        find(FindingKind::truncation,
             fmt::format("the log does not begin with the checkpoint of size {} that was given",
                         root->first),
             "The log was rolled back or rewritten since that checkpoint was kept.",
             "log/checkpoint");
    }
}

}  // namespace narrows::evidence
