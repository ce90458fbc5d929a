#pragma once

namespace narrows {

[[noreturn]] void check_failed(const char* condition, const char* why, const char* file, int line);

}  // namespace narrows

/// An invariant of ours, checked in every build. A broken one means the process can no longer
/// promise to record truly, so it ends: recovery declares what was interrupted.
#define NARROWS_CHECK(condition, why)                                     \
    do {                                                                  \
        if (!(condition)) [[unlikely]] {                                  \
            ::narrows::check_failed(#condition, why, __FILE__, __LINE__); \
        }                                                                 \
    } while (false)
