#include "archive/restore.h"

#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "archive/layout.h"
#include "archive/log_entries.h"
#include "evidence/archived.h"
#include "evidence/checkpoint.h"
#include "evidence/note.h"
#include "evidence/tiles.h"
#include "evidence/verify.h"

namespace narrows::archive {
namespace {

constexpr std::size_t kListMost = 10'000'000;
constexpr std::size_t kTileMax = evidence::kTileWidth * (evidence::kEntryBytesMax + 2);
constexpr std::size_t kEnvelopeMax = 1 << 20;
constexpr std::uint64_t kAnySize = UINT64_MAX;

/// An object whose name may have been deleted: a lock protects versions, not names.
Result<Bytes> read_any(Store& store, const std::string& key, std::size_t bytes_max) {
    auto bytes = read_object(store, key, "", bytes_max);
    if (bytes || bytes.error().code != ErrorCode::not_found) {
        return bytes;
    }
    NARROWS_TRY(const ListPage page, store.list(key, {}));
    for (const Listed& each : page.listed) {
        if (each.key == key) {
            return read_object(store, key, each.version, bytes_max);
        }
    }
    return bytes;
}

class Restore {
  public:
    Restore(Store& store, io::FileSystem& fs, const std::string& to,
            const std::function<void(const std::string&)>& progress)
        : store_(store), fs_(fs), to_(to), progress_(progress) {}

    Result<Restored> run() {
        NARROWS_TRY(check_target());
        NARROWS_TRY(const std::string note, newest_checkpoint());
        NARROWS_TRY(const evidence::Note parsed, evidence::parse_note(note));
        NARROWS_TRY(const evidence::Checkpoint head, evidence::parse_checkpoint(parsed.text));
        done_.origin = head.origin;
        done_.log_size = head.size;
        NARROWS_TRY(bring_log(head.size));
        NARROWS_TRY(read_entries(head.size));
        NARROWS_TRY(read_claims());
        for (const auto& [place, segment] : archived_.segments()) {
            NARROWS_TRY(bring_segment(segment.entry));
        }
        NARROWS_TRY(bring_live());
        NARROWS_TRY(bring_folder(kKeys, to_ + "/keys", kEnvelopeMax, done_.keys));
        std::uint64_t aside = 0;
        NARROWS_TRY(bring_folder(kAside, journal(), kAnySize, aside));
        // Last: a directory without it is one whose restore was cut short.
        NARROWS_TRY(io::durable_write(fs_, log() + "/checkpoint", as_bytes(note)));
        return std::move(done_);
    }

  private:
    std::string log() const { return evidence::log_directory(to_); }
    std::string journal() const { return evidence::journal_directory(to_); }

    Result<void> check_target();
    Result<std::string> newest_checkpoint();
    Result<void> bring_log(std::uint64_t size);
    Result<void> bring_tile(const std::string& path);
    Result<void> read_entries(std::uint64_t size);
    Result<void> read_claims();
    Result<void> bring_segment(const evidence::SegmentEntry& entry);
    Result<void> bring_live();
    Result<void> bring_pieces(const journal::SegmentName& name,
                              const std::map<std::uint64_t, Listed>& pieces);
    Result<void> bring_folder(std::string_view prefix, const std::string& folder,
                              std::uint64_t bytes_max, std::uint64_t& count);
    /// Appends an object's bytes to a file; how many.
    Result<std::uint64_t> copy(const std::string& key, const std::string& version, io::File& to,
                               std::uint64_t at, std::uint64_t bytes_max, crypto::Hasher* hasher);
    void tell(const std::string& what) const {
        if (progress_) {
            progress_(what);
        }
    }

