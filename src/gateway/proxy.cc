#include "gateway/proxy.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "codec/text.h"
#include "gateway/agent_port.h"
#include "net/client_hello.h"
#include "protocols/aws/adapter/cut.h"
#include "protocols/aws/adapter/dialing.h"
#include "protocols/aws/adapter/withheld_headers.h"

namespace narrows::gateway {

using model::Reason;

namespace {

constexpr net::Millis kDialMax{10'000};
constexpr net::Millis kTunnelIdleMax{600'000};
constexpr std::uint16_t kHttps = 443;

struct Destination {
    std::string host;
    std::uint16_t port = 0;
};

std::optional<Destination> destination_of(std::string_view target) {
    const std::size_t colon = target.rfind(':');
    Destination to;
    if (colon == std::string_view::npos || colon == 0) {
        return std::nullopt;
    }
    const std::string_view digits = target.substr(colon + 1);
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), to.port);
    if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size()) {
        return std::nullopt;
    }
    to.host = codec::lower(target.substr(0, colon));
    const bool plain =
        to.host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-") == std::string::npos;
    return plain ? std::optional(to) : std::nullopt;
}

/// The session whose proxy credential stands in Proxy-Authorization: Basic KEYID:TOKEN.
net::Task<session::SessionPtr> session_of(Runtime& runtime, const http::RequestHead& head) {
    const std::string_view field = http::header(head.headers, "proxy-authorization");
    if (!codec::iequals(field.substr(0, 6), "basic ")) {
        co_return nullptr;
    }
    const Result<Bytes> decoded = codec::unbase64(codec::trim(field.substr(6)));
    if (!decoded.has_value()) {
        co_return nullptr;
    }
    const std::string_view pair = as_text(decoded.value());
    const std::size_t colon = pair.find(':');
    if (colon == std::string_view::npos) {
        co_return nullptr;
    }
    const auto opened =
        co_await runtime.signer->open_token(identity::TokenUse::proxy, pair.substr(colon + 1), "");
    if (!opened.has_value()) {
        co_return nullptr;
    }
    co_return runtime.sessions.find(opened.value()->claims.session);
}

model::Decision decision(model::Verdict verdict, Reason reason, const Destination& to,
                         std::string why) {
    model::Decision made;
    made.verdict = verdict;
    made.reason = reason;
    made.action = "net:Connect";
    made.resource = fmt::format("{}:{}", to.host, to.port);
    made.why = std::move(why);
    return made;
}

session::Asked asked(const Runtime& runtime, http::ServerConnection& agent,
                     const http::RequestHead& head, const Destination& to,
                     model::Decision decided) {
    session::Asked asked;
    asked.seen.mode = "proxy";
    asked.seen.peer = net::to_string(agent.peer());
    asked.seen.http = agent.version();
    asked.seen.head = aws::withheld_headers(head, runtime.commitment_key.view(), false);
    model::Operation operation;
    operation.protocol = "net";
    operation.service = "net";
    operation.name = "Connect";
    operation.effect = model::EffectClass::write;
    const std::string where = fmt::format("{}:{}", to.host, to.port);
    operation.accesses.push_back({"net:Connect", {{where, true}}});
    codec::Map parameters;
    parameters.emplace("host", to.host);
    parameters.emplace("port", std::int64_t{to.port});
    parameters.emplace("content", "not recorded");
    operation.parameters = codec::Value(std::move(parameters));
    asked.operation = std::move(operation);
    asked.decided = std::move(decided);
    return asked;
}

/// The connection of the session whose egress list names the host, if one does.
std::optional<std::size_t> egress_of(const session::Session& session, const Destination& to) {
    const auto& connections = session.terms().connections;
    for (std::size_t i = 0; i < connections.size(); ++i) {
        for (const session::Egress& rule : connections[i].egress) {
            if (rule.matches(to.host, to.port)) {
                return i;
            }
        }
    }
    return std::nullopt;
}

net::Task<std::string> record_refusal(Runtime& runtime, session::SessionPtr session,
                                      session::Asked question) {
    if (session) {
        const Result<session::Admission> admission =
            co_await session::admit(session, 0, *runtime.gate, runtime.clock, std::move(question));
        co_return admission.has_value() ? admission.value().record : "unrecorded";
    }
    const Result<session::Admission> admission =
        co_await runtime.lobby->refuse(std::move(question));
    co_return admission.has_value() ? admission.value().record : "unrecorded";
}

net::Task<void> refuse_connect(Runtime& runtime, http::ServerConnection& agent,
                               const http::RequestHead& head, const Destination& to,
                               session::SessionPtr session, Reason reason, std::string why) {
    session::Asked question =
        asked(runtime, agent, head, to, decision(model::Verdict::deny, reason, to, why));
    const std::string record = co_await record_refusal(runtime, session, std::move(question));
    agent.must_close();
    const int status = session ? 403 : 407;
    (void)co_await answer_plain(runtime, agent, status, "text/plain",
                                fmt::format("{} [Narrows {}]\n", why, record));
}

/// AWS's own host: TLS ends here, and requests are served as in endpoint mode.
net::Task<void> open_tunnel(Runtime& runtime, net::Loop& loop, http::ServerConnection& agent,
                            const Destination& to, session::SessionPtr session) {
    auto context = runtime.certificates->context_for({to.host});
    if (!context.has_value()) {
        (void)co_await answer_plain(runtime, agent, 502, "text/plain", context.error().what);
        co_return;
    }
    net::Stream& stream = agent.stream();
    stream.expires_after(kDialMax);
    const Result<void> agreed =
        co_await stream.write(as_bytes("HTTP/1.1 200 Connection established\r\n\r\n"));
    if (!agreed.has_value()) {
        co_return;
    }
    const Result<void> secured = co_await stream.start_tls_server(*context.value());
    if (!secured.has_value()) {
        co_return;
    }
    aws::Arrival arrival;
    arrival.mode = "proxy";
    arrival.secure = true;
    arrival.host = to.host;
    arrival.proxied_by = std::move(session);
    stream.expires_after(kTunnelIdleMax);
    co_await serve_requests(runtime, loop, stream, std::move(arrival), kTunnelIdleMax);
}

/// What the agent says first, and whom it asks for by SNI; another name than CONNECT's is refused.
net::Task<Result<Bytes>> first_words(net::Stream& stream, const Destination& to) {
    Bytes said;
    Bytes buffer(net::kClientHelloMax);
    while (true) {
        const Result<std::size_t> size = co_await stream.read_some(buffer);
        if (!size.has_value()) {
            co_return fail(size.error());
        }
        append(said, ByteView(buffer).first(size.value()));
        const Result<std::string> name = net::client_hello_server_name(said);
        if (name.has_value() && (name.value().empty() || codec::lower(name.value()) == to.host)) {
            co_return said;
        }
        if (name.has_value()) {
            co_return fail(ErrorCode::denied, "the TLS server name is not the host of CONNECT");
        }
        if (name.error().code != ErrorCode::unavailable || said.size() >= net::kClientHelloMax) {
            co_return fail(name.error());
        }
    }
}

net::Task<void> conclude_tunnel(session::Permit& permit, net::RelayCount count, std::string why,
                                MonoNs duration) {
    codec::Map fields;
    fields.emplace("outcome", why.empty() ? "answered" : "cut");
    fields.emplace("status", 200);
    fields.emplace("bytes_request", count.to_right);
    fields.emplace("bytes_response", count.to_left);
    fields.emplace("duration_ns", duration);
    fields.emplace("why", why.empty() ? "content not recorded" : why + "; content not recorded");
    (void)co_await permit.result(std::move(fields), recording::Await::durable);
}

/// Nothing of it has gone on.
net::Task<void> give_up_tunnel(session::Permit& permit, const std::string& why) {
    codec::Map fields;
    fields.emplace("why", why);
    (void)co_await permit.not_sent(std::move(fields));
}

/// Whether the operator named this very host, and not a pattern that it fits.
bool names_exactly(const session::Connection& connection, const Destination& to) {
    return std::any_of(
        connection.egress.begin(), connection.egress.end(),
        [&](const session::Egress& rule) { return rule.host == to.host && rule.port == to.port; });
}

/// A host on the egress list: bytes pass unopened, counted.
net::Task<void> pass_tunnel(Runtime& runtime, net::Loop& loop, http::ServerConnection& agent,
                            const Destination& to, session::Permit permit) {
    const MonoNs began = runtime.clock.mono();
    upstream::Target target{to.host, to.port, false, false};
    target.public_only = !names_exactly(permit.connection(), to);
    Result<net::StreamPtr> dialled = co_await aws::dial(
        loop, target, runtime.services->own_listeners, *runtime.tls_client, kDialMax);
    if (!dialled.has_value()) {
        co_await give_up_tunnel(permit, dialled.error().what);
        (void)co_await answer_plain(runtime, agent, 502, "text/plain", "cannot connect\n");
        co_return;
    }
    net::Stream& stream = agent.stream();
    net::Stream& far = *dialled.value();
    const aws::Cut cut(loop, permit.session(), stream, far);
    stream.expires_after(kDialMax);
    const Result<void> agreed =
        co_await stream.write(as_bytes("HTTP/1.1 200 Connection established\r\n\r\n"));
    Result<Bytes> said = fail(ErrorCode::closed, "the agent went away");
    if (agreed.has_value()) {
        said = co_await first_words(stream, to);
    }
    if (!said.has_value()) {
        co_return co_await give_up_tunnel(permit, said.error().what);
    }
    codec::Map sent;
    sent.emplace("op", permit.op().value());
    sent.emplace("endpoint", fmt::format("{}:{}", to.host, to.port));
    sent.emplace("sni", net::client_hello_server_name(said.value()).value());
    if (!permit.log().bulk_unawaited(recording::RecordKind::sent,
                                     recording::observed(std::move(sent)))) {
        co_return co_await give_up_tunnel(permit, "the journal refuses to record that it is sent");
    }
    const Result<void> begun = co_await far.write(said.value());
    net::RelayCount count;
    if (begun.has_value()) {
        auto may_pass = [&permit, &runtime](std::uint64_t) {
            return permit.session().is_active() &&
                   runtime.recorder->state().condition != journal::Condition::refusing;
        };
        count = co_await net::relay(stream, far, kTunnelIdleMax, may_pass);
    }
    count.to_right += said.value().size();
    const std::string why = begun.has_value() ? std::string() : begun.error().what;
    co_await conclude_tunnel(permit, count, why, runtime.clock.mono() - began);
}

}  // namespace

