#include "base/clock_state.h"

#include <array>

#include <fcntl.h>
#include <sys/timex.h>
#include <unistd.h>

namespace narrows {
namespace {

/// The first line of a file of the kernel's, at most 64 bytes; empty if it cannot be read.
std::string first_line(const char* path) {
    const int file = ::open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return {};
    }
    std::array<char, 64> text{};
    const ssize_t size = ::read(file, text.data(), text.size());
    ::close(file);
    const std::string whole(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    return whole.substr(0, whole.find('\n'));
}

constexpr const char* kSourceFile =
    "/sys/devices/system/clocksource/clocksource0/current_clocksource";
constexpr const char* kBootFile = "/proc/sys/kernel/random/boot_id";
constexpr std::int64_t kNsPerUs = 1'000;

}  // namespace

ClockState read_clock_state(const Clock& clock) {
    static const std::string source = first_line(kSourceFile);
    static const std::string boot = first_line(kBootFile);
    ClockState state;
    state.source = source;
    state.boot_id = boot;
    state.mono = clock.mono();
    timex kernel{};
    const int answer = ::adjtimex(&kernel);
    if (answer < 0) {
        return state;
    }
    state.synchronised = answer != TIME_ERROR && (kernel.status & STA_UNSYNC) == 0;
    const bool in_nanoseconds = (kernel.status & STA_NANO) != 0;
    state.offset_ns = kernel.offset * (in_nanoseconds ? 1 : kNsPerUs);
    state.error_ns = kernel.esterror * kNsPerUs;
    state.error_max_ns = kernel.maxerror * kNsPerUs;
    return state;
}

std::int64_t JumpWatch::look(const Clock& clock) {
    const MonoNs begin = clock.mono();
    const std::int64_t difference = clock.wall() - begin;
    if (clock.mono() - begin > kJumpNs / 2) {
        return 0;
    }
    const std::int64_t moved = looked_ ? difference - difference_ : 0;
    looked_ = true;
    difference_ = difference;
    return moved > kJumpNs || moved < -kJumpNs ? moved : 0;
}

}  // namespace narrows
