#pragma once

#include <functional>

#include "http/http2_connection.h"

namespace narrows::http {

/// Reads from a connection's beginning until it is known whether the peer speaks HTTP/2 with prior
/// knowledge or after ALPN (RFC 9113 section 3.4). `read` gets what was read, 24 bytes at most; an
/// error: nothing more will come.
net::Task<Result<bool>> begins_http2(net::Stream& stream, Bytes& read);

/// What is done with requests. Each is a coroutine of its own on the connection's loop, at most
/// Http2Bounds::streams_max at once; the exchange lives as long as the coroutine.
struct Http2Handlers {
    std::function<net::Task<void>(ServerExchange&, RequestHead)> serve;
    std::function<net::Task<void>(ServerExchange&, const Malformed&, const Error&)> refuse;
    /// True: what is under way goes on, and nothing new begins.
    std::function<bool()> draining;
};

/// Serves one connection until it is over and all its exchanges are. `idle_max`: how long it may be
/// without any. Not ok: the peer broke the protocol or flooded the connection, which is why it
/// ended.
net::Task<Result<void>> serve_http2(net::Loop& loop, net::Stream& stream, Bytes began,
                                    Http2Bounds bounds, net::Millis idle_max,
                                    Http2Handlers handlers);

}  // namespace narrows::http
