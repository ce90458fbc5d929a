#include "gateway/evidence_keeper.h"

#include <algorithm>

#include "base/log.h"

namespace narrows::gateway {
namespace {

constexpr std::chrono::seconds kTick{1};
constexpr std::int64_t kHeartbeatNs = 10 * kNsPerSecond;

}  // namespace

EvidenceKeeper::EvidenceKeeper(const Clock& clock, evidence::KeySigner signer)
    : clock_(clock), signer_(std::move(signer)) {}

Result<std::unique_ptr<EvidenceKeeper>> EvidenceKeeper::open(io::FileSystem& fs, const Clock& clock,
                                                             const std::string& data_dir,
                                                             const std::string& origin) {
    NARROWS_TRY(evidence::KeySigner signer,
                evidence::open_key_file(fs, data_dir + "/log.key", origin));
    std::unique_ptr<EvidenceKeeper> keeper(new EvidenceKeeper(clock, std::move(signer)));
    keeper->vkey_ = evidence::vkey_text(keeper->signer_.key());
    NARROWS_TRY(keeper->log_,
                evidence::Log::open(fs, data_dir + "/log", origin, keeper->signer_, clock.wall()));
    NARROWS_TRY(keeper->log_->checkpoint());
    keeper->last_entry_ = clock.mono();
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

/// Heads of this tick are published in the next one: by then the journal's longest sync interval
/// has long passed, so that the log never claims what a power cut could still take.
void EvidenceKeeper::collect_heads(std::vector<evidence::Entry>& entries) {
    std::vector<evidence::PartHead> heads;
    for (Followed& followed : followed_) {
        if (followed.seen.size > followed.published) {
            heads.push_back(followed.seen);
            followed.published = followed.seen.size;
        }
        const recording::PartHead head = followed.part->head();
        followed.seen = {head.part, head.size, head.last_leaf, std::nullopt};
    }
    if (!heads.empty()) {
        std::vector<evidence::Entry> split =
            evidence::split_interval(clock_.wall(), std::move(heads));
        std::move(split.begin(), split.end(), std::back_inserter(entries));
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
    if (pending_.empty() && clock_.mono() - last_entry_ < kHeartbeatNs && trouble_.empty()) {
        return false;
    }
    if (pending_.empty()) {
        pending_.push_back({clock_.wall(), evidence::HeartbeatEntry{}});
    }
    return true;
}

Result<void> EvidenceKeeper::publish() {
    NARROWS_TRY(log_->append(pending_));
    pending_.clear();
    NARROWS_TRY(log_->checkpoint());
    size_ = log_->size();
    last_entry_ = clock_.mono();
    return ok();
}

void EvidenceKeeper::tick() {
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
