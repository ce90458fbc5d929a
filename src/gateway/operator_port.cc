#include "gateway/operator_port.h"

#include <functional>

#include <fmt/format.h>

#include "codec/json.h"
#include "codec/text.h"
#include "gateway/agent_port.h"
#include "gateway/custody.h"
#include "gateway/lifecycle.h"
#include "gateway/metrics.h"
#include "gateway/presign.h"
#include "gateway/start_request.h"
#include "http/connection.h"

namespace narrows::gateway {
namespace {

constexpr std::size_t kBodyMax = 64 * 1024;
constexpr net::Millis kIdleMax{60'000};

struct Reply {
    int status = 200;
    std::string_view type = "application/json";
    std::string body;
    std::string why;  ///< of an error
};

Reply json(int status, codec::Map map) {
    return {status, "application/json", codec::json_encode(codec::Value(std::move(map))) + "\n",
            ""};
}

Reply failed(const Error& error) {
    int status = 400;
    switch (error.code) {
        case ErrorCode::unauthenticated:
            status = 401;
            break;
        case ErrorCode::denied:
            status = 403;
            break;
        case ErrorCode::not_found:
            status = 404;
            break;
        case ErrorCode::conflict:
            status = 409;
            break;
        case ErrorCode::unavailable:
        case ErrorCode::exhausted:
        case ErrorCode::io:
            status = 503;
            break;
        default:
            break;
    }
    codec::Map map;
    map.emplace("error", name_of(error.code));
    map.emplace("message", error.what);
    Reply reply = json(status, std::move(map));
    reply.why = error.what;
    return reply;
}

std::string_view bearer(const http::RequestHead& head) {
    const std::string_view field = http::header(head.headers, "authorization");
    return codec::iequals(field.substr(0, 7), "bearer ") ? codec::trim(field.substr(7))
                                                         : std::string_view();
}

codec::Map session_value(const Runtime& runtime, const session::Session& session) {
    const session::Terms& terms = session.terms();
    codec::Map map;
    map.emplace("session", terms.id.value());
    map.emplace("agent", terms.agent);
    map.emplace("principal", terms.principal.empty() ? "none" : terms.principal);
    map.emplace("task", terms.task_id);
    map.emplace("started_at", rfc3339(terms.started_at));
    map.emplace("expires_at", rfc3339(terms.expires_at));
    map.emplace("active", !session.over(runtime.clock).has_value());
    map.emplace("findings", session.findings());
    codec::List connections;
    for (const session::Connection& granted : terms.connections) {
        connections.emplace_back(granted.name);
    }
    map.emplace("connections", std::move(connections));
    return map;
}

Reply started_reply(const Runtime& runtime, const Started& started) {
    const std::shared_ptr<Settings> settings = const_cast<Runtime&>(runtime).settings();
    const net::Endpoint agents = runtime.agents->local();
    codec::Map map;
    map.emplace("session", started.session->terms().id.value());
    map.emplace("expires_at", rfc3339(started.session->terms().expires_at));
    codec::List list;
    for (const identity::Credentials& credentials : started.credentials) {
        codec::Map entry;
        entry.emplace("connection", credentials.connection);
        entry.emplace("access_key_id", credentials.access_key_id);
        entry.emplace("secret_access_key", std::string(credentials.secret_access_key.text()));
        entry.emplace("session_token", credentials.session_token);
        list.emplace_back(std::move(entry));
    }
    map.emplace("credentials", std::move(list));
    const std::string base = fmt::format("http://{}", net::to_string(agents));
    map.emplace("endpoint_url", base);
    map.emplace("proxy_url", base);
    map.emplace("proxy_user", started.credentials.front().access_key_id);
    map.emplace("proxy_token", started.proxy_token);
    map.emplace("container_credentials_url", base + "/.narrows/credentials");
    map.emplace("authorization_token", started.delivery_token);
    if (!started.bearer_token.empty()) {
        map.emplace("bearer_token", started.bearer_token);
    }
    map.emplace("ca_pem", runtime.certificates->ca_pem());
    const auto& first = started.session->terms().connections.front();
    map.emplace("region", first.regions.empty() ? "us-east-1" : first.regions.front());
    codec::List regions;
    for (const session::Connection& granted : started.session->terms().connections) {
        regions.emplace_back(granted.regions.empty() ? "us-east-1" : granted.regions.front());
    }
    map.emplace("regions", std::move(regions));
    return json(201, std::move(map));
}

/// Proves launcher and agent, then starts. Proving may ask an issuer for its keys, so it runs on a
/// worker.
net::Task<Reply> start(Runtime& runtime, const http::RequestHead& head, std::string body) {
    const std::shared_ptr<Settings> settings = runtime.settings();
    std::function<Result<Start>()> prove = [settings, body = std::move(body),
                                            key = std::string(bearer(head))] {
        return prove_start(settings->authenticator, key, body);
    };
    Result<Start> asked = co_await runtime.operator_workers->run(prove);
    if (!asked.has_value()) {
        co_return failed(asked.error());
    }
    Result<Started> started = co_await start_session(runtime, std::move(asked.value()));
    if (!started.has_value()) {
        co_return failed(started.error());
    }
    co_return started_reply(runtime, started.value());
}

/// Who started the session; empty: the agent itself.
std::string launcher_of(const session::Session& session) {
    const auto verified = session.terms().open.find("verified");
    const codec::Value* launcher =
        verified == session.terms().open.end() ? nullptr : verified->second.find("launcher");
    return launcher == nullptr ? std::string() : launcher->text("id");
}

/// The id of who asks, if it may act on the session: the launcher that started it, the agent if it
/// started itself, and, to see or kill it, any reviewer. May block on an issuer's keys.
Result<std::string> permitted(Settings& settings, const std::string& key,
                              const session::Session& session, bool to_end) {
    const std::string starter = launcher_of(session);
    const Result<identity::Identity> launcher = settings.authenticator.launcher(key);
    if (!launcher.has_value() && starter.empty()) {
        NARROWS_TRY(identity::Identity agent,
                    settings.authenticator.agent(session.terms().agent, key));
        return std::move(agent.id);
    }
    if (!launcher.has_value()) {
        return fail(launcher.error());
    }
    const std::string& id = launcher.value().id;
    const identity::Launcher* enrolled = settings.registry.launcher(id);
    const bool reviews = enrolled != nullptr && enrolled->reviewer && !to_end;
    if (id == starter || reviews) {
        return id;
    }
    return fail(ErrorCode::denied, "the session is another launcher's");
}

/// permitted, on a worker.
net::Task<Result<std::string>> permission(Runtime& runtime, std::string key,
                                          session::SessionPtr session, bool to_end) {
    const std::shared_ptr<Settings> settings = runtime.settings();
    std::function<Result<std::string>()> prove = [settings, key, session, to_end] {
        return permitted(*settings, key, *session, to_end);
    };
    Result<std::string> id = co_await runtime.operator_workers->run(prove);
    co_return id;
}

/// The sessions that who asks may see; an error if it is nobody.
Result<std::vector<session::SessionPtr>> visible(Settings& settings, const std::string& key,
                                                 std::vector<session::SessionPtr> all) {
    std::erase_if(all, [&](const session::SessionPtr& session) {
        return !permitted(settings, key, *session, false).has_value();
    });
    const Result<identity::Identity> launcher = settings.authenticator.launcher(key);
    if (all.empty() && !launcher.has_value()) {
        return fail(launcher.error());
    }
    return all;
}

net::Task<Reply> end(Runtime& runtime, const http::RequestHead& head, const std::string& id,
                     const std::string& verb, const std::string& body) {
    const session::SessionPtr session = runtime.sessions.find(model::SessionId(id));
    if (!session) {
        co_return failed({ErrorCode::not_found, "no such session is active here: " + id});
    }
    std::string key(bearer(head));
    const bool to_end = verb != "kill";
    const Result<std::string> by = co_await permission(runtime, std::move(key), session, to_end);
    if (!by.has_value()) {
        co_return failed(by.error());
    }
    session::Ending ending{verb == "kill" ? "killed" : "ended", by.value(), std::nullopt};
    const Result<codec::Value> sent = codec::json_decode(body.empty() ? "{}" : body);
    if (!sent.has_value()) {
        co_return failed(sent.error());
    }
    if (sent.value().find("exit_status") != nullptr) {
        ending.exit_status = sent.value().number("exit_status");
    }
    const Result<void> ended = co_await end_session(runtime, session, ending);
    if (!ended.has_value()) {
        co_return failed(ended.error());
    }
    codec::Map map;
    map.emplace("session", id);
    map.emplace("ended", true);
    co_return json(200, std::move(map));
}

/// By whoever may end the session.
net::Task<Reply> presigned(Runtime& runtime, const http::RequestHead& head, const std::string& id,
                           std::string body) {
    const session::SessionPtr session = runtime.sessions.find(model::SessionId(id));
    if (!session || session->over(runtime.clock)) {
        co_return failed({ErrorCode::not_found, "no such session is active here: " + id});
    }
    std::string key(bearer(head));
    Result<std::string> by = co_await permission(runtime, std::move(key), session, true);
    if (!by.has_value()) {
        co_return failed(by.error());
    }
    Result<codec::Map> made =
        co_await presign(runtime, session, std::move(by.value()), std::move(body));
    co_return made.has_value() ? json(201, std::move(made.value())) : failed(made.error());
}

net::Task<Reply> list_sessions(Runtime& runtime, const http::RequestHead& head) {
    const std::shared_ptr<Settings> settings = runtime.settings();
    using Found = Result<std::vector<session::SessionPtr>>;
    std::function<Found()> look = [settings, key = std::string(bearer(head)),
                                   all = runtime.sessions.all()] {
        return visible(*settings, key, all);
    };
    const Found found = co_await runtime.operator_workers->run(look);
    if (!found.has_value()) {
        co_return failed(found.error());
    }
    codec::List list;
    for (const session::SessionPtr& session : found.value()) {
        list.emplace_back(session_value(runtime, *session));
    }
    codec::Map map;
    map.emplace("sessions", std::move(list));
    co_return json(200, std::move(map));
}

net::Task<Reply> custody(Runtime& runtime, CustodyRequest request) {
    Result<codec::Map> done = co_await take_custody(runtime, std::move(request));
    co_return done.has_value() ? json(200, std::move(done.value())) : failed(done.error());
}

net::Task<Reply> reconciled(Runtime& runtime, std::string key, std::string body) {
    Result<codec::Map> done = co_await take_reconciled(runtime, std::move(key), std::move(body));
    co_return done.has_value() ? json(200, std::move(done.value())) : failed(done.error());
}

net::Task<Reply> route(Runtime& runtime, const http::RequestHead& head, std::string body) {
    const std::vector<std::string_view> path = codec::split(head.target, '/');
    const bool is_get = head.method == "GET";
    if (is_get && head.target == "/healthz") {
        const Health now = health(runtime);
        co_return Reply{now.healthy ? 200 : 503, "application/json", now.json, ""};
    }
    if (is_get && head.target == "/metrics") {
        co_return Reply{200, "text/plain; version=0.0.4", metrics_text(runtime), ""};
    }
    if (is_get && head.target == "/v1/sessions") {
        co_return co_await list_sessions(runtime, head);
    }
    if (head.method == "POST" && head.target == "/v1/sessions") {
        co_return co_await start(runtime, head, std::move(body));
    }
    if (head.method == "POST" && head.target == "/v1/reconciliations") {
        std::string key(bearer(head));
        co_return co_await reconciled(runtime, std::move(key), std::move(body));
    }
    const bool on_session = path.size() == 5 && path[1] == "v1" && path[2] == "sessions";
    if (head.method == "POST" && on_session && (path[4] == "end" || path[4] == "kill")) {
        const std::string id(path[3]);
        const std::string verb(path[4]);
        co_return co_await end(runtime, head, id, verb, body);
    }
    if (head.method == "POST" && on_session && path[4] == "presign") {
        const std::string id(path[3]);
        co_return co_await presigned(runtime, head, id, std::move(body));
    }
    if (head.method == "POST" && on_session && is_custody_verb(path[4])) {
        CustodyRequest request{std::string(bearer(head)), std::string(path[3]),
                               std::string(path[4]), std::move(body)};
        co_return co_await custody(runtime, std::move(request));
    }
    co_return failed({ErrorCode::not_found, "no such resource on the operator's port"});
}

net::Task<Result<std::string>> read_body(http::ServerConnection& peer) {
    std::string body;
    while (!peer.body_done()) {
        const Result<ByteView> part = co_await peer.read_body();
        if (!part.has_value()) {
            co_return fail(part.error());
        }
        if (body.size() + part.value().size() > kBodyMax) {
            co_return fail(ErrorCode::invalid, "a request here has at most 64 KiB");
        }
        body += as_text(part.value());
    }
    co_return body;
}

/// Whoever proves nothing is on record whatever it asked for, and everyone whose wish to change
/// something was refused. What the gateway itself could not do is no refusal.
bool leaves_record(const http::RequestHead& head, int status) {
    const bool unproven = status == 401 || status == 403;
    return unproven || (head.method == "POST" && status >= 400 && status < 500);
}

model::Reason reason_of(int status) {
    return status == 400 || status == 404 ? model::Reason::not_recognised
                                          : model::Reason::not_authenticated;
}

}  // namespace

net::Task<void> serve_operator(Runtime& runtime, net::StreamPtr stream) {
    http::ServerConnection peer(*stream, http::Bounds{});
    while (peer.keep_alive()) {
        stream->expires_after(kIdleMax);
        Result<http::RequestHead> head = co_await peer.read_head();
        if (!head.has_value()) {
            co_return;
        }
        Result<std::string> body = co_await read_body(peer);
        Reply reply;
        if (body.has_value()) {
            reply = co_await route(runtime, head.value(), std::move(body.value()));
        } else {
            reply = failed(body.error());
            peer.must_close();
        }
        if (leaves_record(head.value(), reply.status)) {
            std::string peer_name = net::to_string(stream->peer());
            const model::Reason reason = reason_of(reply.status);
            co_await record_refused(runtime, "api", std::move(peer_name), head.value(), reason,
                                    reply.why);
        }
        http::ResponseHead answer{reply.status, {{"Content-Type", std::string(reply.type)}}};
        http::set(answer.headers, "Date", imf_fixdate(runtime.clock.wall()));
        http::set(answer.headers, "Cache-Control", "no-store");
        const Result<void> written =
            co_await peer.write_message(answer, as_bytes(reply.body), false);
        if (!written.has_value()) {
            co_return;
        }
    }
}

}  // namespace narrows::gateway
