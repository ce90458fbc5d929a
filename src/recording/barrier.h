#pragma once

#include <atomic>
#include <memory>

#include "journal/journal.h"

namespace narrows::recording {

/// Whether all that the journal was given when the barrier began is on the disk. Nobody blocks:
/// look at it again later. Thread-safe; shared with the journal until it has told.
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

    State state() const {
        if (failed_) {
            return State::failed;
        }
        return left_ == 0 ? State::durable : State::pending;
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
        failed_ = failed_ || !outcome.has_value();
        --left_;
    }

    std::atomic<std::size_t> left_ = journal::kLanes.size();
    std::atomic<bool> failed_ = false;
};

}  // namespace narrows::recording
