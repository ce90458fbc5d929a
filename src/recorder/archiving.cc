#include "recorder/archiving.h"

#include <algorithm>

#include <fmt/format.h>

#include "archive/ended.h"
#include "base/log.h"

namespace narrows::recorder {
namespace {

bool is_final(ErrorCode code) {
    return code == ErrorCode::conflict || code == ErrorCode::denied || code == ErrorCode::corrupt;
}

}  // namespace

Archiving::Archiving(io::FileSystem& fs, const Clock& clock, ArchiveSetup setup,
                     std::string data_dir, evidence::VerifierKey log, Alarms& alarms,
                     archive::Archiver::Tell tell)
    : clock_(clock),
      every_ns_(setup.every_ns),
      age_max_ns_(setup.age_max_ns),
      alarms_(alarms),
      store_(std::move(setup.store)),
      archiver_(fs, clock, *store_,
                {std::move(data_dir), std::move(log), setup.keep_local_bytes, setup.keep_local_ns},
                std::move(tell)),
      started_(clock.mono()),
      thread_([this] { run(); }) {}

Archiving::~Archiving() {
    stop();
}

void Archiving::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) {
        thread_.join();
    }
}

void Archiving::run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        lock.unlock();
        take(archiver_.round());
        look();
        lock.lock();
        wake_.wait_for(lock, pause(), [this] { return stopping_; });
    }
}

std::chrono::nanoseconds Archiving::pause() const {
    const std::chrono::nanoseconds every(every_ns_);
    const std::chrono::nanoseconds most = std::max<std::chrono::nanoseconds>(kPauseMax, every);
    return std::min(every * (1 << std::min(failures_, 10)), most);
}

void Archiving::take(const Result<void>& outcome) {
    const std::lock_guard lock(mutex_);
    if (outcome.has_value()) {
        if (failures_ > 0) {
            log::info("the archive {} takes evidence again", store_->name());
        }
        failures_ = 0;
        trouble_.clear();
        last_ = clock_.mono();
        alarms_.lower("archive refuses");
        return;
    }
    if (failures_++ == 0) {
        log::warn("archiving to {} stopped: {}", store_->name(), outcome.error().what);
    }
    trouble_ = outcome.error().what;
    if (is_final(outcome.error().code)) {
        alarms_.raise("archive refuses", trouble_);
    }
}

void Archiving::look() {
    const ArchiveState now = state();
    if (now.age_ns.value_or(clock_.mono() - started_) > age_max_ns_) {
        alarms_.raise("archive overdue",
                      fmt::format("{} has not taken all evidence for {} s, more than age_max: {} "
                                  "segments wait here, {} bytes. {}",
                                  now.store, age_max_ns_ / kNsPerSecond, now.backlog.segments,
                                  now.backlog.bytes, now.trouble));
    } else {
        alarms_.lower("archive overdue");
    }
    if (const std::string damage = archiver_.damage(); !damage.empty()) {
        alarms_.raise("archive damaged", damage + ". It is not archived and stays here");
    }
}

void Archiving::round_at_end() {
    const ArchiveState now = state();
    if (!now.trouble.empty() || now.backlog.segments > kLastSegmentsMax) {
        return;
    }
    const Result<void> outcome = archiver_.round();
    if (!outcome.has_value()) {
        log::warn("the archive {} has not all that is on record: {}", now.store,
                  outcome.error().what);
    }
}

ArchiveState Archiving::state() const {
    const archive::Backlog backlog = archiver_.backlog();
    std::set<std::uint64_t> held_back_by = archiver_.held_back_by();
    const std::lock_guard lock(mutex_);
    const auto age = last_ ? std::optional(clock_.mono() - *last_) : std::nullopt;
    return {store_->name(), backlog, age, trouble_, std::move(held_back_by)};
}

Result<void> settle_archived(io::FileSystem& fs, const std::string& data_dir,
                             journal::RecoveryReport& report) {
    std::set<std::uint64_t> asked;
    for (const journal::PartReport& part : report.parts) {
        const bool has_open = part.missing.empty() || part.missing.front().first.value() != 0;
        if (!part.closed && !has_open) {
            asked.insert(part.part.value());
        }
    }
    NARROWS_TRY(const std::set<std::uint64_t> ended, archive::ended_parts(fs, data_dir, asked));
    for (journal::PartReport& part : report.parts) {
        part.closed = part.closed || ended.contains(part.part.value());
    }
    return ok();
}

}  // namespace narrows::recorder
