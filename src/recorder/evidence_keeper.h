#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/clock_state.h"
#include "evidence/heads.h"
#include "evidence/log.h"
#include "evidence/note.h"
#include "evidence/part_keys.h"
#include "io/file.h"
#include "journal/journal.h"
#include "recorder/alarms.h"
#include "recorder/anchoring.h"
#include "recording/barrier.h"

namespace narrows::recorder {

/// The anchors of a configuration, and what is done with what they say.
struct AnchorSetup {
    using Anchors = std::vector<std::unique_ptr<evidence::Anchor>>;
    AnchorPolicy policy;
    std::function<Result<Anchors>(const evidence::VerifierKey& log)> make;
    /// The operator knows that an anchor knows more, or another log, and starts nevertheless.
    bool accept_rollback = false;
};

/// What the keeper writes the log from; must outlive it.
struct KeptJournal {
    journal::Journal& journal;
    evidence::PartHeads& heads;
    evidence::KeyStore& keys;
};

/// Remembers whether the key did not sign, which is told from a disk that does not take the log.
class WatchedSigner final : public evidence::NoteSigner {
  public:
    explicit WatchedSigner(std::unique_ptr<evidence::NoteSigner> signer)
        : signer_(std::move(signer)) {}
    const evidence::VerifierKey& key() const override { return signer_->key(); }
    Result<crypto::Signature> sign(ByteView text) override {
        Result<crypto::Signature> signature = signer_->sign(text);
        failed_ = !signature.has_value();
        return signature;
    }
    /// Whether it did since it was asked last.
    bool take_failed() { return std::exchange(failed_, false); }

  private:
    const std::unique_ptr<evidence::NoteSigner> signer_;
    bool failed_ = false;
};

/// Keeps the gateway's transparency log from the journal's own word on every record, and takes
/// further entries from anywhere. Signs a checkpoint every second with activity, at once when a
/// part begins, and a heartbeat every ten seconds, on a thread of its own, and has it anchored.
/// Nothing is logged that a power cut could still take. If the log cannot be written it says so in
/// `trouble` and tries again; entries wait in order, and no session opens meanwhile, so that they
/// do not grow without end. Nobody waits for its disk, its anchors, or a key that lies elsewhere;
/// that one is an alarm of its own, "log key".
class EvidenceKeeper {
  public:
    /// Asks the anchors before it signs anything. ErrorCode::conflict: one of them knows more than
    /// the log here, or another log: this data directory was rolled back, exchanged or copied.
    /// The log's origin is the key's name.
    static Result<std::unique_ptr<EvidenceKeeper>> open(
        io::FileSystem& fs, const Clock& clock, const std::string& data_dir,
        std::unique_ptr<evidence::NoteSigner> signer, const AnchorSetup& setup,
        const KeptJournal& kept);
    ~EvidenceKeeper();
    /// A last tick, which needs the journal; who awaits an OPEN from then on is told at once that
    /// the recorder stops. Nothing else may be asked any more.
    void stop();

    void add(evidence::EntryBody body);
    /// Waits until all that was added before, and how far parts had come, is in a signed
    /// checkpoint; blocks some seconds at most. An error: it is not yet, and will be when the log
    /// can be signed.
    Result<void> flush();
    /// Tells `waiter` when the OPEN of `part`, which is durable, is in a signed checkpoint; or that
    /// the log cannot be signed.
    void await_logged(std::shared_ptr<journal::Part> part, journal::Waiter& waiter);

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
    struct Opening {
        std::shared_ptr<journal::Part> part;
        journal::Waiter* waiter;
        MonoNs give_up_at = 0;
    };
    EvidenceKeeper(const Clock& clock, std::unique_ptr<evidence::NoteSigner> signer,
                   const KeptJournal& kept);
    Result<void> ask_anchors(io::FileSystem& fs, const std::string& data_dir,
                             const AnchorSetup& setup);
    Result<evidence::SignedCheckpoint> head();
    void run();
    void tick();
    void settle(const Result<void>& published, std::uint64_t flushes);
    void show_trouble(const char* alarm, const std::string& why);
    void look_at_clock();
    void look_at_anchors();
    bool refused_by_age(std::int64_t times) const;
    bool take_waiting();
    Result<void> publish();
    void collect_grown();
    bool pass_barrier();
    void log_grown();
    static void tell(std::vector<Opening>& openings, const Result<void>& outcome);
    /// Tells those whose OPEN is logged, or never will be in time; the others stay.
    void tell_logged(std::vector<Opening>& openings);

    const Clock& clock_;
    const KeptJournal kept_;
    WatchedSigner signer_;
    std::string vkey_;
    std::unique_ptr<evidence::Log> log_;    ///< of the thread alone, once it runs
    std::vector<evidence::Entry> pending_;  ///< of the thread: taken, not yet in the log
    evidence::Grown grown_;                 ///< of the thread: perhaps not durable
    std::shared_ptr<const recording::Barrier> barrier_;  ///< of the thread: behind grown_
    bool behind_ = false;             ///< of the thread: it could not take all there was
    MonoNs last_heartbeat_ = 0;       ///< of the thread
    JumpWatch jumps_;                 ///< of the thread
    std::set<std::string> accepted_;  ///< anchors that may contradict; fixed once it runs
    MonoNs started_ = 0;
    std::atomic<std::uint64_t> size_ = 0;
    std::atomic<std::uint64_t> clock_jumps_ = 0;
    Alarms alarms_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::vector<evidence::Entry> waiting_;
    std::uint64_t flush_asked_ = 0;
    std::uint64_t flush_done_ = 0;  ///< of those asked, how many a checkpoint covers
    bool hurry_ = false;            ///< somebody asked
    std::condition_variable flushed_;
    std::vector<Opening> openings_;
    std::string trouble_;
    bool stopping_ = false;
    bool stopped_ = false;
    std::unique_ptr<Anchoring> anchoring_;
    std::thread thread_;
};

}  // namespace narrows::recorder
