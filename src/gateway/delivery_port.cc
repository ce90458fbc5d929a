#include "gateway/delivery_port.h"

#include "codec/json.h"
#include "codec/text.h"
#include "gateway/agent_port.h"
#include "identity/delivery.h"

namespace narrows::gateway {
namespace {

constexpr std::string_view kPrefix = "/.narrows/";
constexpr std::string_view kCredentials = "/.narrows/credentials";

struct Reply {
    int status = 200;
    std::string_view type = "application/json";
    std::string body;
};

Reply refusal(std::string_view why) {
    codec::Map map;
    map.emplace("code", "AccessDenied");
    map.emplace("message", why);
    return {403, "application/json", codec::json_encode(codec::Value(std::move(map)))};
}

Reply unavailable(const Error& error) {
    return {503, "text/plain", error.what + "\n"};
}

/// The credentials that the session has for a connection, as the container endpoint gives them.
net::Task<Reply> credentials_reply(Runtime& runtime, session::SessionPtr session,
                                   std::string_view connection, const std::string& peer) {
    const session::Terms& terms = session->terms();
    for (const session::Connection& granted : terms.connections) {
        if (!connection.empty() && granted.name != connection) {
            continue;
        }
        std::vector<identity::TokenClaims> claims;
        claims.push_back({terms.id, granted.name, granted.key_id, terms.expires_at, terms.agent,
                          terms.principal});
        const auto minted = co_await runtime.signer->mint(std::move(claims), false);
        if (!minted.has_value()) {
            co_return unavailable(minted.error());
        }
        codec::Map fields;
        fields.emplace("what", "credentials handed out");
        fields.emplace("connection", granted.name);
        fields.emplace("peer", peer);
        if (!session->log().control_unawaited(recording::RecordKind::notice,
                                              recording::observed(std::move(fields)))) {
            co_return Reply{503, "text/plain", "it cannot be recorded now\n"};
        }
        co_return Reply{200, "application/json",
                        identity::container_credentials_json(minted.value().credentials.front())};
    }
    co_return refusal("the session has no such connection");
}

Reply session_reply(const session::Session& session) {
    const session::Terms& terms = session.terms();
    codec::Map map;
    map.emplace("session", terms.id.value());
    map.emplace("agent", terms.agent);
    map.emplace("expires_at", rfc3339(terms.expires_at));
    codec::List connections;
    for (const session::Connection& granted : terms.connections) {
        codec::Map entry;
        entry.emplace("name", granted.name);
        entry.emplace("scope", granted.scope.text());
        entry.emplace("regions", codec::List(granted.regions.begin(), granted.regions.end()));
        const std::vector<std::string>& named = granted.unsigned_operations;
        entry.emplace("unsigned", codec::List(named.begin(), named.end()));
        connections.emplace_back(std::move(entry));
    }
    map.emplace("connections", std::move(connections));
    return {200, "application/json", codec::json_encode(codec::Value(std::move(map)))};
}

net::Task<Reply> reply_to(Runtime& runtime, const http::RequestHead& head,
                          const std::string& peer) {
    if (head.method != "GET") {
        co_return Reply{405, "text/plain", "only GET\n"};
    }
    if (head.target == "/.narrows/ca.pem") {
        co_return Reply{200, "application/x-pem-file", runtime.certificates->ca_pem()};
    }
    const std::string_view token = http::header(head.headers, "authorization");
    const auto opened =
        co_await runtime.signer->open_token(identity::TokenUse::delivery, token, "");
    if (!opened.has_value() && opened.error().code != ErrorCode::unauthenticated) {
        co_return unavailable(opened.error());
    }
    if (!opened.has_value()) {
        co_return refusal("the authorization token is not one that this gateway issued");
    }
    const session::SessionPtr session = runtime.sessions.find(opened.value()->claims.session);
    if (!session || session->over(runtime.clock)) {
        co_return refusal("the session is over");
    }
    if (head.target == "/.narrows/session") {
        co_return session_reply(*session);
    }
    if (head.target.starts_with(kCredentials)) {
        std::string_view rest = std::string_view(head.target).substr(kCredentials.size());
        rest.remove_prefix(rest.starts_with('/') ? 1 : 0);
        co_return co_await credentials_reply(runtime, session, rest, peer);
    }
    co_return Reply{404, "text/plain", "nothing here\n"};
}

}  // namespace

bool is_delivery(const http::RequestHead& head) {
    return head.target.starts_with(kPrefix);
}

net::Task<void> serve_delivery(Runtime& runtime, http::ServerExchange& agent,
                               const http::RequestHead& head) {
    if (!agent.body_done()) {
        agent.must_close();
    }
    const std::string peer = net::to_string(agent.peer());
    const Reply reply = co_await reply_to(runtime, head, peer);
    if (reply.status == 403) {
        co_await record_refused(runtime, "delivery", peer, head, model::Reason::not_authenticated,
                                "no credentials were handed out");
    }
    const Result<void> written =
        co_await answer_plain(runtime, agent, reply.status, reply.type, reply.body);
    if (!written.has_value()) {
        agent.must_close();
    }
}

}  // namespace narrows::gateway
