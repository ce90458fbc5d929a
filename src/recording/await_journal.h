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
    /// `mac` is set on the loop, if something was attested.
    LoopWaiter(boost::asio::any_io_executor executor, Handler handler, crypto::Digest* mac)
        : executor_(std::move(executor)), handler_(std::move(handler)), to_(mac) {}

    const void* loop() const noexcept override { return net::identity_of(executor_); }
    void attested(const crypto::Digest& mac) noexcept override { mac_ = mac; }
    void done(const Result<void>& outcome) noexcept override {
        boost::asio::post(executor_, [self = std::unique_ptr<LoopWaiter>(this), outcome]() mutable {
            Handler handler = std::move(self->handler_);
            if (self->to_ != nullptr) {
                *self->to_ = self->mac_;
            }
            self.reset();
            std::move(handler)(outcome);
        });
    }

  private:
    boost::asio::any_io_executor executor_;
    Handler handler_;
    crypto::Digest* to_;
    crypto::Digest mac_{};
};

/// Runs `start(waiter)`, which asks the journal for something, and waits until the waiter is told.
/// `start` returns Result<T>; its error is the result, and then the waiter is never told. `mac`
/// gets what was attested; zeros if nothing was.
template <class Start>
auto await_journal(Start start, crypto::Digest* mac = nullptr)
    -> net::Task<std::invoke_result_t<Start&, journal::Waiter*>> {
    using Outcome = std::invoke_result_t<Start&, journal::Waiter*>;
    const auto executor = co_await boost::asio::this_coro::executor;
    std::optional<Outcome> asked;
    auto initiate = [&](auto handler) {
        using Waiter = LoopWaiter<decltype(handler)>;
        auto waiter = std::make_unique<Waiter>(executor, std::move(handler), mac);
        Waiter* told = waiter.release();  // owns itself until it is told
        asked.emplace(start(told));
        if (!asked->has_value()) {
            told->done(fail(asked->error()));
        }
    };
    const Result<void> outcome =
        co_await boost::asio::async_initiate<decltype(boost::asio::use_awaitable),
                                             void(Result<void>)>(initiate,
                                                                 boost::asio::use_awaitable);
    if (!outcome.has_value()) {
        co_return fail(outcome.error());
    }
    co_return std::move(*asked);
}

}  // namespace narrows::recording
