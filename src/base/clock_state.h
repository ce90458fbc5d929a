#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"

namespace narrows {

/// How much the wall clock of this machine is worth, as the kernel says (adjtimex(2)).
struct ClockState {
    std::string source;             ///< of the kernel's time: "tsc", "kvm-clock"; empty: not known
    bool synchronised = false;      ///< some daemon keeps it
    std::int64_t offset_ns = 0;     ///< still to be corrected
    std::int64_t error_ns = 0;      ///< estimated
    std::int64_t error_max_ns = 0;  ///< bound; grows while nobody keeps the clock
    MonoNs mono = 0;                ///< comparable within one boot of the machine
    std::string boot_id;            ///< /proc/sys/kernel/random/boot_id; empty: not known

    friend bool operator==(const ClockState&, const ClockState&) = default;
};

/// Asks the kernel. Does not block; what cannot be read is left empty or not synchronised.
ClockState read_clock_state(const Clock& clock);

/// Tells when the wall clock was set: it moved against the monotonic one by more than kJumpNs
/// between two looks. Slewing stays below that. Not thread-safe.
class JumpWatch {
  public:
    static constexpr std::int64_t kJumpNs = kNsPerSecond;

    /// By how much the wall clock jumped since the last look, forward or (negative) back; else 0.
    /// A thread may lose its processor between the two clocks: a look that took longer than half
    /// of kJumpNs tells nothing, the next one compares with the look before it.
    std::int64_t look(const Clock& clock);

  private:
    bool looked_ = false;
    std::int64_t difference_ = 0;
};

}  // namespace narrows
