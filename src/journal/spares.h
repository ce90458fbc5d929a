#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/result.h"
#include "io/file.h"
#include "journal/format.h"

namespace narrows::journal {

/// Empty segment files made ready ahead of need, so that no commit waits for zeroing and a full
/// disk shows when space is reserved, not when a record must be written. Thread-safe.
class Spares {
  public:
    struct Spare {
        std::unique_ptr<io::File> file;
        std::string path;
    };

    Spares(io::FileSystem& fs, std::string directory, std::uint64_t segment_bytes,
           std::uint64_t target, std::int64_t retry_ns);
    /// Joins the thread and removes the spares that were not used.
    ~Spares();

    /// Makes one spare more of the lane, here and now.
    Result<void> prepare(Lane lane);
    /// On return a spare of the lane is ready, or why there can be none is in `trouble`.
    void ensure(Lane lane);
    /// From now on a thread keeps `target` spares of each lane.
    void start();
    /// A spare; if none is ready, the one that is being made, or one made on the spot.
    Result<Spare> take(Lane lane);
    std::uint64_t count(Lane lane) const { return counts_[static_cast<std::size_t>(lane)]; }
    /// Why the last reservation failed, until one succeeds.
    std::optional<Error> trouble() const;
    bool in_trouble() const { return in_trouble_; }

  private:
    Result<Spare> make(Lane lane);
    Result<void> fill(Spare& spare, Lane lane);
    Result<void> make_ready(std::unique_lock<std::mutex>& lock, Lane lane);
    void wait_for_maker(std::unique_lock<std::mutex>& lock, Lane lane);
    void run();
    bool lacking(Lane lane) const;
    void note(const Result<void>& outcome);

    io::FileSystem& fs_;
    const std::string directory_;
    const std::uint64_t segment_bytes_;
    const std::uint64_t target_;
    const std::int64_t retry_ns_;

    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::condition_variable made_;
    std::array<std::deque<Spare>, 2> ready_;
    std::array<bool, 2>
        making_{};  ///< somebody is at it: a second attempt could not tell the truth
    std::optional<Error> trouble_;
    bool stop_ = false;
    std::array<std::atomic<std::uint64_t>, 2> counts_{};
    std::atomic<std::uint64_t> number_ = 0;
    std::atomic<bool> in_trouble_ = false;
    std::thread thread_;
};

}  // namespace narrows::journal
