#include "recorder/evidence_keeper.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/log.h"

namespace narrows::recorder {
namespace {

constexpr std::chrono::seconds kTick{1};
/// So long a tick waits for the journal's disk; then what it took waits for the next one.
constexpr std::chrono::milliseconds kBarrierMax{500};
/// An OPEN that could not be logged is tried again after so long, and given up after the other.
constexpr std::chrono::milliseconds kLogAgain{100};
constexpr std::int64_t kLogMaxNs = 10 * kNsPerSecond;
/// So long `flush` waits for a signed checkpoint.
constexpr std::chrono::seconds kFlushMax{10};
constexpr std::int64_t kHeartbeatNs = 10 * kNsPerSecond;
/// At the start anchors have so long to say what they know.
constexpr std::chrono::seconds kAskMax{20};
/// A jump of the clock is shown as an alarm for so long.
constexpr std::int64_t kJumpShownNs = 3600 * kNsPerSecond;
/// Beyond so many times the anchors' greatest age operations are refused too.
constexpr std::int64_t kOperationsAfter = 4;

Result<void> stopping() {
    return fail(ErrorCode::unavailable, "the recorder is stopping");
}

std::string contradiction(const AnchorState& anchor, const std::string& data_dir) {
    return fmt::format(
        "anchor {} contradicts the log in {}: {}. The directory was rolled back, restored from an "
        "old copy, exchanged, or runs a second time elsewhere. Stop the other gateway, or restore "
        "the newest copy. If neither exists, keep this directory as it is and begin with a new "
        "name and data_dir; or start once with --accept-rollback, which is put on record",
        anchor.name, data_dir, anchor.trouble);
}

}  // namespace

EvidenceKeeper::EvidenceKeeper(const Clock& clock, std::unique_ptr<evidence::NoteSigner> signer,
                               const KeptJournal& kept)
    : clock_(clock), kept_(kept), signer_(std::move(signer)) {}

Result<std::unique_ptr<EvidenceKeeper>> EvidenceKeeper::open(
    io::FileSystem& fs, const Clock& clock, const std::string& data_dir,
    std::unique_ptr<evidence::NoteSigner> signer, const AnchorSetup& setup,
    const KeptJournal& kept) {
    std::unique_ptr<EvidenceKeeper> keeper(new EvidenceKeeper(clock, std::move(signer), kept));
    keeper->vkey_ = evidence::vkey_text(keeper->signer_.key());
    NARROWS_TRY(keeper->log_, evidence::Log::open(fs, data_dir + "/log", keeper->signer_.key().name,
                                                  keeper->signer_, clock.wall()));
    keeper->started_ = clock.mono();
    (void)keeper->jumps_.look(clock);  // what comes while anchors are asked is a jump as well
    keeper->last_heartbeat_ = clock.mono() - kHeartbeatNs;
    NARROWS_TRY(keeper->ask_anchors(fs, data_dir, setup));
    NARROWS_TRY(keeper->log_->checkpoint());
    keeper->size_ = keeper->log_->size();
    keeper->thread_ = std::thread([raw = keeper.get()] { raw->run(); });
    return keeper;
}

EvidenceKeeper::~EvidenceKeeper() {
    stop();
}

void EvidenceKeeper::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) {
        thread_.join();
    }
    anchoring_.reset();  // its threads add entries to the end
    std::vector<Opening> late;
    {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
        late.swap(openings_);
    }
    tell(late, stopping());
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

Result<void> EvidenceKeeper::flush() {
    std::unique_lock lock(mutex_);
    const std::uint64_t wanted = ++flush_asked_;
    hurry_ = true;
    wake_.notify_all();
    if (flushed_.wait_for(lock, kFlushMax, [&] { return flush_done_ >= wanted; })) {
        return ok();
    }
    return fail(ErrorCode::unavailable,
                "the evidence log was not signed in time" +
                    (trouble_.empty() ? std::string() : ": " + trouble_) +
                    ". What was asked may yet get into it: look, or ask again");
}

void EvidenceKeeper::await_logged(std::shared_ptr<journal::Part> part, journal::Waiter& waiter) {
    std::unique_lock lock(mutex_);
    if (stopped_) {
        lock.unlock();
        return waiter.done(stopping());
    }
    openings_.push_back({std::move(part), &waiter, clock_.mono() + kLogMaxNs});
    lock.unlock();
    wake_.notify_all();
}

void EvidenceKeeper::tell(std::vector<Opening>& openings, const Result<void>& outcome) {
    for (const Opening& opening : openings) {
        opening.waiter->done(outcome);
    }
    openings.clear();
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
    std::vector<Opening> openings;
    while (!stop) {
        {
            std::unique_lock lock(mutex_);
            const std::chrono::milliseconds pause = openings.empty() ? kTick : kLogAgain;
            wake_.wait_for(lock, pause,
                           [this] { return stopping_ || hurry_ || !openings_.empty(); });
            stop = stopping_;
            hurry_ = false;
            std::move(openings_.begin(), openings_.end(), std::back_inserter(openings));
            openings_.clear();
        }
        for (const Opening& opening : openings) {
            (void)opening.part->next();  // its OPEN has its place, and so its head
        }
        tick();  // also at the end: what was closed last goes into the log
        tell_logged(openings);
    }
    tell(openings, stopping());
}

