#include "evidence/session_log.h"

#include <algorithm>
#include <functional>
#include <set>

#include <fmt/format.h>

#include "evidence/checkpoint.h"
#include "evidence/note.h"
#include "evidence/tiles.h"
#include "evidence/verify.h"

namespace narrows::evidence {
namespace {

/// A log that is being written drops the files of older checkpoints.
constexpr int kSessionLogTries = 3;
constexpr std::size_t kCosignedSizesMax = 1'024;

struct SignedHead {
    std::string note;
    Note parsed;
    Checkpoint checkpoint;
};

Result<SignedHead> read_signed_head(io::FileSystem& fs, const std::string& path) {
    NARROWS_TRY(const Bytes bytes, io::read_all(fs, path, kNoteBytesMax));
    SignedHead head{to_string(bytes), {}, {}};
    NARROWS_TRY(head.parsed, parse_note(head.note));
    NARROWS_TRY(head.checkpoint, parse_checkpoint(head.parsed.text));
    return head;
}

using TakeEntry = std::function<void(std::uint64_t index, const Bytes& bytes, EntryBody& body)>;

/// Every entry that can be decoded.
Result<void> for_each_entry(TileReader& tiles, std::uint64_t size, const TakeEntry& take) {
    for (std::uint64_t index = 0; index * kTileWidth < size; ++index) {
        NARROWS_TRY(const std::vector<Bytes> entries,
                    tiles.bundle(index, tile_width(0, index, size)));
        for (std::size_t i = 0; i < entries.size(); ++i) {
            Result<Entry> entry = decode_entry(entries[i]);
            if (entry) {
                take(index * kTileWidth + i, entries[i], entry.value().body);
            }
        }
    }
    return ok();
}

/// What the entries say of one session; a pass over the log.
class SessionGather {
  public:
    SessionGather(const std::string& session, const std::vector<model::PartNo>& parts)
        : session_(session), parts_(parts.begin(), parts.end()) {}

    /// Besides those that say how its parts began, grew and ended; and the key of the log.
    bool is_about_session(const EntryBody& body) const {
        const auto* shred = std::get_if<ShredEntry>(&body);
        const auto* hold = std::get_if<HoldEntry>(&body);
        return (shred != nullptr && parts_.contains(shred->part)) ||
               (hold != nullptr && hold->session == session_) ||
               std::holds_alternative<KeyEntry>(body);
    }

    void take(std::uint64_t index, const Bytes& bytes, EntryBody& body) {
        if (auto* open = std::get_if<OpenEntry>(&body); open && parts_.contains(open->part)) {
            kept_[index] = bytes;
            opens_[open->part] = std::move(*open);
        } else if (const auto* close = std::get_if<CloseEntry>(&body)) {
            take_head(index, bytes, close->head);
        } else if (const auto* interval = std::get_if<IntervalEntry>(&body)) {
            for (const PartHead& head : interval->heads) {
                take_head(index, bytes, head);
            }
        } else if (is_about_session(body)) {
            kept_[index] = bytes;
        } else if (const auto* cosign = std::get_if<CosignEntry>(&body)) {
            take_cosign(index, bytes, *cosign);
        }
    }

    void take_cosigned(const SignedHead& cosigned, const Checkpoint& head) {
        if (cosigned.checkpoint.origin != head.origin || cosigned.checkpoint.size > head.size) {
            return;
        }
        for (const NoteSignature& each : cosigned.parsed.signatures) {
            if (each.name != head.origin) {
                trees_[cosigned.checkpoint.size].lines.push_back(each);
            }
        }
    }

    Result<void> finish(TileReader& tiles, const Checkpoint& head, SessionLog& log) {
        for (const model::PartNo part : parts_) {
            if (!opens_.contains(part)) {
                return fail(ErrorCode::unavailable,
                            fmt::format("part {} is not in the log yet: try again in a second",
                                        part.value()));
            }
        }
        for (const auto& [part, statement] : statements_) {
            kept_[statement.index] = statement.bytes;
            log.heads[part] = statement.head;
        }
        NARROWS_TRY(finish_cosigned(tiles, head, log));
        const NodeReader nodes = tiles.nodes(head.size);
        for (auto& [index, bytes] : kept_) {
            NARROWS_TRY(std::vector<Hash> proof, inclusion_proof(index, head.size, nodes));
            log.excerpt.entries.push_back({index, std::move(bytes), std::move(proof)});
        }
        log.opens = std::move(opens_);
        return ok();
    }

  private:
    struct Statement {
        std::uint64_t index = 0;
        Bytes bytes;
        PartHead head;
    };
    struct Tree {
        std::vector<NoteSignature> lines;
        std::map<std::uint64_t, Bytes> entries;

        std::size_t signers() const {
            std::set<std::pair<std::string, std::uint32_t>> names;
            for (const NoteSignature& each : lines) {
                names.emplace(each.name, each.id);
            }
            return names.size();
        }
    };

    void take_head(std::uint64_t index, const Bytes& bytes, const PartHead& head) {
        if (parts_.contains(head.part)) {
            statements_[head.part] = {index, bytes, head};
        }
    }

