#pragma once

#include "base/clock.h"
#include "journal/journal.h"
#include "recorder/alarms.h"

namespace narrows::recorder {

/// Makes alarms of what the journal says of its disk. One thread, about once a second.
class JournalWatch {
  public:
    /// "disk fault": a write or sync failed, and was done again elsewhere; shown for an hour.
    /// "disk full": no more space can be reserved. "journal refuses": nothing can be recorded.
    /// "slow disk": over five seconds a sync took more than 100 ms on average, or none came back.
    void look(const journal::State& state, const journal::Counters& counters, MonoNs now,
              Alarms& alarms);

  private:
    struct Syncs {
        std::uint64_t count = 0;
        std::uint64_t us = 0;
        bool waiting = false;  ///< something is not durable yet
    };
    static Syncs syncs_of(const journal::Counters& counters);
    void look_at_faults(const journal::Counters& counters, MonoNs now, Alarms& alarms);
    void look_at_speed(const journal::Counters& counters, MonoNs now, Alarms& alarms);

    std::uint64_t faults_ = 0;
    Syncs begun_;  ///< at the beginning of the five seconds
    MonoNs begun_at_ = 0;
};

}  // namespace narrows::recorder
