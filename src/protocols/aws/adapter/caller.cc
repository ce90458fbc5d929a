#include "protocols/aws/adapter/caller.h"

namespace narrows::aws {

using model::Reason;
using sigv4::Scheme;

namespace {

Rejection unsupported_scheme(Scheme scheme) {
    if (scheme == Scheme::none) {
        return reject(Reason::not_authenticated, "MissingAuthenticationToken",
                      "The request carries no signature; unsigned operations are denied here");
    }
    return reject(Reason::not_supported, "AccessDenied",
                  std::string("Requests proven by ") + sigv4::name_of(scheme) +
                      " are denied here; sign with the session's keys in the Authorization header");
}

Rejection not_opened(const Error& error) {
    if (error.code == ErrorCode::unauthenticated) {
        return reject(Reason::not_authenticated, "InvalidClientTokenId",
                      "The access key or session token is not one that this gateway issued");
    }
    Rejection later = reject(Reason::not_authenticated, "ServiceUnavailable",
                             "The credential cannot be checked now: " + error.what);
    later.status = 503;
    return later;
}

/// From an opened token to the session it names.
std::optional<Rejection> find_session(const Services& services, Caller& caller) {
    const sigv4::Authorization& authorization = *caller.authorization;
    session::SessionPtr session = services.sessions.find(caller.opened->claims.session);
    if (!session) {
        return reject(Reason::session_over, "ExpiredToken",
                      "The session that these credentials name is over or not known here");
    }
    const auto connection = session->connection_of_key(authorization.key_id);
    if (!connection) {
        return reject(Reason::not_authenticated, "InvalidClientTokenId",
                      "The access key belongs to no connection of its session");
    }
    caller.session = std::move(session);
    caller.connection = *connection;
    return std::nullopt;
}

}  // namespace

Rejection reject(Reason reason, std::string code, std::string why) {
    Rejection rejection;
    rejection.decision.reason = reason;
    rejection.decision.why = std::move(why);
    rejection.code = std::move(code);
    return rejection;
}

net::Task<Caller> identify(const Services& services, const http::RequestHead& head) {
    Caller caller;
    caller.presented = sigv4::classify(head, services.commitment_key);
    if (caller.presented.scheme != Scheme::sigv4_header) {
        caller.rejection = unsupported_scheme(caller.presented.scheme);
        co_return caller;
    }
    Result<sigv4::Authorization> authorization = sigv4::read_authorization(head);
    if (!authorization.has_value()) {
        caller.rejection =
            reject(Reason::not_authenticated, "IncompleteSignature", authorization.error().what);
        co_return caller;
    }
    caller.authorization.emplace(std::move(authorization.value()));
    Result<std::shared_ptr<const signer::Opened>> opened = co_await services.signer.open_token(
        identity::TokenUse::aws, caller.authorization->session_token.text(),
        caller.authorization->key_id);
    if (!opened.has_value()) {
        caller.rejection = not_opened(opened.error());
        co_return caller;
    }
    caller.opened = std::move(opened.value());
    caller.rejection = find_session(services, caller);
    co_return caller;
}

std::optional<Rejection> verify(const Services& services, const Caller& caller,
                                const http::RequestHead& head,
                                std::optional<crypto::Digest> body_sha256) {
    const sigv4::Authorization& authorization = *caller.authorization;
    const sigv4::SigningKey key = services.keys.get(caller.opened->secret, authorization.scope);
    const Result<sigv4::Verified> verified = sigv4::verify(
        head, authorization, key, body_sha256, services.clock.wall(), services.limits.clock_skew_s);
    if (verified.has_value()) {
        return std::nullopt;
    }
    const bool skewed = verified.error().code == ErrorCode::timeout;
    return reject(Reason::not_authenticated,
                  skewed ? "RequestTimeTooSkewed" : "SignatureDoesNotMatch", verified.error().what);
}

}  // namespace narrows::aws