    void take_cosign(std::uint64_t index, const Bytes& bytes, const CosignEntry& cosign) {
        const Result<VerifierKey> key = parse_vkey(cosign.vkey);
        if (!key) {
            return;
        }
        Tree& tree = trees_[cosign.size];
        tree.lines.push_back({key.value().name, key.value().id, cosign.signature});
        tree.entries[index] = bytes;
        if (trees_.size() > kCosignedSizesMax) {
            trees_.erase(trees_.begin());
        }
    }

    /// The tree that most witnesses signed, of those the newest: as a note, with proof that the
    /// checkpoint's tree begins with it.
    Result<void> finish_cosigned(TileReader& tiles, const Checkpoint& head, SessionLog& log) {
        const auto best =
            std::max_element(trees_.begin(), trees_.end(), [](const auto& a, const auto& b) {
                return std::pair(a.second.signers(), a.first) <
                       std::pair(b.second.signers(), b.first);
            });
        if (best == trees_.end() || best->first == 0 || best->first > head.size) {
            return ok();
        }
        const NodeReader nodes = tiles.nodes(head.size);
        NARROWS_TRY(const Hash root, tree_root(best->first, nodes));
        NARROWS_TRY(log.excerpt.consistency, consistency_proof(best->first, head.size, nodes));
        std::vector<NoteSignature>& lines = best->second.lines;
        lines.resize(std::min(lines.size(), kNoteSignaturesMax));
        log.cosigned =
            note_bytes({checkpoint_text({head.origin, best->first, root, {}}), std::move(lines)});
        kept_.merge(best->second.entries);
        return ok();
    }

    const std::string& session_;
    const std::set<model::PartNo> parts_;
    std::map<std::uint64_t, Bytes> kept_;
    std::map<model::PartNo, OpenEntry> opens_;
    std::map<model::PartNo, Statement> statements_;
    std::map<std::uint64_t, Tree> trees_;
};

Result<SessionLog> try_session_log(io::FileSystem& fs, const std::string& data_dir,
                                   const std::string& session,
                                   const std::vector<model::PartNo>& parts) {
    const std::string directory = log_directory(data_dir);
    NARROWS_TRY(const SignedHead head, read_signed_head(fs, directory + "/checkpoint"));
    SessionLog log{head.checkpoint.origin, head.note, {}, {}, {}, {}};
    SessionGather gather(session, parts);
    TileReader tiles(fs, directory);
    NARROWS_TRY(for_each_entry(tiles, head.checkpoint.size,
                               [&](std::uint64_t index, const Bytes& bytes, EntryBody& body) {
                                   gather.take(index, bytes, body);
                               }));
    if (const auto cosigned = read_signed_head(fs, directory + "/cosigned")) {
        gather.take_cosigned(cosigned.value(), head.checkpoint);
    }
    NARROWS_TRY(gather.finish(tiles, head.checkpoint, log));
    return log;
}

std::optional<PartHead> head_in(const EntryBody& body, model::PartNo part, std::uint64_t size) {
    const auto fits = [&](const PartHead& head) {
        return head.part == part && head.size >= size && head.root.has_value();
    };
    if (const auto* close = std::get_if<CloseEntry>(&body)) {
        return fits(close->head) ? std::optional(close->head) : std::nullopt;
    }
    const auto* interval = std::get_if<IntervalEntry>(&body);
    for (const PartHead& head : interval == nullptr ? std::vector<PartHead>{} : interval->heads) {
        if (fits(head)) {
            return head;
        }
    }
    return std::nullopt;
}

Result<ProvenHead> try_proven_head(io::FileSystem& fs, const std::string& data_dir,
                                   model::PartNo part, std::uint64_t size) {
    const std::string directory = log_directory(data_dir);
    NARROWS_TRY(const SignedHead signed_head, read_signed_head(fs, directory + "/checkpoint"));
    TileReader tiles(fs, directory);
    std::optional<ProvenHead> found;
    const std::uint64_t entries = signed_head.checkpoint.size;
    NARROWS_TRY(for_each_entry(
        tiles, entries, [&](std::uint64_t index, const Bytes& bytes, EntryBody& body) {
            if (const auto head = head_in(body, part, size)) {
                found = ProvenHead{
                    signed_head.note, signed_head.checkpoint.origin, {index, bytes, {}}, *head};
            }
        }));
    if (!found) {
        return fail(ErrorCode::not_found,
                    fmt::format("the log states no root over record {} of part {} (yet)", size - 1,
                                part.value()));
    }
    NARROWS_TRY(found->entry.proof,
                inclusion_proof(found->entry.index, entries, tiles.nodes(entries)));
    return std::move(*found);
}

/// Again, if the log was written on meanwhile.
template <class Read>
auto with_tries(const Read& read) {
    auto result = read();
    for (int i = 1; i < kSessionLogTries && !result; ++i) {
        result = read();
    }
    return result;
}

}  // namespace

Result<SessionLog> read_session_log(io::FileSystem& fs, const std::string& data_dir,
                                    const std::string& session,
                                    const std::vector<model::PartNo>& parts) {
    return with_tries([&] { return try_session_log(fs, data_dir, session, parts); });
}

Result<ProvenHead> read_proven_head(io::FileSystem& fs, const std::string& data_dir,
                                    model::PartNo part, std::uint64_t size) {
    return with_tries([&] { return try_proven_head(fs, data_dir, part, size); });
}

}  // namespace narrows::evidence
