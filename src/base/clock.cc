#include "base/clock.h"

#include <ctime>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace narrows {
namespace {

class SystemClock : public Clock {
  public:
    WallNs wall() const override { return read(CLOCK_REALTIME); }
    MonoNs mono() const override { return read(CLOCK_MONOTONIC); }

  private:
    static std::int64_t read(clockid_t id) {
        timespec time{};
        ::clock_gettime(id, &time);
        return time.tv_sec * kNsPerSecond + time.tv_nsec;
    }
};

/// Floor, so that times before 1970 (a broken clock) still format.
std::int64_t seconds_of(WallNs time) {
    const std::int64_t seconds = time / kNsPerSecond;
    return time % kNsPerSecond < 0 ? seconds - 1 : seconds;
}

std::tm utc(WallNs time) {
    const std::time_t seconds = seconds_of(time);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    return parts;
}

}  // namespace

const Clock& system_clock() {
    static const SystemClock clock;
    return clock;
}

std::string rfc3339(WallNs time) {
    const std::int64_t ms = (time - seconds_of(time) * kNsPerSecond) / kNsPerMs;
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", utc(time), ms);
}

std::string iso_basic(WallNs time) {
    return fmt::format("{:%Y%m%dT%H%M%SZ}", utc(time));
}

std::string imf_fixdate(WallNs time) {
    static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const std::tm parts = utc(time);
    return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[parts.tm_wday],
                       parts.tm_mday, kMonths[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour,
                       parts.tm_min, parts.tm_sec);
}

}  // namespace narrows
