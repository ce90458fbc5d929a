#include "archive/archiver.h"

#include <algorithm>

#include <fmt/format.h>

#include "archive/layout.h"
#include "archive/log_entries.h"
#include "base/log.h"
#include "evidence/anchor.h"
#include "evidence/key_ring.h"
#include "evidence/verify.h"

namespace narrows::archive {
namespace {

constexpr std::size_t kFilesMax = 10'000'000;
constexpr std::string_view kUnfinishedWrite = ".tmp";

std::size_t index_of(journal::Lane lane) {
    return static_cast<std::size_t>(lane);
}

/// The segment that is being written is the last of its lane.
bool is_complete(const journal::Listing& listing, const evidence::Archived::Place& place) {
    const auto& numbers = listing.segments[index_of(place.first)];
    return !numbers.empty() && place.second < numbers.back();
}

}  // namespace

Archiver::Archiver(io::FileSystem& fs, const Clock& clock, Store& store, Options options, Tell tell)
    : fs_(fs),
      clock_(clock),
      store_(store),
      options_(std::move(options)),
      tell_(std::move(tell)),
      log_directory_(evidence::log_directory(options_.data_dir)),
      journal_directory_(evidence::journal_directory(options_.data_dir)) {}

std::string Archiver::path_of(const Place& place) const {
    return journal_directory_ + "/" + journal::segment_name(place.first, place.second);
}

Result<void> Archiver::round() {
    NARROWS_TRY(const Head head, read_head());
    // Listed after the head was signed: all that it speaks of stands in these files.
    NARROWS_TRY(const journal::Listing listing, journal::list_segments(fs_, journal_directory_));
    NARROWS_TRY(read_log(head));
    count_backlog(listing);
    NARROWS_TRY(learn_store(head));
    drop_shredded();
    NARROWS_TRY(put_segments(listing));
    NARROWS_TRY(put_live(listing));
    NARROWS_TRY(put_folder(options_.data_dir + "/keys", kKeys, Keeping::minimum, "", sent_keys_));
    for (const std::string_view suffix : {journal::kTornSuffix, journal::kQuarantineSuffix}) {
        NARROWS_TRY(put_folder(journal_directory_, kAside, Keeping::locked, suffix, sent_aside_));
    }
    NARROWS_TRY(put_log(head));
    NARROWS_TRY(drop_live());
    return remove_local();
}

Result<Archiver::Head> Archiver::read_head() {
    Head head;
    NARROWS_TRY(const Bytes bytes,
                io::read_all(fs_, log_directory_ + "/checkpoint", evidence::kNoteBytesMax));
    head.note = to_string(bytes);
    NARROWS_TRY(head.checkpoint, head_of_note(head.note));
    NARROWS_TRY(take_partial(head));
    return head;
}

/// The tiles that are not full, while they are there: the log goes on meanwhile.
Result<void> Archiver::take_partial(Head& head) {
    evidence::TileReader tiles(fs_, log_directory_);
    const std::uint64_t size = head.checkpoint.size;
    unsigned level = 0;
    for (std::uint64_t hashes = size; hashes != 0; hashes /= evidence::kTileWidth, ++level) {
        const std::uint64_t width = hashes % evidence::kTileWidth;
        const std::uint64_t index = hashes / evidence::kTileWidth;
        if (width != 0) {
            NARROWS_TRY(const auto tile, tiles.tile(level, index, width));
            head.partial.emplace_back(evidence::tile_path(level, index, width),
                                      evidence::encode_tile(tile));
        }
    }
    const std::uint64_t width = size % evidence::kTileWidth;
    if (width != 0) {
        NARROWS_TRY(const auto bundle, tiles.bundle(size / evidence::kTileWidth, width));
        head.partial.emplace_back(evidence::bundle_path(size / evidence::kTileWidth, width),
                                  evidence::encode_bundle(bundle));
    }
    return ok();
}

/// How far the store has this log; that it is this log.
Result<void> Archiver::learn_store(const Head& head) {
    if (learned_) {
        return ok();
    }
    const auto bytes = read_object(store_, std::string(kNewest), "", evidence::kNoteBytesMax);
    if (!bytes && bytes.error().code != ErrorCode::not_found) {
        return fail(bytes.error());
    }
    if (bytes) {
        const auto note = evidence::parse_note(as_text(bytes.value()));
        const auto known = head_of_note(as_text(bytes.value()));
        const auto contradicts = [&](std::string_view why) {
            return fail(ErrorCode::conflict,
                        fmt::format("{} holds the evidence of another log: {}. Give this gateway "
                                    "another place, or find out which of them was rolled back",
                                    store_.name(), why));
        };
        if (!known || !evidence::verify_note(note.value(), {options_.log})) {
            return contradicts("its newest checkpoint is not signed by this log's key");
        }
        const std::uint64_t size = known.value().size;
        if (size > head.checkpoint.size) {
            return contradicts(fmt::format("it knows {} entries, the log here has {}", size,
                                           head.checkpoint.size));
        }
        const evidence::LogView log(fs_, log_directory_);
        NARROWS_TRY(const evidence::Hash root, log.root_at(size, head.checkpoint.size));
        if (root != known.value().root) {
            return contradicts("the logs differ in what they share");
        }
        log_done_ = size;
    }
    NARROWS_TRY(learn_sent(kKeys, sent_keys_));
    NARROWS_TRY(learn_sent(kAside, sent_aside_));
    NARROWS_TRY(const std::vector<Listed> pieces, list_all(store_, std::string(kLive), kFilesMax));
    for (const Listed& each : pieces) {
        const auto name = live_segment(each.key);
        if (name && archived_.contains({name->lane, name->number})) {
            store_.drop(each.key);
        }
    }
    learned_ = true;
    return ok();
}

Result<void> Archiver::learn_sent(std::string_view prefix, std::set<std::string>& sent) {
    NARROWS_TRY(const std::vector<Listed> listed, list_all(store_, std::string(prefix), kFilesMax));
    for (const Listed& each : listed) {
        sent.insert(each.key.substr(prefix.size()));
    }
    return ok();
}

Result<void> Archiver::read_log(const Head& head) {
    NARROWS_TRY(read_entries(fs_, log_directory_, scanned_, head.checkpoint.size,
                             [this](evidence::Entry entry) { take_entry(std::move(entry)); }));
    scanned_ = head.checkpoint.size;
    return ok();
}

void Archiver::take_entry(evidence::Entry entry) {
    evidence::EntryBody& body = entry.body;
    if (const auto* close = std::get_if<evidence::CloseEntry>(&body)) {
        closed_.add(close->head.part.value());
    }
    if (const auto* shred = std::get_if<evidence::ShredEntry>(&body)) {
        std::string name = evidence::envelope_name(shred->part, shred->key);
        if (!name.empty()) {
            shredded_.push_back(std::move(name));
        }
    }
    auto* segment = std::get_if<evidence::SegmentEntry>(&body);
    const auto name = segment == nullptr ? Result<journal::SegmentName>(fail({}))
                                         : journal::parse_segment_name(segment->name);
    if (name) {
        const Place place{name.value().lane, name.value().number};
        segment->parts.clear();
        archived_.insert_or_assign(place, std::move(*segment));
        if (told_.erase(place) > 0) {
            superseded_.push_back(name.value());
        }
    }
}

void Archiver::count_backlog(const journal::Listing& listing) {
    Backlog counted;
    for (const journal::Lane lane : journal::kLanes) {
        for (const std::uint64_t number : listing.segments[index_of(lane)]) {
            const Place place{lane, number};
            if (!is_complete(listing, place) || archived_.contains(place)) {
                continue;
            }
            const auto scanner =
                journal::SegmentScanner::open(fs_, journal_directory_, {lane, number});
            const auto file = fs_.open(path_of(place), io::Mode::read);
            const auto size = file ? file.value()->size() : Result<std::uint64_t>(0);
            const WallNs created = scanner ? scanner.value()->header().created : clock_.wall();
            ++counted.segments;
            counted.bytes += size ? size.value() : 0;
            counted.oldest = counted.oldest == 0 ? created : std::min(counted.oldest, created);
        }
    }
    const std::lock_guard lock(mutex_);
    counted.removed = backlog_.removed;
    counted.log_size = log_done_;
    backlog_ = counted;
}

Result<const SegmentFacts*> Archiver::facts_of(const Place& place) {
    auto at = facts_.find(place);
    if (at == facts_.end()) {
        Result<SegmentFacts> facts =
            read_segment(fs_, journal_directory_, {place.first, place.second});
        if (!facts) {
            return fail(facts.error());
        }
        at = facts_.emplace(place, std::move(facts).value()).first;
    }
    return &at->second;
}

Result<void> Archiver::put_segments(const journal::Listing& listing) {
    for (const journal::Lane lane : journal::kLanes) {
        for (const std::uint64_t number : listing.segments[index_of(lane)]) {
            const Place place{lane, number};
            if (!is_complete(listing, place) || archived_.contains(place) ||
                told_.contains(place)) {
                continue;
            }
            Result<void> put = put_segment({lane, number});
            if (put.has_value()) {
                continue;
            }
            if (put.error().code != ErrorCode::corrupt) {
                return put;
            }
            const std::lock_guard lock(mutex_);
            damage_[place] = put.error().what;
        }
    }
    return ok();
}

Result<void> Archiver::put_segment(const journal::SegmentName& name) {
    const Place place{name.lane, name.number};
    NARROWS_TRY(const SegmentFacts* facts, facts_of(place));
    NARROWS_TRY(const FileContent content, FileContent::open(fs_, path_of(place), 0, facts->bytes));
    NARROWS_TRY(const crypto::Digest sha256, hash_of(content));
    NARROWS_TRY(const Object object,
                store_.put(segment_key(name, facts->created), content, sha256, Keeping::locked));
    evidence::SegmentEntry whole{journal::segment_name(name.lane, name.number),
                                 sha256,
                                 facts->bytes,
                                 store_.name(),
                                 object.key,
                                 object.version,
                                 {}};
    // Should this machine be lost before the log says it, a restore finds the segment by this.
    NARROWS_TRY(const Bytes claim, evidence::encode_entry({facts->created, whole}));
    NARROWS_TRY(put_bytes(store_, whole_key(name), claim, Keeping::plain));
    whole.parts = facts->parts;
    told_.insert(place);
    for (evidence::SegmentEntry& entry : evidence::split_segment(std::move(whole))) {
        tell_(std::move(entry));
    }
    return ok();
}

/// What the segments being written hold by now, so that the loss of this machine takes no more
/// than what came since.
Result<void> Archiver::put_live(const journal::Listing& listing) {
    for (const journal::Lane lane : journal::kLanes) {
        const auto& numbers = listing.segments[index_of(lane)];
        if (numbers.empty()) {
            continue;
        }
        const journal::SegmentName name{lane, numbers.back()};
        Live& live = live_[index_of(lane)];
        if (live.number != name.number) {
            live = {name.number, 0, {}};
        }
        const auto read = read_segment(fs_, journal_directory_, name);
        if (!read) {
            return fail(ErrorCode::unavailable, read.error().what);  // its writer is at work
        }
        const SegmentFacts& facts = read.value();
        live.parts = facts.parts;
        if (facts.bytes <= live.done) {
            continue;
        }
        NARROWS_TRY(const FileContent content,
                    FileContent::open(fs_, path_of({lane, name.number}), live.done,
                                      facts.bytes - live.done));
        NARROWS_TRY(const crypto::Digest sha256, hash_of(content));
        NARROWS_TRY(
            store_.put(live_key({name, live.done, facts.bytes}), content, sha256, Keeping::plain));
        live.done = facts.bytes;
    }
    return ok();
}

Result<void> Archiver::put_folder(const std::string& folder, std::string_view prefix,
                                  Keeping keeping, std::string_view suffix,
                                  std::set<std::string>& sent) {
    const auto names = fs_.list(folder);
    if (!names && names.error().code == ErrorCode::not_found) {
        return ok();
    }
    NARROWS_TRY(names);
    for (const std::string& name : names.value()) {
        if (!name.ends_with(suffix) || name.ends_with(kUnfinishedWrite) || sent.contains(name)) {
            continue;
        }
        std::string path = folder;
        path.append("/").append(name);
        NARROWS_TRY(const auto file, fs_.open(path, io::Mode::read));
        NARROWS_TRY(const std::uint64_t size, file->size());
        NARROWS_TRY(const FileContent content, FileContent::open(fs_, path, 0, size));
        NARROWS_TRY(const crypto::Digest sha256, hash_of(content));
        NARROWS_TRY(store_.put(std::string(prefix) + name, content, sha256, keeping));
        sent.insert(name);
    }
    return ok();
}

/// Not before the store is known to be this log's. Nor is what is shredded put again.
void Archiver::drop_shredded() {
    for (const std::string& name : shredded_) {
        store_.drop(std::string(kKeys) + name);
        sent_keys_.insert(name);
    }
    shredded_.clear();
}

Result<void> Archiver::put_log(const Head& head) {
    const std::uint64_t size = head.checkpoint.size;
    if (size <= log_done_) {
        return ok();
    }
    unsigned level = 0;
    for (std::uint64_t full = size / evidence::kTileWidth; full != 0;
         full /= evidence::kTileWidth, ++level) {
        NARROWS_TRY(put_tiles(level, size));
    }
    for (const auto& [path, bytes] : head.partial) {
        NARROWS_TRY(put_bytes(store_, std::string(kLog) + path, bytes, Keeping::locked));
    }
    NARROWS_TRY(put_bytes(store_, checkpoint_key(size), as_bytes(head.note), Keeping::locked));
    NARROWS_TRY(store_.replace(std::string(kNewest), as_bytes(head.note)));
    log_done_ = size;
    const std::lock_guard lock(mutex_);
    backlog_.log_size = size;
    return ok();
}

/// The full tiles of one level, and at the lowest the entries with them, that the store lacks.
Result<void> Archiver::put_tiles(unsigned level, std::uint64_t size) {
    std::uint64_t leaves = evidence::kTileWidth;
    for (unsigned i = 0; i < level; ++i) {
        leaves *= evidence::kTileWidth;
    }
    evidence::TileReader tiles(fs_, log_directory_);
    for (std::uint64_t index = log_done_ / leaves; index < size / leaves; ++index) {
        NARROWS_TRY(const auto tile, tiles.tile(level, index, evidence::kTileWidth));
        NARROWS_TRY(put_bytes(store_, std::string(kLog) + evidence::tile_path(level, index),
                              evidence::encode_tile(tile), Keeping::locked));
        if (level == 0) {
            NARROWS_TRY(const auto bundle, tiles.bundle(index, evidence::kTileWidth));
            NARROWS_TRY(put_bytes(store_, std::string(kLog) + evidence::bundle_path(index),
                                  evidence::encode_bundle(bundle), Keeping::locked));
        }
    }
    return ok();
}

/// Pieces of segments that the store has whole by now.
Result<void> Archiver::drop_live() {
    while (!superseded_.empty()) {
        NARROWS_TRY(const std::vector<Listed> pieces,
                    list_all(store_, live_prefix(superseded_.back()), kFilesMax));
        for (const Listed& piece : pieces) {
            store_.drop(piece.key);
        }
        superseded_.pop_back();
    }
    return ok();
}

Result<void> Archiver::remove_local() {
    {
        const std::lock_guard lock(mutex_);
        held_back_by_.clear();
    }
    for (bool more = true; more;) {
        NARROWS_TRY(const journal::Listing listing,
                    journal::list_segments(fs_, journal_directory_));
        NARROWS_TRY(more, remove_next(listing));
    }
    return ok();
}

/// Bytes of the archived segments that are here.
Result<std::uint64_t> Archiver::bytes_kept(const journal::Listing& listing) {
    std::uint64_t kept = 0;
    for (const journal::Lane lane : journal::kLanes) {
        for (const std::uint64_t number : listing.segments[index_of(lane)]) {
            const Place place{lane, number};
            if (is_complete(listing, place) && archived_.contains(place)) {
                NARROWS_TRY(const SegmentFacts* facts, facts_of(place));
                kept += facts->bytes;
            }
        }
    }
    return kept;
}

/// Removes the oldest archived segment, if it may go; of each lane the lowest only, so that its
/// numbers stay dense.
Result<bool> Archiver::remove_next(const journal::Listing& listing) {
    NARROWS_TRY(const std::uint64_t kept, bytes_kept(listing));
    if (kept <= options_.keep_local_bytes) {
        return false;
    }
    std::vector<std::pair<WallNs, Place>> oldest;
    for (const journal::Lane lane : journal::kLanes) {
        const auto& numbers = listing.segments[index_of(lane)];
        const Place place{lane, numbers.empty() ? 0 : numbers.front()};
        if (is_complete(listing, place) && archived_.contains(place)) {
            NARROWS_TRY(const SegmentFacts* facts, facts_of(place));
            oldest.emplace_back(facts->newest, place);
        }
    }
    std::sort(oldest.begin(), oldest.end());
    for (const auto& [time, place] : oldest) {
        if (clock_.wall() - time < options_.keep_local_ns) {
            return false;
        }
        NARROWS_TRY(const bool goes, may_go(listing, place));
        if (goes) {
            NARROWS_TRY(remove(place));
            return true;
        }
    }
    return false;
}

Result<bool> Archiver::may_go(const journal::Listing& listing, const Place& place) {
    NARROWS_TRY(const SegmentFacts* facts, facts_of(place));
    NARROWS_TRY(const bool ended, parts_have_ended(*facts));
    if (!ended) {
        return false;
    }
    return number_stays(listing, place);
}

/// A part that goes on after a restart is rebuilt from its first record on.
Result<bool> Archiver::parts_have_ended(const SegmentFacts& facts) {
    bool ended = true;
    for (const evidence::SegmentPart& part : facts.parts) {
        if (!closed_.contains(part.part.value())) {
            ended = false;
            const std::lock_guard lock(mutex_);
            held_back_by_.insert(part.part.value());
        }
    }
    return ended;
}

/// Part numbers are given anew above the highest that a restart finds: one as high must stay.
Result<bool> Archiver::number_stays(const journal::Listing& listing, const Place& place) {
    NARROWS_TRY(const SegmentFacts* going, facts_of(place));
    const std::uint64_t highest = going->part_max;
    for (const std::uint64_t number : listing.segments[index_of(journal::Lane::control)]) {
        const Place other{journal::Lane::control, number};
        const bool later = place.first == journal::Lane::bulk || number > place.second;
        if (!later || !is_complete(listing, other)) {
            continue;
        }
        NARROWS_TRY(const SegmentFacts* facts, facts_of(other));
        if (facts->part_max >= highest) {
            return true;
        }
    }
    return highest == 0 || live_keeps(highest);
}

/// Of the segment being written only a part that has ended by the signed log counts: its CLOSE is
/// durable, and stands there or later.
bool Archiver::live_keeps(std::uint64_t number) const {
    const auto& parts = live_[index_of(journal::Lane::control)].parts;
    return std::any_of(parts.begin(), parts.end(), [&](const evidence::SegmentPart& part) {
        return part.part.value() >= number && closed_.contains(part.part.value());
    });
}

Result<void> Archiver::remove(const Place& place) {
    const evidence::SegmentEntry& entry = archived_.at(place);
    const std::string path = path_of(place);
    NARROWS_TRY(const FileContent content, FileContent::open(fs_, path, 0, entry.bytes));
    NARROWS_TRY(const crypto::Digest sha256, hash_of(content));
    if (sha256 != entry.sha256) {
        return fail(ErrorCode::corrupt,
                    path +
                        " is not what was archived: it was changed since. Keep it, and run "
                        "narrows recording verify");
    }
    NARROWS_TRY(store_.confirm({entry.object, entry.version, entry.bytes, entry.sha256}, content));
    NARROWS_TRY(fs_.remove(path));
    NARROWS_TRY(fs_.sync_directory(journal_directory_));
    log::info("archive: {} is in {}; the copy here is removed", entry.name, entry.store);
    facts_.erase(place);
    const std::lock_guard lock(mutex_);
    ++backlog_.removed;
    return ok();
}

Backlog Archiver::backlog() const {
    const std::lock_guard lock(mutex_);
    return backlog_;
}

std::set<std::uint64_t> Archiver::held_back_by() const {
    const std::lock_guard lock(mutex_);
    return held_back_by_;
}

std::string Archiver::damage() const {
    const std::lock_guard lock(mutex_);
    return damage_.empty() ? std::string() : damage_.begin()->second;
}

}  // namespace narrows::archive
