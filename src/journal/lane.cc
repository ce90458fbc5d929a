#include "journal/lane.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "base/log.h"

namespace narrows::journal {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::size_t kFrameMax = kFrameHeaderSize + kPayloadMax + kSealMax;
/// At most this much stays unused at a segment's end, because no frame is split.
constexpr std::uint64_t kSegmentWaste = round_up(kBatchHeaderSize + kFrameMax, kBlock);
constexpr std::uint64_t kTailMax = 4ull << 20;
constexpr std::size_t kUnawaitedMax = 64;  // frames that lie queued without waking the committer

std::uint64_t usable(std::uint64_t bytes) {
    return bytes > kSegmentWaste ? bytes - kSegmentWaste : 0;
}

/// What is kept at the end of the last segment for closing records.
std::uint64_t tail_of(std::uint64_t segment) {
    return std::min(segment / 8, kTailMax);
}

}  // namespace

LaneWriter::LaneWriter(Common& common, Lane lane)
    : common_(common), lane_(lane), self_(static_cast<std::size_t>(lane)), buffer_(kBatchMax) {}

LaneWriter::~LaneWriter() {
    ask_to_stop();
    join();
}

Result<void> LaneWriter::start(const LaneScanner::Tail& tail) {
    committed_ = {.number = tail.number, .batches = tail.batches, .chain = tail.chain};
    NARROWS_TRY(activate());
    thread_ = std::thread([this] { run(); });
    return ok();
}

void LaneWriter::ask_to_stop() {
    const std::lock_guard guard(mutex_);
    stop_ = true;
    wake_.notify_all();
}

void LaneWriter::join() {
    if (thread_.joinable()) {
        thread_.join();
    }
}

/// Until a reservation fails, a roll makes its own segment if none is ready; from then on the
/// prepared room is all there is, and its tail is for closing records.
std::uint64_t LaneWriter::left(Use use) const {
    if (use == Use::promised || !common_.spares.in_trouble()) {
        return UINT64_MAX;
    }
    const std::uint64_t segment = common_.options.segment_bytes;
    const std::uint64_t room =
        usable(room_) + common_.spares.count(lane_) * usable(segment - kSegmentHeaderSize);
    const std::uint64_t tail = use == Use::normal ? tail_of(segment) : 0;
    return room - std::min(room, queued_cost_ + tail);
}

/// Before a frame takes from a segment's tail it is known whether another segment follows: if none
/// does, `left` keeps the tail for closing records from then on.
void LaneWriter::look_ahead(std::size_t size) {
    const std::uint64_t taken = filled_ + kBatchHeaderSize + size;
    if (usable(remaining()) < taken + tail_of(common_.options.segment_bytes) &&
        common_.spares.count(lane_) == 0 && !common_.spares.in_trouble()) {
        common_.spares.ensure(lane_);
    }
}

Result<void> LaneWriter::check_room(std::uint64_t cost, Use use) const {
    if (cost <= left(use)) {
        return ok();
    }
    return fail(ErrorCode::exhausted,
                fmt::format("the journal in {} is full and no more space can be reserved; free "
                            "space on that disk",
                            common_.options.directory));
}

bool LaneWriter::has_room_for(std::uint64_t body_bytes) const {
    // Frames, batches and rounding add less than an eighth; the answer's records come on top.
    constexpr std::uint64_t kBeside = 256 * 1024;
    const std::lock_guard guard(mutex_);
    return check_room(body_bytes + body_bytes / 8 + kBeside, Use::normal).has_value();
}

Result<void> LaneWriter::reserve(std::size_t payload_size, Use use) {
    const std::size_t size = Entry::size_of(payload_size);
    const std::lock_guard lock(mutex_);
    if (stop_) {
        return fail(ErrorCode::unavailable, "the journal is closing");
    }
    // Bodies leave a quarter of the queue to the records of every other operation.
    const bool is_body = lane_ == Lane::bulk && use == Use::normal;
    if (use != Use::promised) {
        NARROWS_TRY(check_queue(size, is_body ? 3 : 4));
    }
    NARROWS_TRY(check_room(Entry::cost_of(payload_size), use));
    common_.queued_bytes += size;
    ++common_.queued_frames;
    queued_cost_ += Entry::cost_of(payload_size);
    return ok();
}

void LaneWriter::give_back(std::size_t payload_size) {
    const std::lock_guard lock(mutex_);
    common_.queued_bytes -= Entry::size_of(payload_size);
    --common_.queued_frames;
    queued_cost_ -= Entry::cost_of(payload_size);
}

Result<void> LaneWriter::check_queue(std::size_t size, std::uint64_t quarters) const {
    if (common_.queued_frames >= common_.options.queue_frames_max / 4 * quarters ||
        common_.queued_bytes + size > common_.options.queue_bytes_max / 4 * quarters) {
        return fail(ErrorCode::exhausted,
                    "the journal's queue is full: the disk is slower than what is to be recorded");
    }
    return ok();
}

void LaneWriter::push(Entry entry) {
    const bool awaited = entry.waiter != nullptr;
    std::unique_lock lock(mutex_);
    queue_.push_back(std::move(entry));
    const bool wakes = !urgent_ && (awaited || dozing_ || queue_.size() >= kUnawaitedMax);
    urgent_ |= wakes;
    lock.unlock();  // or whom it wakes would wait for it at once
    if (wakes) {
        wake_.notify_one();
    }
}

Result<void> LaneWriter::push_barrier(Waiter& waiter) {
    {
        const std::lock_guard lock(mutex_);
        if (stop_) {
            return fail(ErrorCode::unavailable, "the journal is closing");
        }
        NARROWS_TRY(check_queue(0, 4));
        ++common_.queued_frames;
    }
    push({.await = Await::durable, .waiter = &waiter, .barrier = true});
    return ok();
}

