#include "gateway/agent_port.h"

#include <algorithm>

#include "base/log.h"
#include "codec/text.h"
#include "gateway/delivery_port.h"
#include "gateway/proxy.h"
#include "http/http2_server.h"
#include "protocols/aws/adapter/withheld_headers.h"

namespace narrows::gateway {
namespace {

constexpr std::uint8_t kTlsHandshake = 0x16;
/// A head must come whole within this time, a first byte too.
constexpr net::Millis kHeadMax{20'000};
constexpr net::Millis kIdleMax{120'000};

std::string lower_host(const http::RequestHead& head) {
    std::string host = codec::lower(http::header(head.headers, "host"));
    const std::size_t colon = host.rfind(':');
    if (colon != std::string::npos && host.find(']', colon) == std::string::npos) {
        host.resize(colon);
    }
    return host;
}

/// "bkt" of "bkt.gw.example" where gw.example is one of the gateway's names.
std::string bucket_of(const std::string& host, const std::vector<std::string>& names) {
    if (std::find(names.begin(), names.end(), host) != names.end()) {
        return "";
    }
    std::string bucket;
    for (const std::string& name : names) {
        const std::string suffix = "." + name;
        if (host.size() > suffix.size() && host.ends_with(suffix)) {
            bucket = host.substr(0, host.size() - suffix.size());
        }
    }
    return bucket;
}

/// The certificate of "bkt.gw.example" where gw.example is one of the gateway's names. A wildcard's
/// would not do: not for bucket names with dots, nor right below a name of one label.
std::shared_ptr<net::TlsServerContext> bucket_context(Runtime& runtime,
                                                      const std::vector<std::string>& names,
                                                      const std::string& asked) {
    const std::string host = codec::lower(asked);
    if (bucket_of(host, names).empty()) {
        return nullptr;
    }
    const auto context = runtime.certificates->context_for({host});
    return context.has_value() ? context.value() : nullptr;
}

net::Task<Result<void>> secure(Runtime& runtime, net::Stream& stream) {
    const std::shared_ptr<Settings> settings = runtime.settings();
    const std::vector<std::string>& names = settings->config.listen.names;
    auto context = runtime.certificates->context_for(names);
    if (!context.has_value()) {
        co_return fail(context.error());
    }
    net::TlsChooser choose = [&](const std::string& asked) {
        return bucket_context(runtime, names, asked);
    };
    co_return co_await stream.start_tls_server(*context.value(), std::move(choose));
}

/// One request for AWS or for the gateway itself.
net::Task<void> serve_request(Runtime& runtime, net::Loop& loop, http::ServerExchange& agent,
                              http::RequestHead head, aws::Arrival arrival) {
    if (arrival.host.empty()) {
        arrival.bucket = bucket_of(lower_host(head), runtime.settings()->config.listen.names);
        if (arrival.bucket.empty() && is_delivery(head)) {
            co_return co_await serve_delivery(runtime, agent, head);
        }
    }
    co_await runtime.adapter_of(loop).serve(agent, std::move(head), arrival);
}

/// On record with its bytes, if there are any.
net::Task<void> refuse_bytes(Runtime& runtime, net::Loop& loop, http::ServerConnection& agent,
                             const http::Malformed& malformed, const Error& error,
                             const aws::Arrival& arrival) {
    if (!malformed.bytes.empty()) {
        co_await runtime.adapter_of(loop).refuse_malformed(agent, malformed, error, arrival);
        agent.stream().shutdown_write();
    }
}

/// Each request is an exchange of its own, many at a time.
net::Task<void> serve_streams(Runtime& runtime, net::Loop& loop, net::Stream& stream, Bytes began,
                              std::size_t header_bytes_max, const aws::Arrival& arrival,
                              net::Millis idle_max) {
    http::Http2Handlers handlers;
    handlers.serve = [&](http::ServerExchange& agent, http::RequestHead head) {
        return serve_request(runtime, loop, agent, std::move(head), arrival);
    };
    handlers.refuse = [&](http::ServerExchange& agent, const http::Malformed& malformed,
                          const Error& error) {
        return runtime.adapter_of(loop).refuse_malformed(agent, malformed, error, arrival);
    };
    handlers.draining = [&runtime] { return runtime.draining.load(); };
    http::Http2Bounds bounds;
    bounds.header_bytes_max = header_bytes_max;
    const Result<void> held = co_await http::serve_http2(loop, stream, std::move(began), bounds,
                                                         idle_max, std::move(handlers));
    if (!held.has_value()) {
        const http::RequestHead none;
        co_await record_refused(runtime, arrival.mode, arrival.peer, none,
                                model::Reason::not_recognised, held.error().what);
    }
}

}  // namespace

net::Task<void> serve_requests(Runtime& runtime, net::Loop& loop, net::Stream& stream,
                               aws::Arrival arrival, net::Millis idle_max) {
    http::Bounds bounds;
    bounds.header_bytes_max = std::size_t{runtime.settings()->config.limits.header_kib} * 1024;
    arrival.peer = net::to_string(stream.peer());
    arrival.peer_address = stream.peer().address;
    Bytes began;
    const Result<bool> is_http2 = co_await http::begins_http2(stream, began);
    if (is_http2.has_value() && is_http2.value()) {
        co_return co_await serve_streams(runtime, loop, stream, std::move(began),
                                         bounds.header_bytes_max, arrival, idle_max);
    }
    http::ServerConnection agent(stream, bounds);
    if (!is_http2.has_value()) {
        const http::Malformed malformed{std::move(began), is_http2.error().what};
        co_return co_await refuse_bytes(runtime, loop, agent, malformed, is_http2.error(), arrival);
    }
    agent.begin_with(began);
    while (agent.keep_alive() && !runtime.draining) {
        Result<http::RequestHead> head = co_await agent.read_head();
        if (!head.has_value()) {
            const http::Malformed malformed = agent.malformed();
            co_return co_await refuse_bytes(runtime, loop, agent, malformed, head.error(), arrival);
        }
        if (head.value().method == "CONNECT" && !arrival.secure) {
            co_return co_await serve_connect(runtime, loop, agent, head.value());
        }
        co_await serve_request(runtime, loop, agent, std::move(head.value()), arrival);
        stream.expires_after(idle_max);
    }
}

net::Task<void> serve_agent(Runtime& runtime, net::Loop& loop, net::StreamPtr stream) {
    stream->expires_after(kHeadMax);
    const Result<std::uint8_t> first = co_await stream->peek();
    if (!first.has_value()) {
        co_return;
    }
    const bool is_tls = first.value() == kTlsHandshake;
    if (is_tls) {
        const Result<void> secured = co_await secure(runtime, *stream);
        if (!secured.has_value()) {
            co_return;
        }
    }
    aws::Arrival arrival;
    arrival.mode = "endpoint";
    arrival.secure = is_tls;
    stream->expires_after(kHeadMax);
    co_await serve_requests(runtime, loop, *stream, std::move(arrival), kIdleMax);
}

net::Task<void> record_refused(Runtime& runtime, std::string mode, std::string peer,
                               http::RequestHead head, model::Reason reason, std::string why) {
    session::Asked asked;
    asked.seen.mode = std::move(mode);
    asked.seen.peer = std::move(peer);
    asked.seen.head = aws::withheld_headers(head, runtime.commitment_key.view(), true);
    model::Decision decision;
    decision.verdict = model::Verdict::deny;
    decision.reason = reason;
    decision.why = std::move(why);
    asked.decided = std::move(decision);
    const Result<session::Admission> recorded = co_await runtime.lobby->refuse(std::move(asked));
    if (!recorded.has_value()) {
        log::warn("a refusal could not be recorded: {}", recorded.error().what);
    }
}

net::Task<Result<void>> answer_plain(const Runtime& runtime, http::ServerExchange& agent,
                                     int status, std::string_view type, std::string_view body) {
    http::ResponseHead head{status, {{"Content-Type", std::string(type)}}};
    http::set(head.headers, "Date", imf_fixdate(runtime.clock.wall()));
    http::set(head.headers, "Cache-Control", "no-store");
    if (status == 407) {
        http::set(head.headers, "Proxy-Authenticate", "Basic realm=\"narrows\"");
    }
    agent.expires_after(kHeadMax);
    co_return co_await agent.write_message(head, as_bytes(body), false);
}

}  // namespace narrows::gateway
