#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/clock_state.h"
#include "evidence/log.h"
#include "evidence/note.h"
#include "gateway/alarms.h"
#include "gateway/anchoring.h"
#include "io/file.h"
#include "recording/part_log.h"

namespace narrows::gateway {

/// The anchors of a configuration, and what is done with what they say.
struct AnchorSetup {
    using Anchors = std::vector<std::unique_ptr<evidence::Anchor>>;
    AnchorPolicy policy;
    std::function<Result<Anchors>(const evidence::VerifierKey& log)> make;
    /// The operator knows that an anchor knows more, or another log, and starts nevertheless.
    bool accept_rollback = false;
};

/// Keeps the gateway's transparency log: takes entries from anywhere, signs a checkpoint every
/// second with activity and a heartbeat every ten seconds, on a thread of its own, and has it
/// anchored. If the log cannot be written it says so in `trouble` and tries again; entries wait in
/// order, and no session opens meanwhile, so that they do not grow without end. Nobody waits for
/// its disk or its anchors.
class EvidenceKeeper {
  public:
    /// Asks the anchors before it signs anything. ErrorCode::conflict: one of them knows more than
    /// the log here, or another log: this data directory was rolled back, exchanged or copied.
    static Result<std::unique_ptr<EvidenceKeeper>> open(io::FileSystem& fs, const Clock& clock,
                                                        const std::string& data_dir,
                                                        const std::string& origin,
                                                        const AnchorSetup& setup);
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

    const Anchoring& anchoring() const { return *anchoring_; }
    Alarms& alarms() { return alarms_; }
    /// Why no session may be opened, a sentence; empty if they may.
    std::string no_new_sessions() const;
    /// Whether operations are refused too: anchors are required and long overdue.
    bool refuses_operations() const;
    std::uint64_t clock_jumps() const { return clock_jumps_; }

  private:
    struct Followed {
        std::shared_ptr<recording::PartLog> part;
        std::uint64_t published = 0;
        evidence::PartHead seen;  ///< when barrier_ began: published once that is durable
    };
    EvidenceKeeper(const Clock& clock, evidence::KeySigner signer);
    Result<void> ask_anchors(io::FileSystem& fs, const std::string& data_dir,
                             const AnchorSetup& setup);
    Result<evidence::SignedCheckpoint> head();
    void run();
    void tick();
    void look_at_clock();
    void look_at_anchors();
    bool refused_by_age(std::int64_t times) const;
    bool take_waiting();
    Result<void> publish();
    void collect_heads(std::vector<evidence::Entry>& entries);
    void look_at_heads();

    const Clock& clock_;
    evidence::KeySigner signer_;
    std::string vkey_;
    std::unique_ptr<evidence::Log> log_;    ///< of the thread alone, once it runs
    std::vector<evidence::Entry> pending_;  ///< of the thread: taken, not yet in the log
    MonoNs last_heartbeat_ = 0;             ///< of the thread
    JumpWatch jumps_;                       ///< of the thread
    MonoNs last_jump_ = 0;                  ///< of the thread
    std::set<std::string> accepted_;        ///< anchors that may contradict; fixed once it runs
    MonoNs started_ = 0;
    std::atomic<std::uint64_t> size_ = 0;
    std::atomic<std::uint64_t> clock_jumps_ = 0;
    Alarms alarms_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::vector<evidence::Entry> waiting_;
    std::vector<Followed> followed_;
    std::shared_ptr<const recording::Barrier> barrier_;
    std::string trouble_;
    bool stopping_ = false;
    std::unique_ptr<Anchoring> anchoring_;
    std::thread thread_;
};

}  // namespace narrows::gateway