    Store& store_;
    io::FileSystem& fs_;
    const std::string& to_;
    const std::function<void(const std::string&)>& progress_;
    evidence::Archived archived_;
    Restored done_;
};

Result<void> Restore::check_target() {
    for (const char* name : {"/journal", "/log", "/log.key", "/keys"}) {
        NARROWS_TRY(const bool is_there, fs_.exists(to_ + name));
        if (is_there) {
            return fail(ErrorCode::conflict,
                        to_ + name + " is there already: restore into a folder of its own");
        }
    }
    NARROWS_TRY(io::make_durable_directory(fs_, journal()));
    return io::make_durable_directory(fs_, log());
}

/// The pointer may be older than what is locked beside it, and can be changed; the others cannot.
Result<std::string> Restore::newest_checkpoint() {
    const auto pointer = read_object(store_, std::string(kNewest), "", evidence::kNoteBytesMax);
    if (!pointer && pointer.error().code != ErrorCode::not_found) {
        return fail(pointer.error());
    }
    NARROWS_TRY(const std::vector<Listed> listed,
                list_all(store_, std::string(kCheckpoints), kListMost));
    for (auto each = listed.rbegin(); each != listed.rend(); ++each) {
        const auto size = parse_checkpoint_key(each->key);
        const auto bytes = read_object(store_, each->key, each->version, evidence::kNoteBytesMax);
        const auto note = bytes ? evidence::parse_note(as_text(bytes.value()))
                                : Result<evidence::Note>(fail(bytes.error()));
        const auto parsed = note ? evidence::parse_checkpoint(note.value().text)
                                 : Result<evidence::Checkpoint>(fail(note.error()));
        if (size && parsed && parsed.value().size == *size) {
            return to_string(bytes.value());
        }
    }
    if (pointer) {
        return to_string(pointer.value());
    }
    return fail(ErrorCode::not_found,
                store_.name() +
                    " holds no checkpoint: give the gateway's own folder in the "
                    "archive, such as …/v1/narrows+gw-1");
}

Result<void> Restore::bring_tile(const std::string& path) {
    const auto bytes = read_any(store_, std::string(kLog) + path, kTileMax);
    if (!bytes && bytes.error().code == ErrorCode::not_found) {
        done_.missing.push_back(store_.name() + " has no " + std::string(kLog) + path +
                                ", a part of the log");
        return ok();
    }
    NARROWS_TRY(bytes);
    tell(path);
    NARROWS_TRY(fs_.make_directory(io::directory_of(log() + "/" + path)));
    return io::durable_write(fs_, log() + "/" + path, bytes.value());
}

Result<void> Restore::bring_log(std::uint64_t size) {
    unsigned level = 0;
    for (std::uint64_t hashes = size; hashes != 0; hashes /= evidence::kTileWidth, ++level) {
        for (std::uint64_t index = 0; index * evidence::kTileWidth < hashes; ++index) {
            const std::uint64_t width =
                std::min(evidence::kTileWidth, hashes - index * evidence::kTileWidth);
            NARROWS_TRY(bring_tile(evidence::tile_path(level, index, width)));
            if (level == 0) {
                NARROWS_TRY(bring_tile(evidence::bundle_path(index, width)));
            }
        }
    }
    return ok();
}

Result<void> Restore::read_entries(std::uint64_t size) {
    const auto take = [this](evidence::Entry entry) {
        auto* segment = std::get_if<evidence::SegmentEntry>(&entry.body);
        if (segment != nullptr && !archived_.add(std::move(*segment))) {
            done_.missing.emplace_back("the log names two contents of one segment");
        }
    };
    const auto read = archive::read_entries(fs_, log(), 0, size, take);
    // Of what comes behind a bundle that is missing nothing is known; it is named already.
    return done_.missing.empty() ? read : ok();
}

/// Segments that were brought whole, and of which this log does not speak yet.
Result<void> Restore::read_claims() {
    NARROWS_TRY(const std::vector<Listed> listed, list_all(store_, std::string(kLive), kListMost));
    for (const Listed& each : listed) {
        if (!each.key.ends_with(kWhole)) {
            continue;
        }
        NARROWS_TRY(const Bytes bytes,
                    read_object(store_, each.key, each.version, evidence::kEntryBytesMax));
        Result<evidence::Entry> entry = evidence::decode_entry(bytes);
        auto* segment = entry ? std::get_if<evidence::SegmentEntry>(&entry.value().body) : nullptr;
        if (segment != nullptr) {
            (void)archived_.add(std::move(*segment));  // the log's own word stands
        }
    }
    return ok();
}

Result<std::uint64_t> Restore::copy(const std::string& key, const std::string& version,
                                    io::File& to, std::uint64_t at, std::uint64_t bytes_max,
                                    crypto::Hasher* hasher) {
    constexpr std::size_t kCopied = 4 << 20;
    std::uint64_t done = 0;
    while (done < bytes_max) {
        const std::size_t want = std::min<std::uint64_t>(kCopied, bytes_max - done);
        NARROWS_TRY(const Bytes piece, store_.read(key, version, done, want));
        NARROWS_TRY(io::write_all(to, piece, at + done));
        if (hasher != nullptr) {
            hasher->update(piece);
        }
        done += piece.size();
        if (piece.size() < want) {
            break;
        }
    }
    return done;
}

Result<void> Restore::bring_segment(const evidence::SegmentEntry& entry) {
    tell(entry.name);
    const std::string unfinished = journal() + "/" + entry.name + ".unfinished";
    NARROWS_TRY(const auto file, fs_.open(unfinished, io::Mode::create_over));
    crypto::Hasher hasher;
    const auto got = copy(entry.object, entry.version, *file, 0, entry.bytes, &hasher);
    if (!got && got.error().code != ErrorCode::not_found) {
        return fail(got.error());
    }
    if (!got || got.value() != entry.bytes || hasher.finish256() != entry.sha256) {
        done_.missing.push_back(fmt::format("{} {} {}, which the log says it is", store_.name(),
                                            got ? "holds other bytes than" : "does not hold",
                                            entry.object));
        return fs_.remove(unfinished);
    }
    NARROWS_TRY(file->datasync());
    NARROWS_TRY(fs_.rename(unfinished, journal() + "/" + entry.name));
    ++done_.segments;
    done_.bytes += entry.bytes;
    return fs_.sync_directory(journal());
}

Result<void> Restore::bring_live() {
    NARROWS_TRY(const std::vector<Listed> listed, list_all(store_, std::string(kLive), kListMost));
    std::map<evidence::Archived::Place, std::map<std::uint64_t, Listed>> pieces;
    for (const Listed& each : listed) {
        const auto piece = parse_live_key(each.key);
        if (piece && archived_.find(piece->name.lane, piece->name.number) == nullptr) {
            pieces[{piece->name.lane, piece->name.number}].insert_or_assign(piece->from, each);
        }
    }
    for (const auto& [place, of_segment] : pieces) {
        NARROWS_TRY(bring_pieces({place.first, place.second}, of_segment));
    }
    return ok();
}

/// The pieces from the segment's beginning on, as far as they join.
Result<void> Restore::bring_pieces(const journal::SegmentName& name,
                                   const std::map<std::uint64_t, Listed>& pieces) {
    const std::string segment = journal::segment_name(name.lane, name.number);
    tell(segment);
    NARROWS_TRY(const auto file, fs_.open(journal() + "/" + segment, io::Mode::create_over));
    std::uint64_t end = 0;
    for (auto at = pieces.find(0); at != pieces.end(); at = pieces.find(end)) {
        const auto piece = parse_live_key(at->second.key);
        NARROWS_TRY(const std::uint64_t got, copy(at->second.key, at->second.version, *file, end,
                                                  piece->to - piece->from, nullptr));
        if (got != piece->to - piece->from) {
            done_.missing.push_back(at->second.key + " is shorter than its name says");
            break;
        }
        end = piece->to;
    }
    NARROWS_TRY(file->datasync());
    if (end == 0) {
        return fs_.remove(journal() + "/" + segment);
    }
    ++done_.segments;
    done_.bytes += end;
    return fs_.sync_directory(journal());
}

Result<void> Restore::bring_folder(std::string_view prefix, const std::string& folder,
                                   std::uint64_t bytes_max, std::uint64_t& count) {
    NARROWS_TRY(const std::vector<Listed> listed, list_all(store_, std::string(prefix), kListMost));
    if (!listed.empty()) {
        NARROWS_TRY(io::make_durable_directory(fs_, folder));
    }
    for (const Listed& each : listed) {
        const std::string name = each.key.substr(prefix.size());
        if (name.empty() || name.front() == '.' || name.find('/') != name.npos) {
            continue;
        }
        tell(name);
        std::string path = folder;
        path.append("/").append(name);
        NARROWS_TRY(const auto file, fs_.open(path, io::Mode::create_over));
        const auto got = copy(each.key, each.version, *file, 0, bytes_max, nullptr);
        NARROWS_TRY(got);
        NARROWS_TRY(file->datasync());
        ++count;
    }
    return listed.empty() ? ok() : fs_.sync_directory(folder);
}

}  // namespace

Result<Restored> restore(Store& store, io::FileSystem& fs, const std::string& to,
                         const std::function<void(const std::string&)>& progress) {
    return Restore(store, fs, to, progress).run();
}

}  // namespace narrows::archive
