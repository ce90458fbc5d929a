#pragma once

#include <memory>
#include <optional>

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "journal/journal.h"
#include "net/task.h"

namespace narrows::recording {

/// Carries a committer thread's word back to the coroutine that waits, on that coroutine's loop.
template <class Handler>
class LoopWaiter final : public journal::Waiter {
  public:
    LoopWaiter(boost::asio::any_io_executor executor, Handler handler)
        : executor_(std::move(executor)), handler_(std::move(handler)) {}

    void done(const Result<void>& outcome) noexcept override {
        boost::asio::post(executor_, [self = std::unique_ptr<LoopWaiter>(this), outcome]() mutable {
            Handler handler = std::move(self->handler_);
            self.reset();
            std::move(handler)(std::move(outcome));
        });
    }

  private:
    boost::asio::any_io_executor executor_;
    Handler handler_;
};

/// Runs `start(waiter)`, which appends, and waits for what the append waits for. `start` returns
/// Result<Appended>; its error is the result, and then the waiter is never told.
template <class Start>
net::Task<Result<journal::Appended>> await_journal(Start start) {
    const auto executor = co_await boost::asio::this_coro::executor;
    std::optional<journal::Appended> appended;
    auto initiate = [&](auto handler) {
        using Waiter = LoopWaiter<decltype(handler)>;
        auto waiter = std::make_unique<Waiter>(executor, std::move(handler));
        Waiter* told = waiter.release();  // owns itself until it is told
        const Result<journal::Appended> taken = start(told);
        if (taken.has_value()) {
            appended = taken.value();
        } else {
            told->done(fail(taken.error()));
        }
    };
    const Result<void> outcome =
        co_await boost::asio::async_initiate<decltype(boost::asio::use_awaitable),
                                             void(Result<void>)>(initiate,
                                                                 boost::asio::use_awaitable);
    if (!outcome.has_value()) {
        co_return fail(outcome.error());
    }
    co_return *appended;
}

}  // namespace narrows::recording
