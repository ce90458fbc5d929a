#include <algorithm>
#include <chrono>

#include "base/log.h"
#include "codec/cbor.h"
#include "journal/lane.h"

/// The committer's half of LaneWriter: segments, batches, syncs. Runs on its thread alone.
namespace narrows::journal {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::uint64_t kUnsyncedMax = 16ull << 20;  // bulk bytes kept for a second try

}  // namespace

Nonce random_nonce() {
    const Bytes bytes = crypto::random_bytes(Nonce{}.size());
    Nonce nonce;
    std::copy(bytes.begin(), bytes.end(), nonce.begin());
    return nonce;
}

std::uint64_t LaneWriter::remaining() const {
    const std::uint64_t segment = common_.options.segment_bytes;
    return offset_ < segment ? segment - offset_ : 0;
}

Result<void> LaneWriter::name_segment(Spares::Spare& spare, ByteView header, std::uint64_t number) {
    std::copy(header.begin(), header.end(), buffer_.data());
    NARROWS_TRY(io::write_all(*spare.file, buffer_.first(kSegmentHeaderSize), 0));
    NARROWS_TRY(spare.file->datasync());
    const std::string& directory = common_.options.directory;
    NARROWS_TRY(common_.fs.rename(spare.path, directory + "/" + segment_name(lane_, number)));
    return common_.fs.sync_directory(directory);
}

/// The name appears only over a durable header, and no batch is written before the name is
/// durable: recovery never meets a segment without a header.
Result<void> LaneWriter::activate() {
    const std::uint64_t segment = common_.options.segment_bytes;
    room_ = segment;
    SegmentHeader header{.lane = lane_,
                         .number = committed_.number + 1,
                         .nonce = random_nonce(),
                         .boot = common_.boot,
                         .created = common_.clock.wall(),
                         .prev_batches = committed_.batches,
                         .prev_chain = committed_.chain,
                         .origin = common_.options.origin};
    const Bytes bytes = encode(header);
    auto spare = common_.spares.take(lane_);
    if (!spare) {
        room_ = 0;
        return fail(std::move(spare).error());
    }
    auto named = name_segment(spare.value(), bytes, header.number);
    if (!named) {
        room_ = 0;
        (void)common_.fs.remove(spare.value().path);  // a leftover is removed at the next opening
        return fail(std::move(named).error());
    }
    segment_ = std::move(spare.value().file);
    number_ = header.number;
    nonce_ = header.nonce;
    offset_ = durable_ = kSegmentHeaderSize;
    batches_ = 0;
    chain_ = chain_of(bytes);
    room_ = remaining();
    if (fault_.what.empty()) {
        committed_ = {.number = number_, .batches = 0, .chain = chain_};
    }
    return ok();
}

Result<void> LaneWriter::roll() {
    if (!unsynced_.empty()) {
        NARROWS_TRY(sync());
    }
    (void)segment_->truncate(offset_);  // gives unused space back; readers do not need it
    segment_.reset();
    return activate();
}

Result<void> LaneWriter::write_fault_batch() {
    const codec::Map observed = {{"what", "VOLUME_FAULT"},
                                 {"lane", name_of(lane_)},
                                 {"segment", faulty_number_},
                                 {"batches", committed_.batches},
                                 {"why", fault_.what}};
    const Bytes payload = codec::cbor_encode(codec::Map{{"observed", observed}});
    FrameHeader header{.length = static_cast<std::uint32_t>(kFrameHeaderSize + payload.size()),
                       .kind = static_cast<std::uint8_t>(model::RecordKind::notice),
                       .part = 0,
                       .sequence = number_,
                       .time = common_.clock.wall(),
                       .payload_sha256 = crypto::sha256(payload)};
    std::array<std::uint8_t, kFrameHeaderSize> bytes{};
    encode(header, bytes.data());
    add_frame(bytes, payload, leaf_of(common_.options.origin, header));
    NARROWS_TRY(write_batch());
    return sync();
}

/// After a fault: a fresh segment that begins with a declaration of it, or a refusal.
bool LaneWriter::heal() {
    if (Steady::now() < retry_at_) {
        return false;
    }
    Result<void> outcome = activate();
    if (outcome && !fault_.what.empty()) {
        outcome = write_fault_batch();
    }
    if (!outcome) {
        segment_.reset();
        room_ = 0;
        refuse(outcome.error());
        return false;
    }
    const bool refused = common_.refusing[self_].exchange(false);
    unproven_ = !fault_.what.empty();
    fault_ = {};
    {
        const std::lock_guard guard(mutex_);
        refusal_.clear();
    }
    if (refused) {
        log::info("journal: the {} lane writes again, into segment {}", name_of(lane_), number_);
    }
    again_ = true;
    return true;
}

