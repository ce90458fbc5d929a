#pragma once

#include <algorithm>

#include "base/clock.h"

namespace narrows::process {

/// When a child that was lost is started again: at once, then after ever longer pauses, so that one
/// that cannot run does not keep the machine busy. One that ran long enough starts anew.
class RestartPolicy {
  public:
    static constexpr std::int64_t kFirstPauseNs = 100 * kNsPerMs;
    static constexpr std::int64_t kPauseMaxNs = 10 * kNsPerSecond;
    static constexpr std::int64_t kRanWellNs = 60 * kNsPerSecond;

    /// How long to wait after a child that started and ended at these times.
    std::int64_t pause(MonoNs started, MonoNs ended) {
        if (ended - started >= kRanWellNs) {
            next_ = 0;
        }
        const std::int64_t pause = next_;
        next_ = std::clamp(2 * next_, kFirstPauseNs, kPauseMaxNs);
        return pause;
    }

  private:
    std::int64_t next_ = 0;
};

}  // namespace narrows::process
