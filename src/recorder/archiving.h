#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "archive/archiver.h"
#include "journal/journal.h"
#include "recorder/alarms.h"

namespace narrows::recorder {

/// The archive as operators see it.
struct ArchiveState {
    std::string store;
    archive::Backlog backlog;
    std::optional<std::int64_t> age_ns;    ///< since a round was whole; nullopt: none was yet
    std::string trouble;                   ///< why the last round was not; empty: all is well
    std::set<std::uint64_t> held_back_by;  ///< parts that keep what is to be removed here
};

/// Where evidence is archived, and how. Without a store nowhere.
struct ArchiveSetup {
    std::unique_ptr<archive::Store> store;
    std::uint64_t keep_local_bytes = 0;
    std::int64_t keep_local_ns = 0;
    std::int64_t every_ns = 60 * kNsPerSecond;
    std::int64_t age_max_ns = 900 * kNsPerSecond;
};

/// Runs the archiver's rounds on a thread of its own, so that a store that is slow or gone delays
/// nobody: what cannot be archived stays here, and only a full disk makes the journal refuse.
/// Failures back off, doubling, up to kPauseMax. Raises the alarms "archive overdue", "archive
/// refuses" (the store will not take it until somebody changes something) and "archive damaged".
class Archiving {
  public:
    static constexpr std::chrono::seconds kPauseMax{600};
    /// At the end a backlog of more than so many segments is left for the next start.
    static constexpr std::uint64_t kLastSegmentsMax = 4;

    /// `setup` has a store; the others must outlive `stop`.
    Archiving(io::FileSystem& fs, const Clock& clock, ArchiveSetup setup, std::string data_dir,
              evidence::VerifierKey log, Alarms& alarms, archive::Archiver::Tell tell);
    ~Archiving();

    /// Ends the rounds.
    void stop();
    /// One more after that, when the log's last checkpoint is signed, so that the store has all
    /// that is on record. Nobody is told of it.
    void round_at_end();

    ArchiveState state() const;

  private:
    void run();
    void take(const Result<void>& outcome);
    void look();
    std::chrono::nanoseconds pause() const;

    const Clock& clock_;
    const std::int64_t every_ns_;
    const std::int64_t age_max_ns_;
    Alarms& alarms_;
    std::unique_ptr<archive::Store> store_;
    archive::Archiver archiver_;
    const MonoNs started_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::optional<MonoNs> last_;
    std::string trouble_;
    int failures_ = 0;
    bool stopping_ = false;
    std::thread thread_;
};

/// Parts of an earlier start whose first records were archived away had ended before: the log says
/// so. Takes them out of what is to be closed. Reads the log only if there are such parts.
Result<void> settle_archived(io::FileSystem& fs, const std::string& data_dir,
                             journal::RecoveryReport& report);

}  // namespace narrows::recorder
