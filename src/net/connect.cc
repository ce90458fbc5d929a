#include <charconv>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include "net/stream.h"
#include "net/stream_impl.h"

namespace narrows::net {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;

std::string to_string(const Endpoint& endpoint) {
    const bool is_v6 = endpoint.address.find(':') != std::string::npos;
    return is_v6 ? fmt::format("[{}]:{}", endpoint.address, endpoint.port)
                 : fmt::format("{}:{}", endpoint.address, endpoint.port);
}

Result<Endpoint> parse_endpoint(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    std::uint16_t port = 0;
    if (colon == std::string_view::npos) {
        return fail(ErrorCode::invalid, "an address is HOST:PORT, e.g. 127.0.0.1:8400");
    }
    const std::string_view digits = text.substr(colon + 1);
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size()) {
        return fail(ErrorCode::invalid, "the port is a number from 0 to 65535");
    }
    std::string_view host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) {
        host = host.substr(1, host.size() - 2);
    }
    boost::system::error_code error;
    asio::ip::make_address(std::string(host), error);
    if (error) {
        return fail(ErrorCode::invalid, "the host part is an IPv4 or IPv6 address, not a name");
    }
    return Endpoint{std::string(host), port};
}

Task<Result<StreamPtr>> connect(Loop& loop, Endpoint to, Millis timeout) {
    tcp::socket socket(loop.executor());
    boost::system::error_code error;
    const asio::ip::address address = asio::ip::make_address(to.address, error);
    if (error) {
        co_return fail(ErrorCode::invalid, "not an address: " + to.address);
    }
    auto impl = std::make_unique<Stream::Impl>(loop, std::move(socket));
    tcp::socket& connecting = impl->socket;
    auto stream = std::make_unique<Stream>(std::move(impl));
    stream->expires_after(timeout);
    const tcp::endpoint remote(address, to.port);
    std::tie(error) = co_await connecting.async_connect(remote, kTuple);
    if (error) {
        co_return fail(ErrorCode::unavailable,
                       fmt::format("cannot connect to {}: {}", to_string(to), error.message()));
    }
    connecting.set_option(tcp::no_delay(true), error);
    stream->expires_after(Millis(0));
    co_return stream;
}

Task<Result<std::vector<std::string>>> resolve(std::string name) {
    const auto executor = co_await asio::this_coro::executor;
    tcp::resolver resolver(executor);
    boost::system::error_code error;
    tcp::resolver::results_type found;
    std::tie(error, found) = co_await resolver.async_resolve(name, "", kTuple);
    if (error) {
        co_return fail(ErrorCode::unavailable, "cannot resolve " + name + ": " + error.message());
    }
    std::vector<std::string> addresses;
    for (const auto& entry : found) {
        addresses.push_back(entry.endpoint().address().to_string());
    }
    co_return addresses;
}

}  // namespace narrows::net
