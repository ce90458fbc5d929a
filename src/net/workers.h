#pragma once

#include <functional>
#include <memory>
#include <optional>

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "net/task.h"

namespace narrows::net {

/// A few threads for work that blocks (credential files, AssumeRole, key sets), so that no loop
/// ever waits. Destruction waits for what runs.
class Workers {
  public:
    explicit Workers(std::size_t count) : pool_(count) {}
    ~Workers() { pool_.join(); }

    /// Runs `work` on a worker and returns its value on the calling coroutine's loop.
    template <class T>
    Task<T> run(std::function<T()> work) {
        const auto executor = co_await boost::asio::this_coro::executor;
        auto initiate = [&](auto handler) {
            auto held = std::make_shared<decltype(handler)>(std::move(handler));
            boost::asio::post(pool_, [held, executor, work] {
                auto value = std::make_shared<T>(work());
                boost::asio::post(executor, [held, value] {
                    auto resume = std::move(*held);
                    std::move(resume)(std::move(*value));
                });
            });
        };
        T value =
            co_await boost::asio::async_initiate<decltype(boost::asio::use_awaitable), void(T)>(
                initiate, boost::asio::use_awaitable);
        co_return value;
    }

  private:
    boost::asio::thread_pool pool_;
};

}  // namespace narrows::net
