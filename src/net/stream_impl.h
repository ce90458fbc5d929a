#pragma once

#include <memory>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "net/stream.h"

namespace narrows::net {

/// Awaits with the error as a value.
inline constexpr auto kTuple = boost::asio::as_tuple(boost::asio::use_awaitable);

struct Stream::Impl {
    using Tls = boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>;

    Impl(Loop& on, boost::asio::ip::tcp::socket connected);

    Loop& loop;
    boost::asio::ip::tcp::socket socket;
    std::unique_ptr<Tls> tls;  // refers to socket: declared after it
    MonoNs deadline = 0;
    bool expired = false;
    bool truncated = false;
};

}  // namespace narrows::net
