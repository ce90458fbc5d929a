#include <atomic>

#include <boost/asio/ip/tcp.hpp>

#include "base/log.h"
#include "net/stream.h"
#include "net/stream_impl.h"

namespace narrows::net {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;

/// Accepting pauses this long when the process is out of descriptors.
constexpr Millis kAcceptPause{100};

struct Listener::Impl {
    Impl(Loops& all, Loop& first) : loops(all), home(first), acceptor(first.executor()) {}
    Loops& loops;
    Loop& home;
    tcp::acceptor acceptor;
    std::size_t most = 0;
    std::atomic<std::size_t> open = 0;
    std::function<Task<void>(Loop&, StreamPtr)> on_connection;
};

namespace {

/// A std::function must be copyable, so the stream travels in a shared holder and is taken once.
template <class Impl>
void hand_over(Loop& loop, tcp::socket socket, std::shared_ptr<Impl> impl) {
    if (impl->open.fetch_add(1) >= impl->most) {
        impl->open.fetch_sub(1);
        return;  // the socket closes
    }
    auto held = std::make_shared<tcp::socket>(std::move(socket));
    loop.spawn([&loop, held, impl]() -> Task<void> {
        auto stream =
            std::make_unique<Stream>(std::make_unique<Stream::Impl>(loop, std::move(*held)));
        co_await impl->on_connection(loop, std::move(stream));
        impl->open.fetch_sub(1);
    });
}

}  // namespace

Listener::Listener(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Listener::~Listener() {
    close();
}

Result<std::unique_ptr<Listener>> Listener::listen(Loops& loops, const Endpoint& at,
                                                   std::size_t connections_max) {
    auto impl = std::make_shared<Impl>(loops, loops.at(0));
    impl->most = connections_max;
    boost::system::error_code error;
    const asio::ip::address address = asio::ip::make_address(at.address, error);
    const tcp::endpoint local(address, at.port);
    if (!error) impl->acceptor.open(local.protocol(), error);
    if (!error) impl->acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) impl->acceptor.bind(local, error);
    if (!error) impl->acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
        return fail(ErrorCode::io, "cannot listen on " + to_string(at) + ": " + error.message());
    }
    return std::unique_ptr<Listener>(new Listener(std::move(impl)));
}

Endpoint Listener::local() const {
    boost::system::error_code error;
    const tcp::endpoint local = impl_->acceptor.local_endpoint(error);
    return {local.address().to_string(), local.port()};
}

void Listener::start(std::function<Task<void>(Loop&, StreamPtr)> on_connection) {
    impl_->on_connection = std::move(on_connection);
    impl_->home.spawn([impl = impl_]() -> Task<void> {
        while (impl->acceptor.is_open()) {
            Loop& loop = impl->loops.next();
            tcp::socket socket(loop.executor());
            boost::system::error_code error;
            std::tie(error) = co_await impl->acceptor.async_accept(socket, kTuple);
            if (!error) {
                hand_over(loop, std::move(socket), impl);
            } else if (impl->acceptor.is_open()) {
                log::warn("accepting a connection failed: {}", error.message());
                co_await sleep_for(kAcceptPause);
            }
        }
    });
}

void Listener::close() {
    impl_->home.post([impl = impl_] {
        boost::system::error_code ignored;
        impl->acceptor.close(ignored);
    });
}

}  // namespace narrows::net
