#pragma once

#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace narrows::client {

/// Signals that end or steer a command, held back from this process while one exists and passed on
/// by `run_child`. Made before the session starts, so that Ctrl-C leaves no session behind. One at
/// a time, in a process with one thread.
class SignalHold {
  public:
    SignalHold();
    ~SignalHold();
    SignalHold(const SignalHold&) = delete;
    SignalHold& operator=(const SignalHold&) = delete;

    /// A signal that asked this process to end before there was a child, or nothing.
    std::optional<int> pending() const;
    const sigset_t& held() const { return held_; }
    const sigset_t& before() const { return before_; }

  private:
    sigset_t held_;
    sigset_t before_;
};

/// Runs the command in the foreground, in this process's own process group: the terminal's Ctrl-C
/// and Ctrl-Z reach it directly, signals sent to this process are passed on. Returns its exit
/// status, 128 + n if signal n ended it, 126 or 127 if it could not be run. Blocks.
Result<int> run_child(const std::vector<std::string>& command,
                      const std::vector<std::string>& environment, const SignalHold& signals,
                      std::string& why_not_run);

}  // namespace narrows::client