Steady::time_point LaneWriter::wake_at() const {
    if (!segment_) {
        return retry_at_;
    }
    if (!unsynced_.empty()) {
        return dirty_since_ + std::chrono::nanoseconds(common_.options.bulk_sync_ns);
    }
    const auto idle = std::chrono::hours(1);
    const auto soon = std::chrono::nanoseconds(common_.options.bulk_sync_ns);
    return Steady::now() + (dozing_ ? idle : soon);
}

/// False when the lane is to end and nothing is left to write.
bool LaneWriter::wait_for_work() {
    std::unique_lock lock(mutex_);
    if (!again_ && !stop_) {
        dozing_ = segment_ && unsynced_.empty() && queue_.empty();
        wake_.wait_until(lock, wake_at(), [this] { return stop_ || (segment_ && urgent_); });
        dozing_ = false;
    }
    again_ = false;
    urgent_ = false;
    pending_.insert(pending_.begin(), std::move_iterator(rescued_.begin()),
                    std::move_iterator(rescued_.end()));
    rescued_.clear();
    if (pending_.empty()) {
        pending_.swap(queue_);
    } else {
        std::move(queue_.begin(), queue_.end(), std::back_inserter(pending_));
        queue_.clear();
    }
    return !(stop_ && pending_.empty() && unsynced_.empty());
}

bool LaneWriter::stopping() const {
    const std::lock_guard guard(mutex_);
    return stop_;
}

void LaneWriter::run() {
    while (wait_for_work()) {
        if (segment_ || heal()) {
            write_ready();
            if (segment_ && sync_is_due()) {
                sync_or_fail();
            }
        }
        if (common_.refuses()) {
            tell_refused();
        }
        if (!segment_ && !again_ && stopping()) {
            give_up();
        }
    }
    if (segment_) {
        (void)segment_->truncate(offset_);  // gives unused space back; readers do not need it
    }
}

/// The process ends while the disk does not take what is left.
void LaneWriter::give_up() {
    if (!pending_.empty()) {
        log::error("journal: {} {} frames could not be written before the end", pending_.size(),
                   name_of(lane_));
    }
    for (Entry& entry : pending_) {
        tell(entry, fail(ErrorCode::unavailable, "the journal closed before it could write"));
    }
    retire(pending_);
    if (segment_) {
        sync_or_fail();
        retire(rescued_);
    }
}

void LaneWriter::tell(Entry& entry, const Result<void>& outcome) {
    if (Waiter* waiter = std::exchange(entry.waiter, nullptr)) {
        if (outcome.has_value() && entry.mac) {
            waiter->attested(*entry.mac);
        }
        waiter->done(outcome);
    }
}

/// Gives the segment up for good: nothing more is written to it or believed of it. Its frames that
/// are not durable go to the front of what is to be written next.
void LaneWriter::fault(const Error& error) {
    log::error("journal: segment {} of the {} lane is given up: {}", number_, name_of(lane_),
               error.what);
    segment_.reset();
    room_ = 0;
    fault_ = error;
    faulty_number_ = number_;
    filled_ = 0;
    batch_frames_ = 0;
    leaves_.clear();
    for (Entry& entry : unsynced_) {
        tell(entry, fail(error));
    }
    std::erase_if(unsynced_, [this](const Entry& entry) {
        common_.queued_frames -= entry.barrier ? 1 : 0;
        return entry.barrier;
    });
    std::move(unsynced_.begin(), unsynced_.end(), std::back_inserter(rescued_));
    unsynced_.clear();
    unsynced_bytes_ = 0;
    durable_awaited_ = false;
    retry_at_ = {};
    again_ = true;
    if (std::exchange(unproven_, false)) {
        refuse(error);  // two in a row: another segment each time would fill the disk
    }
    const std::lock_guard guard(mutex_);
    ++counters_.faults;
}

void LaneWriter::refuse(const Error& error) {
    if (!common_.refusing[self_].exchange(true)) {
        log::error("journal: refusing to record: {}", error.what);
    }
    {
        const std::lock_guard guard(mutex_);
        refusal_ = error.what;
    }
    retry_at_ = Steady::now() + std::chrono::nanoseconds(common_.options.retry_ns);
}

/// Those who wait are told no; their frames have numbers and stay, to be written when that works.
void LaneWriter::tell_refused() {
    for (Entry& entry : pending_) {
        tell(entry, fail(ErrorCode::unavailable, "the journal refuses: its disk takes no writes"));
    }
}

void LaneWriter::retire(std::vector<Entry>& entries) {
    std::uint64_t bytes = 0;
    std::uint64_t cost = 0;
    for (const Entry& entry : entries) {
        bytes += entry.size();
        cost += entry.written ? 0 : entry.cost();
    }
    common_.queued_bytes -= bytes;
    common_.queued_frames -= entries.size();
    entries.clear();
    const std::lock_guard guard(mutex_);
    queued_cost_ -= cost;
}

std::string LaneWriter::refusal() const {
    const std::lock_guard guard(mutex_);
    return refusal_;
}

LaneCounters LaneWriter::counters() const {
    const std::lock_guard guard(mutex_);
    LaneCounters out = counters_;
    out.room_bytes =
        room_ + common_.spares.count(lane_) * (common_.options.segment_bytes - kSegmentHeaderSize);
    out.left_normal = left(Use::normal);
    out.left_closing = left(Use::closing);
    return out;
}

}  // namespace narrows::journal
