#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "journal/journal.h"

namespace narrows::recording {

/// Whether all that the journal was given when the barrier began is on the disk. Thread-safe;
/// shared with the journal until it has told.
class Barrier {
  public:
    enum class State { pending, durable, failed };

    static std::shared_ptr<const Barrier> begin(journal::Journal& journal) {
        auto barrier = std::make_shared<Barrier>();
        for (const journal::Lane lane : journal::kLanes) {
            auto waiter = std::make_unique<Told>(barrier);
            const Result<void> asked = journal.sync(lane, *waiter);
            if (asked.has_value()) {
                (void)waiter.release();  // owns itself until it is told
            } else {
                barrier->told(asked);
            }
        }
        return barrier;
    }

    /// Blocks until it is known, at most so long.
    State wait(std::chrono::milliseconds at_most) const {
        std::unique_lock lock(mutex_);
        told_.wait_for(lock, at_most, [this] { return left_ == 0; });
        if (left_ > 0) {
            return State::pending;
        }
        return failed_ ? State::failed : State::durable;
    }

  private:
    struct Told final : journal::Waiter {
        explicit Told(std::shared_ptr<Barrier> of) : barrier(std::move(of)) {}
        void done(const Result<void>& outcome) noexcept override {
            const std::unique_ptr<Told> self(this);
            barrier->told(outcome);
        }
        std::shared_ptr<Barrier> barrier;
    };
    void told(const Result<void>& outcome) {
        const std::lock_guard lock(mutex_);
        failed_ = failed_ || !outcome.has_value();
        --left_;
        told_.notify_all();
    }

    mutable std::mutex mutex_;
    mutable std::condition_variable told_;
    std::size_t left_ = journal::kLanes.size();
    bool failed_ = false;
};

}  // namespace narrows::recording
