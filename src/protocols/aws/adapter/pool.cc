#include "protocols/aws/adapter/pool.h"

#include "http/connection.h"
#include "http/http2_client.h"
#include "protocols/aws/adapter/dialing.h"

namespace narrows::aws {
net::Task<Result<UpstreamPool::Lease>> UpstreamPool::take(std::string key, upstream::Target target,
                                                          bool fresh, bool http2) {
    auto& idle = idle_[key];
    while (!fresh && !idle.empty()) {
        Idle found = std::move(idle.back());
        idle.pop_back();
        if (found.connection->is_reusable()) {
            co_return Lease{std::move(found.connection), true};
        }
    }
    Result<net::StreamPtr> stream = co_await dial(
        loop_, target, services_.own_listeners, services_.tls, services_.limits.connect_max, http2);
    if (!stream.has_value()) {
        co_return fail(stream.error());
    }
    if (target.tls ? stream.value()->speaks_http2() : http2) {
        auto connection =
            std::make_unique<http::Http2Client>(loop_, std::move(stream.value()), target.tls);
        co_return Lease{std::move(connection), false};
    }
    auto connection =
        std::make_unique<http::ClientConnection>(std::move(stream.value()), http::Bounds{});
    co_return Lease{std::move(connection), false};
}

void UpstreamPool::give_back(const std::string& key,
                             std::unique_ptr<http::ClientExchange> connection) {
    auto& idle = idle_[key];
    if (connection->ended_well() && idle.size() < kIdleMax) {
        connection->expires_after(net::Millis(0));
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
