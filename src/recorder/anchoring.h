#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "evidence/anchor.h"
#include "evidence/entry.h"
#include "io/file.h"

namespace narrows::recorder {

/// When the gateway's checkpoints go out, and what follows when they do not.
struct AnchorPolicy {
    std::int64_t every_ns = 10 * kNsPerSecond;     ///< a round: one checkpoint to every anchor
    std::int64_t age_max_ns = 900 * kNsPerSecond;  ///< without an anchor: alarm
    bool required = false;                         ///< then sessions and operations are refused
    std::int64_t back_off_max_ns = 60 * kNsPerSecond;
};

/// One anchor as operators see it.
struct AnchorState {
    std::string name;
    std::string kind;
    std::optional<std::int64_t> age_ns;  ///< since it last took a checkpoint; nullopt: not yet
    std::uint64_t size = 0;              ///< entries of the newest that it took
    std::string trouble;                 ///< why not now; empty: all is well
    bool contradicts = false;            ///< it knows more, or another log
};

/// Gives the gateway's checkpoints to its anchors, a thread for each, so that one that hangs delays
/// nobody. In a round all get the same checkpoint, so that witnesses sign the same text; whoever is
/// slow takes the newest one when it is back. Failures back off, doubling. What anchors said goes
/// to `tell` as COSIGN and ANCHOR entries; the note with the cosignatures of the last round lies
/// beside the log's checkpoint as `cosigned`.
/// Thread-safe but for `offer` and `tidy`, which are the evidence thread's. None of them waits for
/// an anchor.
class Anchoring {
  public:
    using Tell = std::function<void(evidence::EntryBody)>;

    Anchoring(io::FileSystem& fs, const Clock& clock, std::string log_directory,
              AnchorPolicy policy, std::vector<std::unique_ptr<evidence::Anchor>> anchors,
              Tell tell);
    /// Each anchor gets one more chance to take the last checkpoint.
    ~Anchoring();

    /// A checkpoint that is signed and durable.
    void offer(const evidence::SignedCheckpoint& checkpoint);
    /// Now and then: writes `cosigned` when a round is over.
    Result<void> tidy();

    /// Waits until every anchor has answered once, at most so long.
    void await_first(std::chrono::milliseconds at_most);
    std::vector<AnchorState> states() const;
    /// Since any anchor took a checkpoint; nullopt: none has since the start.
    std::optional<std::int64_t> age_ns() const;
    /// Past the policy's age, counted from the start if there was none yet.
    bool overdue() const;
    const AnchorPolicy& policy() const { return policy_; }

  private:
    using CheckpointPtr = std::shared_ptr<const evidence::SignedCheckpoint>;
    struct Sender {
        std::unique_ptr<evidence::Anchor> anchor;
        std::thread thread;
        AnchorState state;
        std::optional<MonoNs> last;  ///< when it last took one
        bool answered = false;
        CheckpointPtr done;  ///< the newest that it took
        int failures = 0;
        std::chrono::steady_clock::time_point not_before;
    };
    struct Round {
        CheckpointPtr checkpoint;
        std::vector<evidence::NoteSignature> cosignatures;
        bool written = false;
    };

    void run(Sender& sender);
    /// What to give next; nullptr: stop.
    CheckpointPtr next(Sender& sender);
    void take(Sender& sender, const CheckpointPtr& given, Result<evidence::Anchored> answer);
    void take_held(Sender& sender, const CheckpointPtr& given, const evidence::Anchored& anchored);
    void fail_once(Sender& sender, std::string why);
    void tell(const Sender& sender, const evidence::Anchored& anchored, std::uint64_t size);
    /// The note of a round that should be written now.
    std::optional<evidence::Note> finished_round();

    io::FileSystem& fs_;
    const Clock& clock_;
    const std::string log_directory_;
    const AnchorPolicy policy_;
    const Tell tell_;
    const MonoNs started_;
    std::size_t cosigners_ = 0;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::vector<std::unique_ptr<Sender>> senders_;  ///< each at its place: threads refer to it
    std::uint64_t newest_size_ = 0;                 ///< of what was offered last
    CheckpointPtr newest_;
    Round round_;
    Round before_;  ///< the round before, until its note is written
    MonoNs round_began_ = 0;
    bool stopping_ = false;
};

}  // namespace narrows::recorder
