#include "journal/spares.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "base/log.h"
#include "journal/scan.h"

namespace narrows::journal {
namespace {

constexpr std::size_t kZeroes = 1024 * 1024;

std::size_t index_of(Lane lane) {
    return static_cast<std::size_t>(lane);
}

}  // namespace

Spares::Spares(io::FileSystem& fs, std::string directory, std::uint64_t segment_bytes,
               std::uint64_t target, std::int64_t retry_ns)
    : fs_(fs),
      directory_(std::move(directory)),
      segment_bytes_(segment_bytes),
      target_(target),
      retry_ns_(retry_ns) {}

Spares::~Spares() {
    {
        const std::lock_guard guard(mutex_);
        stop_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) {
        thread_.join();
    }
    for (auto& lane : ready_) {
        for (Spare& spare : lane) {
            spare.file.reset();
            (void)fs_.remove(spare.path);  // a spare left over is removed when the journal opens
        }
    }
}

/// Control segments are written full of zeroes: later writes then change no file metadata, and a
/// sync is one device write. Bulk segments only reserve their blocks.
Result<void> Spares::fill(Spare& spare, Lane lane) {
    NARROWS_TRY(spare.file->allocate(segment_bytes_));
    if (lane == Lane::control) {
        io::AlignedBuffer zeroes(kZeroes);
        for (std::uint64_t at = 0; at < segment_bytes_; at += kZeroes) {
            const auto size = std::min<std::uint64_t>(kZeroes, segment_bytes_ - at);
            NARROWS_TRY(io::write_all(*spare.file, zeroes.first(size), at));
        }
    }
    return spare.file->datasync();
}

Result<Spares::Spare> Spares::make(Lane lane) {
    Spare spare;
    spare.path = fmt::format("{}/{}{}-{}", directory_, kSparePrefix, name_of(lane), ++number_);
    const auto cache = lane == Lane::control ? io::Cache::direct : io::Cache::buffered;
    NARROWS_TRY(spare.file, fs_.open(spare.path, io::Mode::create_over, cache));
    auto filled = fill(spare, lane);
    if (!filled) {
        spare.file.reset();
        (void)fs_.remove(spare.path);  // gives the space back; the error below is what counts
        return fail(std::move(filled).error());
    }
    return spare;
}

void Spares::note(const Result<void>& outcome) {
    if (!outcome && !trouble_) {
        log::error("journal: cannot reserve a segment: {}", outcome.error().what);
    } else if (outcome && trouble_) {
        log::info("journal: segments can be reserved again");
    }
    trouble_ = outcome ? std::nullopt : std::optional(outcome.error());
    in_trouble_ = trouble_.has_value();
}

/// Unlocks while it makes one.
Result<void> Spares::make_ready(std::unique_lock<std::mutex>& lock, Lane lane) {
    const std::size_t index = index_of(lane);
    making_[index] = true;
    lock.unlock();
    auto made = make(lane);
    lock.lock();
    making_[index] = false;
    Result<void> outcome = ok();
    if (made) {
        ready_[index].push_back(std::move(made).value());
        ++counts_[index];
    } else {
        outcome = fail(std::move(made).error());
    }
    note(outcome);
    made_.notify_all();
    wake_.notify_all();
    return outcome;
}

void Spares::wait_for_maker(std::unique_lock<std::mutex>& lock, Lane lane) {
    made_.wait(lock, [&] { return !making_[index_of(lane)]; });
}

Result<void> Spares::prepare(Lane lane) {
    std::unique_lock lock(mutex_);
    wait_for_maker(lock, lane);
    return make_ready(lock, lane);
}

void Spares::ensure(Lane lane) {
    std::unique_lock lock(mutex_);
    wait_for_maker(lock, lane);
    if (ready_[index_of(lane)].empty() && !trouble_) {
        (void)make_ready(lock, lane);  // its failure is noted as the trouble
    }
}

Result<Spares::Spare> Spares::take(Lane lane) {
    auto& ready = ready_[index_of(lane)];
    std::unique_lock lock(mutex_);
    if (ready.empty()) {
        wait_for_maker(lock, lane);
    }
    if (ready.empty()) {
        NARROWS_TRY(make_ready(lock, lane));
    }
    Spare spare = std::move(ready.front());
    ready.pop_front();
    --counts_[index_of(lane)];
    wake_.notify_all();
    return spare;
}

std::optional<Error> Spares::trouble() const {
    const std::lock_guard guard(mutex_);
    return trouble_;
}

bool Spares::lacking(Lane lane) const {
    const std::size_t index = index_of(lane);
    return !making_[index] && ready_[index].size() < target_;
}

void Spares::start() {
    thread_ = std::thread([this] { run(); });
}

void Spares::run() {
    std::unique_lock lock(mutex_);
    while (!stop_) {
        bool failed = false;
        for (const Lane lane : kLanes) {
            while (!stop_ && !failed && lacking(lane)) {
                failed = !make_ready(lock, lane);
            }
        }
        if (failed) {
            wake_.wait_for(lock, std::chrono::nanoseconds(retry_ns_), [this] { return stop_; });
        } else {
            wake_.wait(lock,
                       [this] { return stop_ || lacking(Lane::control) || lacking(Lane::bulk); });
        }
    }
}

}  // namespace narrows::journal
