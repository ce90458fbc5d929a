#include "protocols/aws/adapter/pool.h"

#include "base/log.h"

namespace narrows::aws {
namespace {

bool is_address(const std::string& host) {
    return net::parse_endpoint(host.find(':') == std::string::npos ? host + ":1"
                                                                   : "[" + host + "]:1")
        .has_value();
}

}  // namespace

net::Task<Result<net::StreamPtr>> UpstreamPool::dial(upstream::Target target) {
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
        const Result<void> may =
            upstream::may_dial(target, address, services_.own_listeners);
        if (!may.has_value()) {
            last = may.error();
            continue;
        }
        const net::Endpoint to{address, target.port};
        Result<net::StreamPtr> stream =
            co_await net::connect(loop_, to, services_.limits.connect_max);
        if (stream.has_value()) {
            co_return stream;
        }
        last = stream.error();
    }
    co_return fail(last);
}

net::Task<Result<UpstreamPool::Lease>> UpstreamPool::take(std::string key, upstream::Target target,
                                                          bool fresh) {
    auto& idle = idle_[key];
    while (!fresh && !idle.empty()) {
        Idle found = std::move(idle.back());
        idle.pop_back();
        if (found.connection->is_reusable()) {
            co_return Lease{std::move(found.connection), true};
        }
    }
    Result<net::StreamPtr> stream = co_await dial(target);
    if (!stream.has_value()) {
        co_return fail(stream.error());
    }
    if (target.tls) {
        stream.value()->expires_after(services_.limits.connect_max);
        const Result<void> secured =
            co_await stream.value()->start_tls_client(services_.tls, target.host);
        if (!secured.has_value()) {
            co_return fail(secured.error());
        }
    }
    auto connection = std::make_unique<http::ClientConnection>(std::move(stream.value()),
                                                               http::Bounds{});
    co_return Lease{std::move(connection), false};
}

void UpstreamPool::give_back(const std::string& key,
                             std::unique_ptr<http::ClientConnection> connection) {
    auto& idle = idle_[key];
    if (connection->is_reusable() && idle.size() < kIdleMax) {
        connection->stream().expires_after(net::Millis(0));
        idle.push_back({std::move(connection), services_.clock.mono()});
    }
}

void UpstreamPool::purge() {
    const MonoNs oldest = services_.clock.mono() - kIdleNsMax;
    for (auto at = idle_.begin(); at != idle_.end();) {
        at->second.remove_if([&](const Idle& idle) { return idle.since < oldest; });
        at = at->second.empty() ? idle_.erase(at) : std::next(at);
    }
}

void UpstreamPool::drop_session(const std::string& session) {
    std::erase_if(idle_, [&](const auto& entry) { return entry.first.starts_with(session + "/"); });
}

}  // namespace narrows::aws
