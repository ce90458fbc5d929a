#include "gateway/evidence_keeper.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/log.h"

namespace narrows::gateway {
namespace {

constexpr std::chrono::seconds kTick{1};
constexpr std::int64_t kHeartbeatNs = 10 * kNsPerSecond;
/// At the start anchors have so long to say what they know.
constexpr std::chrono::seconds kAskMax{20};
/// A jump of the clock is shown as an alarm for so long.
constexpr std::int64_t kJumpShownNs = 3600 * kNsPerSecond;
/// Beyond so many times the anchors' greatest age operations are refused too.
constexpr std::int64_t kOperationsAfter = 4;

std::string contradiction(const AnchorState& anchor, const std::string& data_dir) {
    return fmt::format(
        "anchor {} contradicts the log in {}: {}. The directory was rolled back, restored from an "
        "old copy, exchanged, or runs a second time elsewhere. Stop the other gateway, or restore "
        "the newest copy. If neither exists, keep this directory as it is and begin with a new "
        "name and data_dir; or start once with --accept-rollback, which is put on record",
        anchor.name, data_dir, anchor.trouble);
}

}  // namespace

EvidenceKeeper::EvidenceKeeper(const Clock& clock, evidence::KeySigner signer)
    : clock_(clock), signer_(std::move(signer)) {}

Result<std::unique_ptr<EvidenceKeeper>> EvidenceKeeper::open(io::FileSystem& fs, const Clock& clock,
                                                             const std::string& data_dir,
                                                             const std::string& origin,
                                                             const AnchorSetup& setup) {
    NARROWS_TRY(evidence::KeySigner signer,
                evidence::open_key_file(fs, data_dir + "/log.key", origin));
    std::unique_ptr<EvidenceKeeper> keeper(new EvidenceKeeper(clock, std::move(signer)));
    keeper->vkey_ = evidence::vkey_text(keeper->signer_.key());
    NARROWS_TRY(keeper->log_,
                evidence::Log::open(fs, data_dir + "/log", origin, keeper->signer_, clock.wall()));
    keeper->started_ = clock.mono();
    keeper->last_heartbeat_ = clock.mono() - kHeartbeatNs;
    NARROWS_TRY(keeper->ask_anchors(fs, data_dir, setup));
    NARROWS_TRY(keeper->log_->checkpoint());
    keeper->size_ = keeper->log_->size();
    keeper->thread_ = std::thread([raw = keeper.get()] { raw->run(); });
    return keeper;
}

EvidenceKeeper::~EvidenceKeeper() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) {
        thread_.join();
    }
    anchoring_.reset();  // its threads add entries to the end
}

/// What was signed last. Of a log that has signed nothing yet: its empty tree, to ask with.
Result<evidence::SignedCheckpoint> EvidenceKeeper::head() {
    const evidence::SignedCheckpoint& newest = log_->signed_checkpoint();
    if (newest.checkpoint.size > 0) {
        return newest;
    }
    evidence::Checkpoint empty{signer_.key().name, 0, evidence::empty_root(), {}};
    NARROWS_TRY(const evidence::Note note,
                evidence::sign_note(evidence::checkpoint_text(empty), signer_));
    return evidence::SignedCheckpoint{std::move(empty), evidence::note_bytes(note)};
}

Result<void> EvidenceKeeper::ask_anchors(io::FileSystem& fs, const std::string& data_dir,
                                         const AnchorSetup& setup) {
    NARROWS_TRY(AnchorSetup::Anchors anchors, setup.make(signer_.key()));
    NARROWS_TRY(const evidence::SignedCheckpoint newest, head());
    anchoring_ =
        std::make_unique<Anchoring>(fs, clock_, data_dir + "/log", setup.policy, std::move(anchors),
                                    [this](evidence::EntryBody said) { add(std::move(said)); });
    anchoring_->offer(newest);
    anchoring_->await_first(kAskMax);
    for (const AnchorState& anchor : anchoring_->states()) {
        if (!anchor.contradicts) {
            continue;
        }
        std::string why = contradiction(anchor, data_dir);
        if (!setup.accept_rollback) {
            return fail(ErrorCode::conflict, std::move(why));
        }
        accepted_.insert(anchor.name);
        alarms_.raise("rollback accepted", why);
    }
    return ok();
}

void EvidenceKeeper::add(evidence::EntryBody body) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back({clock_.wall(), std::move(body)});
}

void EvidenceKeeper::follow(std::shared_ptr<recording::PartLog> part) {
    const std::lock_guard lock(mutex_);
    followed_.push_back({std::move(part), 0, {}});
}

void EvidenceKeeper::close(const recording::PartHead& end,
                           std::map<std::string, std::uint64_t> counts) {
    const std::lock_guard lock(mutex_);
    std::erase_if(followed_, [&](const Followed& f) { return f.part->no() == end.part; });
    const evidence::PartHead head{end.part, end.size, end.last_leaf, std::nullopt};
    waiting_.push_back({clock_.wall(), evidence::CloseEntry{head, std::move(counts)}});
}

std::string EvidenceKeeper::trouble() const {
    const std::lock_guard lock(mutex_);
    return trouble_;
}

std::uint64_t EvidenceKeeper::size() const {
    return size_;
}

void EvidenceKeeper::run() {
    bool stop = false;
    while (!stop) {
        {
            std::unique_lock lock(mutex_);
            wake_.wait_for(lock, kTick, [this] { return stopping_; });
            stop = stopping_;
        }
        tick();  // also at the end: what was closed last goes into the log
    }
}

