#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace narrows {

/// Nanoseconds since 1970-01-01T00:00:00Z. Wall time: may jump.
using WallNs = std::int64_t;
/// Nanoseconds of a clock that never goes back; means nothing across boots.
using MonoNs = std::int64_t;

inline constexpr std::int64_t kNsPerSecond = 1'000'000'000;
inline constexpr std::int64_t kNsPerMs = 1'000'000;

/// Where time comes from. Thread-safe. Tests use ManualClock.
class Clock {
  public:
    virtual ~Clock() = default;
    virtual WallNs wall() const = 0;
    virtual MonoNs mono() const = 0;
};

/// The operating system's clocks; one instance for the process.
const Clock& system_clock();

class ManualClock : public Clock {
  public:
    explicit ManualClock(WallNs now) : wall_(now) {}
    WallNs wall() const override { return wall_; }
    MonoNs mono() const override { return mono_; }
    void advance(std::int64_t ns) {
        wall_ += ns;
        mono_ += ns;
    }
    void set_wall(WallNs now) { wall_ = now; }

  private:
    std::atomic<WallNs> wall_;
    std::atomic<MonoNs> mono_ = 0;
};

/// RFC 3339 in UTC with milliseconds: 2026-11-23T06:20:00.123Z.
std::string rfc3339(WallNs time);
/// ISO 8601 basic as SigV4 has it: 20261123T062000Z.
std::string iso_basic(WallNs time);
/// IMF-fixdate (RFC 9110 section 5.6.7): Mon, 23 Nov 2026 06:20:00 GMT.
std::string imf_fixdate(WallNs time);

}  // namespace narrows
