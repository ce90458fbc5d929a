#include "evidence/archive_check.h"

#include <algorithm>

#include <fmt/format.h>

#include "codec/text.h"

namespace narrows::evidence {
namespace {

constexpr std::size_t kPiece = 1 << 20;
constexpr const char* kMeansSwapped =
    "These are not the bytes that the archive confirmed and the log signed.";
constexpr const char* kMeansNotThere =
    "What was archived, and removed here on the strength of that, is not in the archive.";

/// SHA-256 of a file's first `bytes` bytes; nothing if it is shorter.
Result<std::optional<Hash>> hash_of(io::FileSystem& fs, const std::string& path,
                                    std::uint64_t bytes) {
    NARROWS_TRY(const auto file, fs.open(path, io::Mode::read));
    crypto::Hasher hasher;
    Bytes piece(kPiece);
    for (std::uint64_t at = 0; at < bytes;) {
        const std::size_t want = std::min<std::uint64_t>(piece.size(), bytes - at);
        NARROWS_TRY(const std::size_t got, file->pread(std::span(piece).first(want), at));
        if (got == 0) {
            return std::optional<Hash>();
        }
        hasher.update(ByteView(piece).first(got));
        at += got;
    }
    return std::optional(hasher.finish256());
}

/// An object's key comes from the log, which may be anybody's: it stays below the archive.
bool is_inside(const std::string& object) {
    const auto names = codec::split(object, '/');
    return std::none_of(names.begin(), names.end(), [](std::string_view name) {
        return name.empty() || name == "." || name == "..";
    });
}

}  // namespace

void ArchiveCheck::find(FindingKind kind, std::string what, std::string means, std::string file) {
    report_.findings.add({kind, std::move(what), std::move(means), {std::move(file), 0, {}, {}}});
}

void ArchiveCheck::run() {
    const auto listing = journal::list_segments(fs_, journal_directory(options_.data_dir));
    if (!listing) {
        return;  // reported when the journal is read
    }
    for (const journal::Lane lane : journal::kLanes) {
        check_lane(lane, listing.value());
    }
    note_absent();
}

void ArchiveCheck::check_lane(journal::Lane lane, const journal::Listing& listing) {
    const auto index = static_cast<std::size_t>(lane);
    const std::vector<std::uint64_t>& here = listing.segments[index];
    const std::uint64_t lowest = here.empty() ? 0 : here.front();
    std::uint64_t known = 0;
    for (const std::uint64_t number : listing.quarantined[index]) {
        const bool told = archived_.find(lane, number) != nullptr;
        known += number < lowest && !told ? 1 : 0;
    }
    for (const auto& [place, segment] : archived_.segments()) {
        if (place.first != lane) {
            continue;
        }
        known += place.second < lowest && place.second > 0 ? 1 : 0;
        if (std::binary_search(here.begin(), here.end(), place.second)) {
            check_here(segment.entry);
        } else if (!options_.archive.empty()) {
            check_there(segment);
        } else if (place.second < lowest) {
            Archived::add_absent(segment, absent_);
            ++absent_segments_;
            absent_store_ = segment.entry.store;
        }
    }
    if (log_readable_ && lowest > 0) {
        demand(lane, lowest, known);
    }
}

/// Of every segment below the lowest that is here the log must say where it is.
void ArchiveCheck::demand(journal::Lane lane, std::uint64_t lowest, std::uint64_t known) {
    if (known == lowest - 1) {
        return;
    }
    std::uint64_t first = 1;
    while (first < lowest && archived_.find(lane, first) != nullptr) {
        ++first;
    }
    find(FindingKind::truncation,
         fmt::format("{} is not there, and the log does not say that it was archived",
                     journal::segment_name(lane, first)),
         "The oldest files of the journal were removed.",
         "journal/" + journal::segment_name(lane, first));
}

bool ArchiveCheck::compare(const SegmentEntry& entry, const std::string& path,
                           const std::string& shown) {
    const auto hash = hash_of(fs_, path, entry.bytes);
    if (!hash && hash.error().code != ErrorCode::not_found) {
        find(FindingKind::unreadable, hash.error().what, "Whether it is right cannot be told.",
             shown);
        return false;
    }
    if (!hash) {
        find(FindingKind::truncation,
             fmt::format("the archive has no object {}, which holds {}", entry.object, entry.name),
             kMeansNotThere, shown);
    } else if (hash.value() != entry.sha256) {
        find(FindingKind::tampering,
             fmt::format("{} does not have the {} bytes and the SHA-256 that the log states", shown,
                         entry.bytes),
             kMeansSwapped, shown);
    }
    return true;
}

void ArchiveCheck::check_here(const SegmentEntry& entry) {
    const std::string file = "journal/" + entry.name;
    compare(entry, options_.data_dir + "/" + file, file);
}

void ArchiveCheck::check_there(const Archived::Segment& segment) {
    const SegmentEntry& entry = segment.entry;
    if (!is_inside(entry.object)) {
        find(FindingKind::disorder,
             fmt::format("the log says that {} is archived under a key that no gateway uses",
                         entry.name),
             "It was not looked for.", "log/tile/entries");
        return;
    }
    const std::string path = options_.archive + "/" + entry.object;
    if (!compare(entry, path, "archive/" + entry.object)) {
        Archived::add_absent(segment, absent_);  // nothing is known to be wrong with it
        return;
    }
    const auto exists = fs_.exists(path);
    if (exists && exists.value()) {
        view_.add(journal_directory(options_.data_dir), entry.name, path);
    }
}

void ArchiveCheck::note_absent() {
    if (absent_segments_ > 0) {
        find(FindingKind::note,
             fmt::format("{} segments were archived to {}, and were not looked at",
                         absent_segments_, absent_store_),
             "The log says what they are, not whether they are still there: restore them, or give "
             "--archive with a copy.",
             "journal");
    }
}

}  // namespace narrows::evidence