/// The log never claims what a power cut could still take: heads are published once a barrier that
/// began after they were read is durable. While the journal's disk is ill, none are.
void EvidenceKeeper::collect_heads(std::vector<evidence::Entry>& entries) {
    using State = recording::Barrier::State;
    if (barrier_ && barrier_->state() == State::pending) {
        return;
    }
    std::vector<evidence::PartHead> heads;
    for (Followed& followed : followed_) {
        const bool is_durable = barrier_ && barrier_->state() == State::durable;
        if (is_durable && followed.seen.size > followed.published) {
            heads.push_back(followed.seen);
            followed.published = followed.seen.size;
        }
    }
    look_at_heads();
    if (!heads.empty()) {
        std::vector<evidence::Entry> split =
            evidence::split_interval(clock_.wall(), std::move(heads));
        std::move(split.begin(), split.end(), std::back_inserter(entries));
    }
}

/// Begins a barrier if a part has grown since the last one.
void EvidenceKeeper::look_at_heads() {
    barrier_.reset();
    bool grown = false;
    for (Followed& followed : followed_) {
        const recording::PartHead head = followed.part->head();
        followed.seen = {head.part, head.size, head.last_leaf, std::nullopt};
        grown = grown || head.size > followed.published;
    }
    if (grown) {
        barrier_ = followed_.front().part->begin_barrier();
    }
}

/// True if there is something to publish. What could not be published goes first, alone.
bool EvidenceKeeper::take_waiting() {
    const std::lock_guard lock(mutex_);
    if (!pending_.empty()) {
        return true;
    }
    pending_ = std::move(waiting_);
    waiting_.clear();
    collect_heads(pending_);
    if (clock_.mono() - last_heartbeat_ >= kHeartbeatNs) {
        last_heartbeat_ = clock_.mono();
        pending_.push_back({clock_.wall(), evidence::HeartbeatEntry{read_clock_state(clock_)}});
    }
    return !pending_.empty() || !trouble_.empty();
}

Result<void> EvidenceKeeper::publish() {
    NARROWS_TRY(log_->append(pending_));
    pending_.clear();
    NARROWS_TRY(log_->checkpoint());
    size_ = log_->size();
    anchoring_->offer(log_->signed_checkpoint());
    return ok();
}

void EvidenceKeeper::look_at_clock() {
    const MonoNs now = clock_.mono();
    if (const std::int64_t jump = jumps_.look(clock_); jump != 0) {
        ++clock_jumps_;
        last_jump_ = now;
        alarms_.lower("clock jump");
        alarms_.raise("clock jump",
                      fmt::format("the wall clock was set {:.3f} s {} at {}, against the monotonic "
                                  "clock: times on record before and after do not compare",
                                  std::abs(static_cast<double>(jump)) / 1e9,
                                  jump > 0 ? "forward" : "back", rfc3339(clock_.wall())));
    } else if (now - last_jump_ > kJumpShownNs) {
        alarms_.lower("clock jump");
    }
}

void EvidenceKeeper::look_at_anchors() {
    for (const AnchorState& anchor : anchoring_->states()) {
        const std::string what = fmt::format("anchor {} contradicts", anchor.name);
        if (anchor.contradicts && !accepted_.contains(anchor.name)) {
            alarms_.raise(what, anchor.trouble);
        } else if (!anchor.contradicts) {
            alarms_.lower(what);
        }
    }
    if (anchoring_->overdue()) {
        alarms_.raise(
            "anchors overdue",
            fmt::format("no anchor outside has taken a checkpoint for {} s, more than "
                        "anchor_age_max: what is recorded now rests on this gateway alone",
                        anchoring_->policy().age_max_ns / kNsPerSecond));
    } else {
        alarms_.lower("anchors overdue");
    }
}

bool EvidenceKeeper::refused_by_age(std::int64_t times) const {
    const std::int64_t age = anchoring_->age_ns().value_or(clock_.mono() - started_);
    return anchoring_->policy().required && age > times * anchoring_->policy().age_max_ns;
}

std::string EvidenceKeeper::no_new_sessions() const {
    if (std::string why = trouble(); !why.empty()) {
        return "the evidence log cannot be signed: " + why;
    }
    for (const AnchorState& anchor : anchoring_->states()) {
        if (anchor.contradicts && !accepted_.contains(anchor.name)) {
            return fmt::format("anchor {} contradicts the evidence log: {}", anchor.name,
                               anchor.trouble);
        }
    }
    const bool never = anchoring_->policy().required && !anchoring_->age_ns();
    return never || refused_by_age(1)
               ? "the evidence log is not anchored outside, which anchor_required demands"
               : std::string();
}

bool EvidenceKeeper::refuses_operations() const {
    return refused_by_age(kOperationsAfter);
}

void EvidenceKeeper::tick() {
    look_at_clock();
    look_at_anchors();
    for (evidence::AlarmEntry& change : alarms_.take_for_log()) {
        add(std::move(change));
    }
    if (const Result<void> written = anchoring_->tidy(); !written.has_value()) {
        log::warn("the cosigned checkpoint could not be put beside the log: {}",
                  written.error().what);
    }
    if (!take_waiting()) {
        return;
    }
    const Result<void> published = publish();
    const std::lock_guard lock(mutex_);
    if (trouble_.empty() && !published.has_value()) {
        log::error("the evidence log cannot be signed: {}", published.error().what);
    }
    trouble_ = published.has_value() ? std::string() : published.error().what;
}

}  // namespace narrows::gateway
