#pragma once

#include <functional>
#include <memory>

#include "net/task.h"

namespace narrows::net {

/// Calls back on the loop for SIGHUP, SIGINT and SIGTERM, as long as it lives.
class Signals {
  public:
    Signals(Loop& loop, std::function<void(int)> on_signal);
    ~Signals();
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;

  private:
    struct Impl;
    std::shared_ptr<Impl> impl_;  // shared with the waiting handler, which outlives the object
};

}  // namespace narrows::net
