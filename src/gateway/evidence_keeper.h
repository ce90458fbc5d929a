#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "evidence/log.h"
#include "evidence/note.h"
#include "io/file.h"
#include "recording/part_log.h"

namespace narrows::gateway {

/// Keeps the gateway's transparency log: takes entries from anywhere, signs a checkpoint every
/// second with activity and a heartbeat every ten without, on a thread of its own. If the log
/// cannot be written it says so in `trouble` and tries again; entries wait in order, and no session
/// opens meanwhile, so that they do not grow without end. Nobody waits for its disk.
class EvidenceKeeper {
  public:
    static Result<std::unique_ptr<EvidenceKeeper>> open(io::FileSystem& fs, const Clock& clock,
                                                        const std::string& data_dir,
                                                        const std::string& origin);
    ~EvidenceKeeper();

    void add(evidence::EntryBody body);
    /// A part whose growth goes into INTERVAL entries, until it is closed.
    void follow(std::shared_ptr<recording::PartLog> part);
    /// Ends the following of a part with its CLOSE entry.
    void close(const recording::PartHead& end, std::map<std::string, std::uint64_t> counts);

    std::string vkey() const { return vkey_; }
    /// Empty when all is well; a sentence when checkpoints cannot be made.
    std::string trouble() const;
    std::uint64_t size() const;

  private:
    struct Followed {
        std::shared_ptr<recording::PartLog> part;
        std::uint64_t published = 0;
        evidence::PartHead seen;  ///< of the last tick: durable by now, so it may be published
    };
    EvidenceKeeper(const Clock& clock, evidence::KeySigner signer);
    void run();
    void tick();
    bool take_waiting();
    Result<void> publish();
    void collect_heads(std::vector<evidence::Entry>& entries);

    const Clock& clock_;
    evidence::KeySigner signer_;
    std::string vkey_;
    std::unique_ptr<evidence::Log> log_;    ///< of the thread alone, once it runs
    std::vector<evidence::Entry> pending_;  ///< of the thread: taken, not yet in the log
    MonoNs last_entry_ = 0;                 ///< of the thread
    std::atomic<std::uint64_t> size_ = 0;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::vector<evidence::Entry> waiting_;
    std::vector<Followed> followed_;
    std::string trouble_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace narrows::gateway
