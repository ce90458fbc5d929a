#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "io/file.h"
#include "journal/format.h"
#include "journal/journal.h"
#include "journal/scan.h"
#include "journal/spares.h"

namespace narrows::journal {

Nonce random_nonce();

/// The writer's side of a part.
class PartState : public Part {
  public:
    model::PartNo no() const override { return model::PartNo(number.load()); }
    model::Sequence next() const override {
        const std::lock_guard guard(mutex);
        return model::Sequence(next_sequence);
    }
    bool seals(KeyClass key) const override {
        const std::lock_guard guard(mutex);
        return sealer && sealer->seals(key);
    }

    mutable std::mutex mutex;
    std::atomic<std::uint64_t> number = 0;
    PartInfo info;  ///< does not change
    // Under the mutex.
    std::uint64_t next_sequence = 0;
    crypto::Digest last_leaf{};
    std::shared_ptr<Sealer> sealer;
};

/// A frame on its way to the disk. Its payload stays in memory until it is durable, so that it can
/// be written again elsewhere when a disk fails. A barrier is no frame: it waits for the sync that
/// makes all frames before it durable.
struct Entry {
    std::array<std::uint8_t, kFrameHeaderSize> header{};
    crypto::Digest leaf{};
    Bytes payload;
    Await await = Await::none;
    Waiter* waiter = nullptr;           ///< null once told
    std::optional<crypto::Digest> mac;  ///< for the waiter, once durable
    bool barrier = false;
    bool written = false;

    static std::size_t size_of(std::size_t payload) { return kFrameHeaderSize + payload; }
    static std::uint64_t cost_of(std::size_t payload) {
        return round_up(kBatchHeaderSize + size_of(payload), kBlock);
    }
    std::size_t size() const { return barrier ? 0 : size_of(payload.size()); }
    /// Disk bytes if it gets a batch of its own.
    std::uint64_t cost() const { return barrier ? 0 : cost_of(payload.size()); }
};

/// What both lanes share.
struct Common {
    io::FileSystem& fs;
    const Clock& clock;
    const Options& options;
    Spares& spares;
    Nonce boot;
    std::atomic<std::uint64_t> queued_bytes = 0;
    std::atomic<std::uint64_t> queued_frames = 0;
    std::array<std::atomic<bool>, 2> refusing{};

    bool refuses() const { return refusing[0] || refusing[1]; }
};

/// One lane: a queue and the thread that empties it. Self-clocked: while a sync runs, the queue
/// fills; the next write takes all of it. A frame that nobody awaits wakes nobody while the lane is
/// busy: it is written with the next one that is awaited, or at the next timed sync.
class LaneWriter {
  public:
    LaneWriter(Common& common, Lane lane);
    ~LaneWriter();

    /// Starts the first segment of this boot after `tail`, then the thread.
    Result<void> start(const LaneScanner::Tail& tail);
    /// Room for a frame with so large a payload; ErrorCode::exhausted, ErrorCode::unavailable. What
    /// was reserved is pushed, or given back.
    Result<void> reserve(std::size_t payload_size, Use use);
    void give_back(std::size_t payload_size);
    /// Queues what has its place reserved. Called under the part's lock.
    void push(Entry entry);
    /// Waits for all that is queued; ErrorCode::exhausted, ErrorCode::unavailable.
    Result<void> push_barrier(Waiter& waiter);
    /// Writes what is queued and ends the thread.
    void ask_to_stop();
    void join();

    bool has_room_for(std::uint64_t body_bytes) const;
    std::string refusal() const;
    LaneCounters counters() const;

  private:
    /// What is durable for certain: the next segment continues from here.
    struct Committed {
        std::uint64_t number = 0;
        std::uint64_t batches = 0;
        crypto::Digest chain{};
    };

    void run();
    bool wait_for_work();
    std::chrono::steady_clock::time_point wake_at() const;
    Result<void> check_room(std::uint64_t cost, Use use) const;
    std::uint64_t left(Use use) const;
    void look_ahead(std::size_t size);
    Result<void> check_queue(std::size_t size, std::uint64_t quarters) const;

    Result<void> activate();
    Result<void> name_segment(Spares::Spare& spare, ByteView header, std::uint64_t number);
    Result<void> roll();
    bool heal();
    Result<void> write_fault_batch();

    void write_ready();
    bool make_room(std::size_t size);
    void add(Entry entry);
    void add_frame(ByteView header, ByteView payload, const crypto::Digest& leaf);
    void flush();
    Result<void> write_batch();
    void batch_is_held();
    bool sync_is_due() const;
    Result<void> sync();
    void sync_or_fail();
    void fault(const Error& error);
    void refuse(const Error& error);
    void tell_refused();
    void give_up();
    bool stopping() const;
    static void tell(Entry& entry, const Result<void>& outcome);
    void retire(std::vector<Entry>& entries);
    std::uint64_t remaining() const;

    Common& common_;
    const Lane lane_;
    const std::size_t self_;

    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::vector<Entry> queue_;
    std::uint64_t queued_cost_ = 0;  ///< disk bytes the queue takes at worst
    bool urgent_ = false;            ///< somebody awaits what is queued
    bool dozing_ = false;            ///< the committer waits without a time limit
    bool stop_ = false;
    std::string refusal_;
    LaneCounters counters_;

    std::atomic<std::uint64_t> room_ = 0;  ///< left in the active segment

    // The committer's own.
    std::unique_ptr<io::File> segment_;  ///< null: there is none that can be trusted
    std::uint64_t number_ = 0;
    Nonce nonce_{};
    std::uint64_t offset_ = 0;
    std::uint64_t durable_ = 0;
    std::uint64_t batches_ = 0;
    crypto::Digest chain_{};
    Committed committed_;
    Error fault_;  ///< why the last segment was given up; empty: it was not
    std::uint64_t faulty_number_ = 0;
    bool unproven_ =
        false;  ///< begun after a fault, and nothing in it is durable but its declaration
    std::vector<Entry> pending_;
    std::vector<Entry> kept_;
    std::vector<Entry> rescued_;
    std::vector<Entry> unsynced_;
    std::uint64_t unsynced_bytes_ = 0;
    bool durable_awaited_ = false;
    std::chrono::steady_clock::time_point dirty_since_;
    std::chrono::steady_clock::time_point retry_at_;
    io::AlignedBuffer buffer_;
    std::size_t filled_ = 0;
    std::uint32_t batch_frames_ = 0;
    std::size_t batch_first_ = 0;  ///< index in unsynced_ of the batch's first entry
    Bytes leaves_;
    bool again_ = false;
    std::thread thread_;
};

}  // namespace narrows::journal
