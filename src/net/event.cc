#include "net/event.h"

#include <boost/asio/steady_timer.hpp>

#include "net/stream_impl.h"

namespace narrows::net {

/// A timer that never fires wakes whoever waits when it is cancelled.
struct Event::Impl {
    explicit Impl(Loop& loop)
        : timer(loop.executor(), boost::asio::steady_timer::time_point::max()) {}
    boost::asio::steady_timer timer;
};

Event::Event(Loop& loop) : impl_(std::make_unique<Impl>(loop)) {}
Event::~Event() = default;

Task<void> Event::wait() {
    (void)co_await impl_->timer.async_wait(kTuple);
}

void Event::notify() {
    impl_->timer.cancel();
}

}  // namespace narrows::net