net::Task<void> serve_connect(Runtime& runtime, net::Loop& loop, http::ServerConnection& agent,
                              const http::RequestHead& head) {
    const std::optional<Destination> to = destination_of(head.target);
    session::SessionPtr session = co_await session_of(runtime, head);
    if (!to) {
        const Destination unread = {head.target, 0};
        co_return co_await refuse_connect(runtime, agent, head, unread, session,
                                          Reason::not_recognised,
                                          "CONNECT takes a DNS name and a port");
    }
    if (!agent.unread().empty()) {
        co_return co_await refuse_connect(runtime, agent, head, *to, session,
                                          Reason::not_recognised,
                                          "nothing may follow CONNECT before its answer");
    }
    if (!session) {
        co_return co_await refuse_connect(
            runtime, agent, head, *to, nullptr, Reason::not_authenticated,
            "the proxy asks for the session's credential (Proxy-Authorization)");
    }
    if (crypto::is_aws_host(to->host) && to->port == kHttps) {
        const std::optional<std::string> over = session->over(runtime.clock);
        if (over) {
            co_return co_await refuse_connect(runtime, agent, head, *to, session,
                                              Reason::session_over, *over);
        }
        co_return co_await open_tunnel(runtime, loop, agent, *to, std::move(session));
    }
    const std::optional<std::size_t> connection = egress_of(*session, *to);
    if (!connection) {
        co_return co_await refuse_connect(runtime, agent, head, *to, session,
                                          Reason::not_configured,
                                          "no connection of the session leads to this host");
    }
    model::Decision allowed = decision(model::Verdict::allow, Reason::allowed, *to,
                                       "the connection's egress list names the host");
    Result<session::Admission> admission =
        co_await session::admit(session, *connection, *runtime.gate, runtime.clock,
                                asked(runtime, agent, head, *to, std::move(allowed)));
    if (!admission.has_value() || !admission.value().permit) {
        agent.must_close();
        const int status = admission.has_value() ? 403 : 503;
        (void)co_await answer_plain(runtime, agent, status, "text/plain", "not let through\n");
        co_return;
    }
    co_await pass_tunnel(runtime, loop, agent, *to, std::move(*admission.value().permit));
}

}  // namespace narrows::gateway
