#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "base/clock.h"
#include "base/result.h"

namespace narrows::net {

/// A coroutine that runs on one loop's thread. Keep one co_await per statement.
template <class T>
using Task = boost::asio::awaitable<T>;

using Millis = std::chrono::milliseconds;

/// What has deadlines that its loop looks after.
class Expiring {
  public:
    /// Closes what is past its deadline; destroys nothing. On the loop.
    virtual void expire_if_due(MonoNs now) = 0;

  protected:
    ~Expiring() = default;
};

/// One thread with its own event queue. What runs on a loop stays on it: connections, their
/// coroutines and their upstream connections need no locks between them.
class Loop {
  public:
    Loop();
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    boost::asio::any_io_executor executor() const;
    /// Starts a coroutine here, from any thread. One that ends by exception ends the process.
    void spawn(std::function<Task<void>()> story);
    void post(std::function<void()> work);

    /// Looked through every kDeadlineTick. Loop thread only.
    void watch(Expiring* watched);
    void unwatch(Expiring* watched);

  private:
    friend class Loops;
    struct State;
    std::unique_ptr<State> state_;
};

/// What tells loops apart; the same for all executors of one.
const void* identity_of(const boost::asio::any_io_executor& executor);

/// The loops of the process. `run` blocks until `stop`.
class Loops {
  public:
    explicit Loops(std::size_t count);
    ~Loops();
    void run();
    void stop();
    std::size_t size() const { return loops_.size(); }
    Loop& at(std::size_t index) { return *loops_[index]; }
    /// The loops in turn.
    Loop& next();

  private:
    std::vector<std::unique_ptr<Loop>> loops_;
    std::atomic<std::size_t> turn_ = 0;
};

/// Deadlines are kept to this grain.
inline constexpr Millis kDeadlineTick{100};

/// Two coroutines at once on the caller's loop; over when both are. They may refer to what the
/// caller has.
Task<void> both(std::function<Task<void>()> left, std::function<Task<void>()> right);

Task<void> sleep_for(Millis time);
/// The executor of the coroutine that asks.
Task<boost::asio::any_io_executor> this_executor();

}  // namespace narrows::net
