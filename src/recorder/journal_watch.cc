#include "recorder/journal_watch.h"

#include <fmt/format.h>

namespace narrows::recorder {
namespace {

using journal::Condition;

constexpr std::int64_t kFaultShownNs = 3600 * kNsPerSecond;
constexpr std::int64_t kSpeedNs = 5 * kNsPerSecond;
constexpr std::uint64_t kSlowUs = 100'000;

void raise_if(bool is_so, const std::string& what, const std::string& why, Alarms& alarms) {
    if (is_so) {
        alarms.raise(what, why);
    } else {
        alarms.lower(what);
    }
}

}  // namespace

void JournalWatch::look(const journal::State& state, const journal::Counters& counters, MonoNs now,
                        Alarms& alarms) {
    raise_if(state.condition == Condition::refusing, "journal refuses", state.why, alarms);
    raise_if(state.condition == Condition::low_space, "disk full", state.why, alarms);
    look_at_faults(counters, now, alarms);
    look_at_speed(counters, now, alarms);
}

void JournalWatch::look_at_faults(const journal::Counters& counters, MonoNs now, Alarms& alarms) {
    const std::uint64_t faults = counters.control.faults + counters.bulk.faults;
    if (faults > faults_) {
        alarms.show("disk fault",
                    fmt::format("{} times since the start a write or sync of the journal failed; "
                                "the segment was given up and its records were written again",
                                faults),
                    now + kFaultShownNs);
    }
    faults_ = faults;
}

JournalWatch::Syncs JournalWatch::syncs_of(const journal::Counters& counters) {
    return {.count = counters.control.syncs + counters.bulk.syncs,
            .us = counters.control.sync_us_sum + counters.bulk.sync_us_sum,
            .waiting = counters.queued_frames > 0};
}

void JournalWatch::look_at_speed(const journal::Counters& counters, MonoNs now, Alarms& alarms) {
    const Syncs syncs = syncs_of(counters);
    if (begun_at_ != 0 && now - begun_at_ < kSpeedNs) {
        return;
    }
    const std::uint64_t count = syncs.count - begun_.count;
    const std::uint64_t mean = count == 0 ? 0 : (syncs.us - begun_.us) / count;
    const bool stands = count == 0 && begun_.waiting && syncs.waiting;
    if (begun_at_ != 0) {
        raise_if(mean > kSlowUs || stands, "slow disk",
                 stands ? "no sync of the journal came back for five seconds"
                        : fmt::format("a sync of the journal takes {} ms on average", mean / 1000),
                 alarms);
    }
    begun_ = syncs;
    begun_at_ = now;
}

}  // namespace narrows::recorder
