#include "protocols/aws/adapter/dialing.h"

namespace narrows::aws {
namespace {

bool is_address(const std::string& host) {
    const bool has_colon = host.find(':') != std::string::npos;
    return net::parse_endpoint(has_colon ? "[" + host + "]:1" : host + ":1").has_value();
}

net::Task<Result<net::StreamPtr>> connect_any(net::Loop& loop, const upstream::Target& target,
                                              const std::vector<upstream::Listener>& own_listeners,
                                              net::Millis timeout) {
    std::vector<std::string> addresses = {target.host};
    if (!is_address(target.host)) {
        Result<std::vector<std::string>> found = co_await net::resolve(target.host);
        if (!found.has_value()) {
            co_return fail(found.error());
        }
        addresses = std::move(found.value());
    }
    Error last{ErrorCode::unavailable, target.host + " has no address"};
    for (const std::string& address : addresses) {
        const Result<void> may = upstream::may_dial(target, address, own_listeners);
        if (!may.has_value()) {
            last = may.error();
            continue;
        }
        const net::Endpoint to{address, target.port};
        Result<net::StreamPtr> stream = co_await net::connect(loop, to, timeout);
        if (stream.has_value()) {
            co_return stream;
        }
        last = stream.error();
    }
    co_return fail(last);
}

}  // namespace

net::Task<Result<net::StreamPtr>> dial(net::Loop& loop, upstream::Target target,
                                       const std::vector<upstream::Listener>& own_listeners,
                                       net::TlsClientContext& tls, net::Millis timeout,
                                       bool offer_http2) {
    Result<net::StreamPtr> stream = co_await connect_any(loop, target, own_listeners, timeout);
    if (!stream.has_value() || !target.tls) {
        co_return stream;
    }
    stream.value()->expires_after(timeout);
    const Result<void> secured =
        co_await stream.value()->start_tls_client(tls, target.host, offer_http2);
    if (!secured.has_value()) {
        co_return fail(secured.error());
    }
    co_return stream;
}

}  // namespace narrows::aws
