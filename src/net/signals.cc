#include "net/signals.h"

#include <csignal>

#include <boost/asio/signal_set.hpp>

namespace narrows::net {

struct Signals::Impl : std::enable_shared_from_this<Signals::Impl> {
    Impl(Loop& loop, std::function<void(int)> callback)
        : set(loop.executor(), SIGHUP, SIGINT, SIGTERM), on_signal(std::move(callback)) {}

    void wait() {
        set.async_wait([self = shared_from_this()](const boost::system::error_code& error, int no) {
            if (!error) {
                self->on_signal(no);
                self->wait();
            }
        });
    }
    boost::asio::signal_set set;
    std::function<void(int)> on_signal;
};

Signals::Signals(Loop& loop, std::function<void(int)> on_signal)
    : impl_(std::make_shared<Impl>(loop, std::move(on_signal))) {
    impl_->wait();
}

Signals::~Signals() {
    boost::system::error_code ignored;
    impl_->set.cancel(ignored);
}

}  // namespace narrows::net
