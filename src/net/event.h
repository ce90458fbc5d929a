#pragma once

#include <memory>

#include "net/task.h"

namespace narrows::net {

/// Where coroutines of one loop wait until another one there says that something has changed. Who
/// waits looks again at what it waits for: between that look and `wait` nothing else runs, so no
/// word is lost. Loop thread only; outlives whoever waits.
class Event {
  public:
    explicit Event(Loop& loop);
    ~Event();
    /// Until the next `notify`.
    Task<void> wait();
    void notify();

  private:
    struct Impl;
    const std::unique_ptr<Impl> impl_;
};

}  // namespace narrows::net
