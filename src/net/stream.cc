#include "net/stream.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>
#include <sys/socket.h>

#include "net/stream_impl.h"
#include "net/tls_impl.h"

namespace narrows::net {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;

namespace {

/// Of so many bytes a whole TLS record is part (RFC 8446 section 5.2).
constexpr std::size_t kRecordMax = 5 + (1U << 14U) + 256;

Error to_error(const Stream::Impl& impl, const boost::system::error_code& error) {
    if (impl.expired) {
        return {ErrorCode::timeout, "the peer was too slow: the deadline has passed"};
    }
    if (error == asio::error::eof || error == asio::error::connection_reset ||
        error == asio::error::broken_pipe || error == asio::ssl::error::stream_truncated) {
        return {ErrorCode::closed, "the peer closed the connection"};
    }
    return {ErrorCode::io, "network: " + error.message()};
}

}  // namespace

Stream::Impl::Impl(Loop& on, tcp::socket connected) : loop(on), socket(std::move(connected)) {
    boost::system::error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
}

Stream::Stream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {
    impl_->loop.watch(this);
}
Stream::~Stream() {
    impl_->loop.unwatch(this);
}

Task<Result<std::size_t>> Stream::read_some(std::span<std::uint8_t> into) {
    const auto buffer = asio::buffer(into.data(), into.size());
    boost::system::error_code error;
    std::size_t size = 0;
    if (impl_->tls) {
        std::tie(error, size) = co_await impl_->tls->async_read_some(buffer, kTuple);
        // What follows in records that are here already comes along: whoever reads pays for each
        // stretch, and nobody waits for it.
        boost::system::error_code later;
        while (!error && !later && size < into.size() &&
               impl_->socket.available(later) >= kRecordMax) {
            std::size_t more = 0;
            std::tie(later, more) = co_await impl_->tls->async_read_some(buffer + size, kTuple);
            size += more;
        }
    } else {
        std::tie(error, size) = co_await impl_->socket.async_read_some(buffer, kTuple);
    }
    if (error) {
        impl_->truncated = impl_->truncated || error == asio::ssl::error::stream_truncated;
        co_return fail(to_error(*impl_, error));
    }
    co_return size;
}

Task<Result<void>> Stream::write(std::array<ByteView, 2> buffers) {
    const std::array<asio::const_buffer, 2> gathered = {
        asio::buffer(buffers[0].data(), buffers[0].size()),
        asio::buffer(buffers[1].data(), buffers[1].size())};
    boost::system::error_code error;
    std::size_t size = 0;
    if (impl_->tls) {
        std::tie(error, size) = co_await asio::async_write(*impl_->tls, gathered, kTuple);
    } else {
        std::tie(error, size) = co_await asio::async_write(impl_->socket, gathered, kTuple);
    }
    if (error) {
        co_return fail(to_error(*impl_, error));
    }
    co_return ok();
}

Task<Result<std::uint8_t>> Stream::peek() {
    std::uint8_t byte = 0;
    const auto buffer = asio::buffer(&byte, 1);
    boost::system::error_code error;
    std::size_t size = 0;
    std::tie(error, size) =
        co_await impl_->socket.async_receive(buffer, tcp::socket::message_peek, kTuple);
    if (error) {
        co_return fail(to_error(*impl_, error));
    }
    co_return byte;
}

Task<Result<void>> Stream::start_tls_server(TlsServerContext& context, TlsChooser choose) {
    impl_->tls = std::make_unique<Stream::Impl::Tls>(impl_->socket, context.impl().context);
    offer_choice(impl_->tls->native_handle(), choose);
    boost::system::error_code error;
    std::tie(error) = co_await impl_->tls->async_handshake(asio::ssl::stream_base::server, kTuple);
    if (error) {
        close();
        co_return fail(ErrorCode::invalid,
                       "TLS handshake with the agent failed: " + to_error(*impl_, error).what);
    }
    co_return ok();
}

Task<Result<void>> Stream::start_tls_client(TlsClientContext& context, const std::string& name,
                                            bool offer_http2) {
    impl_->tls = std::make_unique<Stream::Impl::Tls>(impl_->socket, context.impl().context);
    impl_->tls->set_verify_callback(asio::ssl::host_name_verification(name));
    offer_protocols(impl_->tls->native_handle(), offer_http2);
    SSL_set_tlsext_host_name(impl_->tls->native_handle(), name.c_str());
    boost::system::error_code error;
    std::tie(error) = co_await impl_->tls->async_handshake(asio::ssl::stream_base::client, kTuple);
    if (error) {
        close();
        co_return fail(ErrorCode::unavailable,
                       "TLS handshake with " + name + " failed: " + to_error(*impl_, error).what);
    }
    co_return ok();
}

void Stream::expires_after(Millis time) {
    impl_->deadline = time.count() == 0 ? 0 : system_clock().mono() + time.count() * kNsPerMs;
}

void Stream::expire_if_due(MonoNs now) {
    if (impl_->deadline != 0 && now >= impl_->deadline && impl_->socket.is_open()) {
        impl_->expired = true;
        impl_->deadline = 0;
        close();
    }
}

void Stream::shutdown_write() {
    boost::system::error_code ignored;
    impl_->socket.shutdown(tcp::socket::shutdown_send, ignored);
}

void Stream::close() {
    boost::system::error_code ignored;
    impl_->socket.close(ignored);
}

bool Stream::is_open() const {
    return impl_->socket.is_open();
}
bool Stream::truncated() const {
    return impl_->truncated;
}

bool Stream::is_idle_clean() const {
    if (!impl_->socket.is_open() || (impl_->tls && SSL_pending(impl_->tls->native_handle()) > 0)) {
        return false;
    }
    std::uint8_t byte = 0;
    const ssize_t size = ::recv(impl_->socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

Endpoint Stream::peer() const {
    boost::system::error_code error;
    const tcp::endpoint remote = impl_->socket.remote_endpoint(error);
    return error ? Endpoint{} : Endpoint{remote.address().to_string(), remote.port()};
}

std::string Stream::tls_server_name() const {
    if (!impl_->tls) {
        return {};
    }
    const char* name = SSL_get_servername(impl_->tls->native_handle(), TLSEXT_NAMETYPE_host_name);
    return name == nullptr ? std::string() : std::string(name);
}

bool Stream::speaks_http2() const {
    if (!impl_->tls) {
        return false;
    }
    const unsigned char* chosen = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(impl_->tls->native_handle(), &chosen, &size);
    return size == 2 && chosen[0] == 'h' && chosen[1] == '2';
}

}  // namespace narrows::net
