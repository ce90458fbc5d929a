#pragma once

#include <chrono>
#include <thread>

namespace narrows {

/// For tests: whether what must happen does. The bound is no measure of anything: the slowest
/// machine under a sanitizer stays far below it.
template <class Condition>
bool soon(Condition condition) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > until) {
            return false;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
}

}  // namespace narrows
