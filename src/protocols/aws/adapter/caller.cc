#include "protocols/aws/adapter/caller.h"

#include <algorithm>

#include "codec/text.h"

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
                      " are denied here; sign with the session's keys and Signature Version 4");
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

/// The region that a Host names among the connection's, else the connection's first.
std::string region_of(const session::Connection& granted, const http::RequestHead& head) {
    const std::string host = codec::lower(http::header(head.headers, "host"));
    const std::vector<std::string_view> labels = codec::split(host, '.');
    for (const std::string& region : granted.regions) {
        const bool named = std::any_of(labels.begin(), labels.end(), [&](std::string_view label) {
            return label == region || label == "s3-" + region;
        });
        if (named) {
            return region;
        }
    }
    return granted.regions.empty() ? "us-east-1" : granted.regions.front();
}

/// Reads the proof in the one place where the request has it.
Result<void> read_proof(const http::RequestHead& head, Caller& caller) {
    if (caller.presented.scheme == Scheme::sigv4_header) {
        NARROWS_TRY(sigv4::Authorization authorization, sigv4::read_authorization(head));
        caller.authorization.emplace(std::move(authorization));
        return ok();
    }
    const bool v4 = caller.presented.scheme == Scheme::sigv4_query;
    NARROWS_TRY(sigv4::Presigned presigned,
                v4 ? sigv4::read_presigned(head) : sigv4::read_presigned_v2(head));
    caller.authorization.emplace(std::move(presigned.authorization));
    caller.asks.emplace(std::move(presigned.request));
    return ok();
}

Rejection unreadable(Scheme scheme, const Error& error) {
    if (scheme != Scheme::sigv4_query) {
        return reject(Reason::not_authenticated, "IncompleteSignature", error.what);
    }
    Rejection rejection =
        reject(Reason::not_authenticated, "AuthorizationQueryParametersError", error.what);
    rejection.status = 400;
    return rejection;
}

Result<void> verify_in_query(const Services& services, const Caller& caller,
                             const http::RequestHead& head, std::string_view bucket,
                             std::optional<crypto::Digest> body_sha256) {
    const sigv4::Authorization& authorization = *caller.authorization;
    const WallNs now = services.clock.wall();
    if (authorization.scheme == Scheme::sigv2_query) {
        return sigv4::verify_presigned_v2(*caller.asks, authorization, caller.opened->secret,
                                          bucket, now);
    }
    const sigv4::SigningKey key = services.keys.get(caller.opened->secret, authorization.scope);
    return sigv4::verify_presigned(head, authorization, key, body_sha256, now,
                                   services.limits.clock_skew_s);
}

Result<void> verify_in_header(const Services& services, const Caller& caller,
                              const http::RequestHead& head,
                              std::optional<crypto::Digest> body_sha256) {
    const sigv4::Authorization& authorization = *caller.authorization;
    const sigv4::SigningKey key = services.keys.get(caller.opened->secret, authorization.scope);
    NARROWS_TRY(sigv4::verify(head, authorization, key, body_sha256, services.clock.wall(),
                              services.limits.clock_skew_s));
    return ok();
}

/// From an opened token to the session it names.
std::optional<Rejection> find_session(const Services& services, Caller& caller,
                                      const http::RequestHead& head) {
    sigv4::Authorization& authorization = *caller.authorization;
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
    if (authorization.scheme == Scheme::sigv2_query) {
        authorization.scope = {"", region_of(caller.granted(), head), "s3"};
    }
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
    const Scheme scheme = caller.presented.scheme;
    if (scheme != Scheme::sigv4_header && scheme != Scheme::sigv4_query &&
        scheme != Scheme::sigv2_query) {
        caller.rejection = unsupported_scheme(scheme);
        co_return caller;
    }
    const Result<void> read = read_proof(head, caller);
    if (!read.has_value()) {
        caller.rejection = unreadable(scheme, read.error());
        co_return caller;
    }
    Result<std::shared_ptr<const signer::Opened>> opened = co_await services.signer.open_token(
        identity::TokenUse::aws, caller.authorization->session_token.text(),
        caller.authorization->key_id);
    if (!opened.has_value()) {
        caller.rejection = not_opened(opened.error());
        co_return caller;
    }
    caller.opened = std::move(opened.value());
    caller.rejection = find_session(services, caller, head);
    co_return caller;
}

std::optional<Rejection> verify(const Services& services, const Caller& caller,
                                const http::RequestHead& head, std::string_view bucket,
                                std::optional<crypto::Digest> body_sha256) {
    const bool in_header = caller.authorization->scheme == Scheme::sigv4_header;
    const Result<void> held = in_header
                                  ? verify_in_header(services, caller, head, body_sha256)
                                  : verify_in_query(services, caller, head, bucket, body_sha256);
    if (held.has_value()) {
        return std::nullopt;
    }
    std::string code = "SignatureDoesNotMatch";
    if (held.error().code == ErrorCode::timeout) {
        code = in_header ? "RequestTimeTooSkewed" : "AccessDenied";
    }
    return reject(Reason::not_authenticated, std::move(code), held.error().what);
}

}  // namespace narrows::aws
