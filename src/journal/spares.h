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

    /// Makes one spare of the lane here and now.
    Result<void> prepare(Lane lane);
    /// From now on a thread keeps `target` spares of each lane.
    void start();
    /// A spare; made on the spot if none is ready.
    Result<Spare> take(Lane lane);
    std::uint64_t count(Lane lane) const { return counts_[static_cast<std::size_t>(lane)]; }
    /// Why the last reservation failed, until one succeeds.
    std::optional<Error> trouble() const;
    bool in_trouble() const { return in_trouble_; }

  private:
    Result<Spare> make(Lane lane);
    Result<void> fill(Spare& spare, Lane lane);
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
    std::array<std::deque<Spare>, 2> ready_;
    std::optional<Error> trouble_;
    bool stop_ = false;
    std::array<std::atomic<std::uint64_t>, 2> counts_{};
    std::atomic<std::uint64_t> made_ = 0;
    std::atomic<bool> in_trouble_ = false;
    std::thread thread_;
};

}  // namespace narrows::journal
