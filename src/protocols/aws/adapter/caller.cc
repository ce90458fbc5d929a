#include "protocols/aws/adapter/caller.h"

#include <algorithm>

#include "codec/text.h"
#include "protocols/aws/adapter/post_object.h"

namespace narrows::aws {

using model::Reason;
using sigv4::Scheme;

namespace {

constexpr std::string_view kBearer = "Bearer ";
constexpr std::string_view kOnce = "nrw_once_";
/// What the services that take bearer tokens sign as.
constexpr const char* kBearerService = "bedrock";

Rejection unsupported_scheme(Scheme scheme) {
    if (scheme == Scheme::none) {
        return reject(Reason::not_authenticated, "MissingAuthenticationToken",
                      "The request carries no signature, and nothing else tells whose it is; "
                      "operations that need none are let through in proxy mode, where a connection "
                      "of the session names them");
    }
    return reject(Reason::not_supported, "AccessDenied",
                  std::string("Requests proven by ") + sigv4::name_of(scheme) +
                      " are denied here; sign with the session's keys and Signature Version 4");
}

bool is_in_header(Scheme scheme) {
    return scheme == Scheme::sigv4_header || scheme == Scheme::sigv4a_header;
}

/// The forms of proof in a request's head that are verified.
bool is_verified(Scheme scheme) {
    return is_in_header(scheme) || scheme == Scheme::sigv4_query ||
           scheme == Scheme::sigv4a_query || scheme == Scheme::sigv2_query ||
           scheme == Scheme::bearer;
}

Rejection not_opened(Scheme scheme, const Error& error) {
    if (error.code == ErrorCode::unauthenticated && scheme == Scheme::bearer) {
        return reject(Reason::not_authenticated, "AccessDeniedException",
                      "The bearer token is not one that this gateway issued; AWS's own are not "
                      "taken here: use the session's, or sign with the session's keys");
    }
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
    if (is_in_header(caller.presented.scheme)) {
        NARROWS_TRY(sigv4::Authorization authorization, sigv4::read_authorization(head));
        caller.authorization.emplace(std::move(authorization));
        return ok();
    }
    if (caller.form != nullptr) {
        NARROWS_TRY(sigv4::Authorization authorization, sigv4::read_form(*caller.form));
        NARROWS_TRY(http::RequestHead put, put_of_form(head, *caller.form));
        caller.authorization.emplace(std::move(authorization));
        caller.asks.emplace(std::move(put));
        return ok();
    }
    if (caller.presented.scheme == Scheme::bearer) {
        const std::string_view value = http::header(head.headers, "authorization");
        caller.authorization.emplace();
        caller.authorization->scheme = Scheme::bearer;
        caller.authorization->session_token =
            Secret(codec::trim(value.substr(std::min(kBearer.size(), value.size()))));
        return ok();
    }
    const bool v2 = caller.presented.scheme == Scheme::sigv2_query;
    NARROWS_TRY(sigv4::Presigned presigned,
                v2 ? sigv4::read_presigned_v2(head) : sigv4::read_presigned(head));
    caller.authorization.emplace(std::move(presigned.authorization));
    caller.asks.emplace(std::move(presigned.request));
    return ok();
}

Rejection unreadable(const Caller& caller, const Error& error) {
    const Scheme scheme = caller.presented.scheme;
    const bool in_query = scheme == Scheme::sigv4_query || scheme == Scheme::sigv4a_query;
    if (caller.form == nullptr && !in_query) {
        return reject(Reason::not_authenticated, "IncompleteSignature", error.what);
    }
    Rejection rejection = reject(
        Reason::not_authenticated,
        caller.form != nullptr ? "InvalidPolicyDocument" : "AuthorizationQueryParametersError",
        error.what);
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
    const sigv4::Key key = services.keys.verifying_key(caller.opened->secret, authorization);
    return sigv4::verify_presigned(head, authorization, key, body_sha256, now,
                                   services.limits.clock_skew_s);
}

/// The policy's signature, then what the policy says of the form.
Result<void> verify_in_form(const Services& services, const Caller& caller,
                            const http::RequestHead& head, std::string_view host_bucket) {
    const sigv4::Authorization& authorization = *caller.authorization;
    NARROWS_TRY(const std::string bucket, bucket_of_form(head, host_bucket));
    if (authorization.scheme == Scheme::sigv2_post) {
        NARROWS_TRY(sigv4::verify_form_v2(*caller.form, authorization, caller.opened->secret));
    } else {
        const sigv4::SigningKey key = services.keys.get(caller.opened->secret, authorization.scope);
        NARROWS_TRY(sigv4::verify_form(*caller.form, authorization, key));
    }
    NARROWS_TRY(sigv4::check_policy(*caller.form, bucket, services.clock.wall()));
    return ok();
}

Result<void> verify_in_header(const Services& services, const Caller& caller,
                              const http::RequestHead& head,
                              std::optional<crypto::Digest> body_sha256) {
    const sigv4::Authorization& authorization = *caller.authorization;
    const sigv4::Key key = services.keys.verifying_key(caller.opened->secret, authorization);
    NARROWS_TRY(sigv4::verify(head, authorization, key, body_sha256, services.clock.wall(),
                              services.limits.clock_skew_s));
    return ok();
}

/// What the token that was presented must have been sealed for.
identity::TokenUse use_of(const sigv4::Authorization& authorization) {
    if (authorization.scheme == Scheme::bearer) {
        return identity::TokenUse::bearer;
    }
    const bool once = authorization.scheme == Scheme::sigv4_query &&
                      authorization.session_token.text().starts_with(kOnce);
    return once ? identity::TokenUse::once : identity::TokenUse::aws;
}

/// The connection that a credential is for: a URL's key is no connection's.
std::optional<std::size_t> connection_of(const session::Session& session, const Caller& caller) {
    const identity::TokenClaims& claims = caller.opened->claims;
    if (!caller.once) {
        return session.connection_of_key(claims.key_id);
    }
    const std::vector<session::Connection>& granted = session.terms().connections;
    const auto found =
        std::find_if(granted.begin(), granted.end(),
                     [&](const session::Connection& c) { return c.name == claims.connection; });
    return found == granted.end() ? std::nullopt : std::optional(found - granted.begin());
}

std::optional<Rejection> check_derived(const Services& services, const Caller& caller) {
    const bool s3_session = caller.derived && caller.derived->s3_session;
    const sigv4::Authorization& authorization = *caller.authorization;
    if (authorization.s3_session != s3_session ||
        (s3_session && authorization.scope.service != "s3express")) {
        return reject(Reason::not_authenticated, "InvalidClientTokenId",
                      "Credentials of S3's CreateSession are for S3 Express alone, and others are "
                      "not for it: the session token stands in the wrong header");
    }
    if (caller.derived && caller.derived->expires_at <= services.clock.wall()) {
        return reject(Reason::not_authenticated, "ExpiredToken",
                      "The credentials have expired, as AWS said when it gave them");
    }
    return std::nullopt;
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
    if (!caller.once) {
        caller.derived = session->derived_of_key(caller.opened->claims.key_id);
    }
    const auto connection = caller.derived ? std::optional(caller.derived->connection)
                                           : connection_of(*session, caller);
    if (!connection) {
        // Minted by a gateway of this group for this session: one of AWS's answers, held no more.
        return reject(Reason::not_authenticated, "ExpiredToken",
                      "The credentials were given in an answer of AWS's and ended with a restart "
                      "of the gateway; ask for new ones");
    }
    caller.session = std::move(session);
    caller.connection = *connection;
    if (authorization.scope.service.empty()) {
        const bool bearer = authorization.scheme == Scheme::bearer;
        authorization.scope = {"", region_of(caller.granted(), head),
                               bearer ? kBearerService : "s3"};
    }
    return check_derived(services, caller);
}

}  // namespace

Rejection reject(Reason reason, std::string code, std::string why) {
    Rejection rejection;
    rejection.decision.reason = reason;
    rejection.decision.why = std::move(why);
    rejection.code = std::move(code);
    return rejection;
}

Rejection not_recognised(const Error& error) {
    return reject(
        error.code == ErrorCode::unsupported ? Reason::not_supported : Reason::not_recognised,
        "AccessDenied", error.what);
}

bool takes_bearer(std::string_view service_id) {
    return service_id == "bedrock" || service_id == "bedrock-runtime";
}

net::Task<Caller> identify(const Services& services, const http::RequestHead& head,
                           const sigv4::FormFields* form) {
    Caller caller;
    caller.form = form;
    caller.presented = form == nullptr ? sigv4::classify(head, services.commitment_key)
                                       : sigv4::classify_form(*form, services.commitment_key);
    const Scheme scheme = caller.presented.scheme;
    if (form == nullptr && !is_verified(scheme)) {
        caller.rejection = unsupported_scheme(scheme);
        co_return caller;
    }
    const Result<void> read = read_proof(head, caller);
    if (!read.has_value()) {
        caller.rejection = unreadable(caller, read.error());
        co_return caller;
    }
    const identity::TokenUse use = use_of(*caller.authorization);
    Result<std::shared_ptr<const signer::Opened>> opened = co_await services.signer.open_token(
        use, caller.authorization->session_token.text(), caller.authorization->key_id);
    if (!opened.has_value()) {
        caller.rejection = not_opened(scheme, opened.error());
        co_return caller;
    }
    caller.opened = std::move(opened.value());
    caller.once = use == identity::TokenUse::once;
    caller.presented.key_id = caller.opened->claims.key_id;
    caller.rejection = find_session(services, caller, head);
    co_return caller;
}

std::optional<Rejection> verify(const Services& services, const Caller& caller,
                                const http::RequestHead& head, std::string_view bucket,
                                std::optional<crypto::Digest> body_sha256) {
    const Scheme scheme = caller.authorization->scheme;
    if (scheme == Scheme::bearer || scheme == Scheme::none) {
        return std::nullopt;  // the token, once opened, is the proof; or the tunnel is
    }
    const bool in_header = is_in_header(caller.authorization->scheme);
    const Result<void> held =
        caller.form != nullptr ? verify_in_form(services, caller, head, bucket)
        : in_header            ? verify_in_header(services, caller, head, body_sha256)
                               : verify_in_query(services, caller, head, bucket, body_sha256);
    if (held.has_value()) {
        return std::nullopt;
    }
    std::string code = "SignatureDoesNotMatch";
    if (held.error().code == ErrorCode::denied) {
        code = "AccessDenied";
    } else if (held.error().code == ErrorCode::timeout) {
        code = in_header ? "RequestTimeTooSkewed" : "AccessDenied";
    }
    return reject(Reason::not_authenticated, std::move(code), held.error().what);
}

}  // namespace narrows::aws