void EvidenceKeeper::tell_logged(std::vector<Opening>& openings) {
    if (const std::string why = trouble(); !why.empty()) {
        return tell(openings, fail(ErrorCode::unavailable, why));
    }
    if (!behind_) {
        return tell(openings, ok());
    }
    std::vector<Opening> late;
    std::erase_if(openings, [&](const Opening& opening) {
        const bool is_late = clock_.mono() >= opening.give_up_at;
        if (is_late) {
            late.push_back(opening);
        }
        return is_late;
    });
    tell(late, fail(ErrorCode::timeout,
                    "the journal's disk does not take what the evidence log is to say in time"));
}

/// What the journal took, once a barrier behind it is durable: the log never claims what a power
/// cut could still take. While the journal's disk is ill it waits.
void EvidenceKeeper::collect_grown() {
    if (barrier_ && !pass_barrier()) {
        return;
    }
    grown_.add(kept_.heads.take());
    if (!grown_.empty()) {
        barrier_ = recording::Barrier::begin(kept_.journal);
        (void)pass_barrier();
    }
}

/// False while the disk has not said: then the same barrier is looked at again, so that a slow disk
/// delays the log and does not stop it. After a failure the next one covers the same.
bool EvidenceKeeper::pass_barrier() {
    using State = recording::Barrier::State;
    const State state = barrier_->wait(kBarrierMax);
    if (state == State::pending) {
        return false;
    }
    barrier_.reset();
    if (state == State::durable) {
        log_grown();
    }
    return true;
}

void EvidenceKeeper::log_grown() {
    const WallNs now = clock_.wall();
    for (evidence::OpenEntry& open : grown_.opens) {
        open.keys = kept_.keys.take_envelopes(open.part);
        pending_.push_back({now, std::move(open)});
    }
    for (evidence::Entry& entry : evidence::split_interval(now, std::move(grown_.heads))) {
        pending_.push_back(std::move(entry));
    }
    for (evidence::CloseEntry& close : grown_.closes) {
        pending_.push_back({now, std::move(close)});
    }
    grown_ = {};
}

/// True if there is something to publish. What could not be published goes first, alone.
bool EvidenceKeeper::take_waiting() {
    behind_ = !pending_.empty();
    if (behind_) {
        return true;
    }
    collect_grown();
    behind_ = !grown_.empty();
    const std::lock_guard lock(mutex_);
    std::move(waiting_.begin(), waiting_.end(), std::back_inserter(pending_));
    waiting_.clear();
    if (clock_.mono() - last_heartbeat_ >= kHeartbeatNs) {
        last_heartbeat_ = clock_.mono();
        pending_.push_back({clock_.wall(), evidence::HeartbeatEntry{read_clock_state(clock_)}});
    }
    return !pending_.empty() || !trouble_.empty();
}

Result<void> EvidenceKeeper::publish() {
    const Result<std::uint64_t> taken = log_->append(pending_);
    if (taken.has_value()) {
        pending_.clear();
    }
    // Also if a full log took no more: signed, it has room for them.
    NARROWS_TRY(log_->checkpoint());
    size_ = log_->size();
    anchoring_->offer(log_->signed_checkpoint());
    NARROWS_TRY(taken);
    return ok();
}

void EvidenceKeeper::look_at_clock() {
    const MonoNs now = clock_.mono();
    if (const std::int64_t jump = jumps_.look(clock_); jump != 0) {
        alarms_.show("clock jump",
                     fmt::format("the wall clock was set {:.3f} s {} at {}, against the monotonic "
                                 "clock: times on record before and after do not compare",
                                 std::abs(static_cast<double>(jump)) / 1e9,
                                 jump > 0 ? "forward" : "back", rfc3339(clock_.wall())),
                     now + kJumpShownNs);
        ++clock_jumps_;
    }
    alarms_.expire(now);
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
    std::uint64_t flushes = 0;
    {
        const std::lock_guard lock(mutex_);
        flushes = flush_asked_;
    }
    const bool has_more = take_waiting();
    settle(has_more ? publish() : ok(), flushes);
}

void EvidenceKeeper::show_trouble(const char* alarm, const std::string& why) {
    if (why.empty()) {
        alarms_.lower(alarm);
    } else {
        alarms_.raise(alarm, "no checkpoint can be signed: " + why);
    }
}

void EvidenceKeeper::settle(const Result<void>& published, std::uint64_t flushes) {
    const std::lock_guard lock(mutex_);
    const bool key_failed = signer_.take_failed();
    trouble_ = published.has_value() ? std::string() : published.error().what;
    show_trouble("log key", key_failed ? trouble_ : std::string());
    show_trouble("evidence log", key_failed ? std::string() : trouble_);
    if (published.has_value() && !behind_) {
        flush_done_ = flushes;
        flushed_.notify_all();
    }
}

}  // namespace narrows::recorder