/// Room in the batch for a frame; ends the batch or the segment if need be. False: no segment.
bool LaneWriter::make_room(std::size_t size) {
    const auto fits = [&] {
        const std::size_t begun = filled_ == 0 ? kBatchHeaderSize : filled_;
        return begun + size <= std::min<std::uint64_t>(kBatchMax, remaining());
    };
    look_ahead(size);
    if (!fits()) {
        flush();
    }
    if (segment_ && !fits()) {
        auto rolled = roll();
        if (!rolled && segment_) {
            fault(rolled.error());
        } else if (!rolled) {
            refuse(rolled.error());
        }
    }
    return segment_ != nullptr;
}

void LaneWriter::add_frame(ByteView header, ByteView payload, const crypto::Digest& leaf) {
    if (filled_ == 0) {
        filled_ = kBatchHeaderSize;
        batch_first_ = unsynced_.size();
    }
    std::uint8_t* to = std::copy(header.begin(), header.end(), buffer_.data() + filled_);
    std::copy(payload.begin(), payload.end(), to);
    filled_ += header.size() + payload.size();
    narrows::append(leaves_, leaf);
    ++batch_frames_;
}

void LaneWriter::add(Entry entry) {
    if (!entry.barrier) {
        add_frame(entry.header, entry.payload, entry.leaf);
    }
    if (unsynced_.empty()) {
        dirty_since_ = Steady::now();
    }
    unsynced_bytes_ += entry.payload.size();
    durable_awaited_ |= entry.waiter != nullptr && entry.await == Await::durable;
    unsynced_.push_back(std::move(entry));
}

Result<void> LaneWriter::write_batch() {
    BatchHeader header{
        .nonce = nonce_,
        .number = batches_,
        .frames = batch_frames_,
        .length = static_cast<std::uint32_t>(filled_),
        .wall = common_.clock.wall(),
        .mono = common_.clock.mono(),
        .durable = durable_,
        .prev_chain = chain_,
        .frames_crc = crypto::crc32c(buffer_.first(filled_).subspan(kBatchHeaderSize))};
    encode_batch_header(header, leaves_, buffer_.data());
    const std::size_t size = size_on_disk(header);
    std::fill(buffer_.data() + filled_, buffer_.data() + size, std::uint8_t{0});
    filled_ = 0;
    batch_frames_ = 0;
    leaves_.clear();
    NARROWS_TRY(io::write_all(*segment_, buffer_.first(size), offset_));
    offset_ += size;
    room_ = remaining();
    ++batches_;
    chain_ = header.chain;
    const std::lock_guard guard(mutex_);
    ++counters_.batches;
    counters_.frames += header.frames;
    counters_.bytes_written += size;
    return ok();
}

void LaneWriter::batch_is_held() {
    std::uint64_t cost = 0;
    for (std::size_t i = batch_first_; i < unsynced_.size(); ++i) {
        Entry& entry = unsynced_[i];
        if (!entry.written) {
            entry.written = true;
            cost += entry.cost();
        }
        if (entry.await == Await::held) {
            tell(entry, ok());
        }
    }
    const std::lock_guard guard(mutex_);
    queued_cost_ -= cost;
}

void LaneWriter::flush() {
    if (batch_frames_ == 0) {
        return;
    }
    const auto written = write_batch();
    if (!written) {
        fault(written.error());
        return;
    }
    batch_is_held();
    if (unsynced_bytes_ >= kUnsyncedMax) {
        sync_or_fail();
    }
}

void LaneWriter::write_ready() {
    kept_.clear();
    for (Entry& entry : pending_) {
        if (segment_ && make_room(entry.size())) {
            add(std::move(entry));
        } else {
            kept_.push_back(std::move(entry));
        }
    }
    if (segment_) {
        flush();
    }
    pending_.clear();
    pending_.swap(rescued_);
    std::move(kept_.begin(), kept_.end(), std::back_inserter(pending_));
    kept_.clear();
}

bool LaneWriter::sync_is_due() const {
    if (unsynced_.empty()) {
        return false;
    }
    const auto age = Steady::now() - dirty_since_;
    return lane_ == Lane::control || durable_awaited_ ||
           age >= std::chrono::nanoseconds(common_.options.bulk_sync_ns) || stopping();
}

Result<void> LaneWriter::sync() {
    const Steady::time_point begin = Steady::now();
    NARROWS_TRY(segment_->datasync());
    const auto took = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(Steady::now() - begin).count());
    durable_ = offset_;
    committed_ = {.number = number_, .batches = batches_, .chain = chain_};
    unproven_ = unproven_ && unsynced_.empty();
    for (Entry& entry : unsynced_) {
        tell(entry, ok());
    }
    retire(unsynced_);
    unsynced_bytes_ = 0;
    durable_awaited_ = false;
    const auto bucket = std::lower_bound(kSyncBucketsUs.begin(), kSyncBucketsUs.end(), took);
    const std::lock_guard guard(mutex_);
    ++counters_.syncs;
    counters_.sync_us_sum += took;
    ++counters_.sync_us[static_cast<std::size_t>(bucket - kSyncBucketsUs.begin())];
    return ok();
}

void LaneWriter::sync_or_fail() {
    const auto synced = sync();
    if (!synced) {
        fault(synced.error());
    }
}

}  // namespace narrows::journal
