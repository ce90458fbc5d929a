#include <atomic>
#include <thread>
#include <unordered_set>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/check.h"
#include "base/clock.h"
#include "net/stream.h"
#include "net/task.h"

namespace narrows::net {

namespace asio = boost::asio;

struct Loop::State {
    std::unordered_set<Expiring*> watched;  // first: coroutines that die with the context unwatch
    asio::io_context context{1};
    asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
    asio::steady_timer tick{context};

    void arm() {
        tick.expires_after(kDeadlineTick);
        tick.async_wait([this](const boost::system::error_code& error) {
            if (!error) {
                look_through();
                arm();
            }
        });
    }
    void look_through() {
        const MonoNs now = system_clock().mono();
        for (Expiring* each : watched) {
            each->expire_if_due(now);
        }
    }
};

Loop::Loop() : state_(std::make_unique<State>()) {
    state_->arm();
}
Loop::~Loop() = default;

asio::any_io_executor Loop::executor() const {
    return state_->context.get_executor();
}

void Loop::spawn(std::function<Task<void>()> story) {
    // The function object must live as long as the coroutine it made: a lambda's captures are its
    // members, so it is kept in the completion handler.
    auto kept = std::make_shared<std::function<Task<void>()>>(std::move(story));
    asio::post(state_->context, [this, kept] {
        asio::co_spawn(state_->context, (*kept)(), [kept](const std::exception_ptr& error) {
            NARROWS_CHECK(error == nullptr, "a coroutine ended by an exception");
        });
    });
}

void Loop::post(std::function<void()> work) {
    asio::post(state_->context, std::move(work));
}

void Loop::watch(Expiring* watched) {
    state_->watched.insert(watched);
}
void Loop::unwatch(Expiring* watched) {
    state_->watched.erase(watched);
}

const void* identity_of(const asio::any_io_executor& executor) {
    return &asio::query(executor, asio::execution::context);
}

Loops::Loops(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        loops_.push_back(std::make_unique<Loop>());
    }
}
Loops::~Loops() = default;

void Loops::run() {
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < loops_.size(); ++i) {
        threads.emplace_back([loop = loops_[i].get()] { loop->state_->context.run(); });
    }
    loops_.front()->state_->context.run();
}

void Loops::stop() {
    for (const auto& loop : loops_) {
        loop->state_->context.stop();
    }
}

Loop& Loops::next() {
    return *loops_[turn_.fetch_add(1) % loops_.size()];
}

Task<void> sleep_for(Millis time) {
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor, time);
    co_await timer.async_wait(asio::use_awaitable);
}

Task<asio::any_io_executor> this_executor() {
    const auto executor = co_await asio::this_coro::executor;
    co_return executor;
}

}  // namespace narrows::net
