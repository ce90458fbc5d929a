#include "protocols/aws/adapter/proof.h"

#include <algorithm>

#include <fmt/format.h>

#include "codec/text.h"
#include "protocols/aws/adapter/post_object.h"
#include "protocols/aws/adapter/region_set.h"
#include "protocols/aws/sigv4/presigned.h"
#include "protocols/aws/sigv4/s3_keys.h"
#include "protocols/aws/sigv4/sigv4a.h"

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

bool is_in_query(Scheme scheme) {
    return scheme == Scheme::sigv4_query || scheme == Scheme::sigv4a_query;
}

/// The forms of proof in a request's head that are verified.
bool is_verified(Scheme scheme) {
    return is_in_header(scheme) || is_in_query(scheme) || scheme == Scheme::sigv2_query ||
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
std::string region_of(const std::vector<std::string>& regions, const http::RequestHead& head) {
    const std::string host = codec::lower(http::header(head.headers, "host"));
    const std::vector<std::string_view> labels = codec::split(host, '.');
    for (const std::string& region : regions) {
        const bool named = std::any_of(labels.begin(), labels.end(), [&](std::string_view label) {
            return label == region || label == "s3-" + region;
        });
        if (named) {
            return region;
        }
    }
    return regions.empty() ? "us-east-1" : regions.front();
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

}  // namespace

std::optional<Rejection> Proof::read(const sigv4::FormFields* form, ByteView digest_key) {
    form_ = form;
    presented_ = form == nullptr ? sigv4::classify(received_, digest_key)
                                 : sigv4::classify_form(*form, digest_key);
    if (form == nullptr && !is_verified(presented_.scheme)) {
        return unsupported_scheme(presented_.scheme);
    }
    const Result<void> read = read_strictly();
    return read.has_value() ? std::nullopt : std::optional(unreadable(read.error()));
}

Result<void> Proof::read_strictly() {
    if (is_in_header(presented_.scheme)) {
        NARROWS_TRY(sigv4::Authorization authorization, sigv4::read_authorization(received_));
        authorization_.emplace(std::move(authorization));
        return ok();
    }
    if (form_ != nullptr) {
        NARROWS_TRY(sigv4::Authorization authorization, sigv4::read_form(*form_));
        NARROWS_TRY(http::RequestHead put, put_of_form(received_, *form_));
        authorization_.emplace(std::move(authorization));
        asks_.emplace(std::move(put));
        return ok();
    }
    if (presented_.scheme == Scheme::bearer) {
        const std::string_view value = http::header(received_.headers, "authorization");
        authorization_.emplace();
        authorization_->scheme = Scheme::bearer;
        authorization_->session_token =
            Secret(codec::trim(value.substr(std::min(kBearer.size(), value.size()))));
        return ok();
    }
    const bool v2 = presented_.scheme == Scheme::sigv2_query;
    NARROWS_TRY(sigv4::Presigned presigned,
                v2 ? sigv4::read_presigned_v2(received_) : sigv4::read_presigned(received_));
    authorization_.emplace(std::move(presigned.authorization));
    asks_.emplace(std::move(presigned.request));
    return ok();
}

Rejection Proof::unreadable(const Error& error) const {
    if (form_ != nullptr) {
        return reject_as_bad(Reason::not_authenticated, "InvalidPolicyDocument", error.what);
    }
    return is_in_query(presented_.scheme)
               ? reject_as_bad(Reason::not_authenticated, "AuthorizationQueryParametersError",
                               error.what)
               : reject(Reason::not_authenticated, "IncompleteSignature", error.what);
}

net::Task<std::optional<Rejection>> Proof::open(signer::Client& signer) {
    const identity::TokenUse use = use_of(*authorization_);
    Result<std::shared_ptr<const signer::Opened>> opened = co_await signer.open_token(
        use, authorization_->session_token.text(), authorization_->key_id);
    if (!opened.has_value()) {
        co_return not_opened(presented_.scheme, opened.error());
    }
    opened_ = std::move(opened.value());
    presented_.key_id = opened_->claims.key_id;
    co_return std::nullopt;
}

void Proof::complete_scope(const std::vector<std::string>& regions) {
    if (authorization_->scope.service.empty()) {
        const bool bearer = authorization_->scheme == Scheme::bearer;
        authorization_->scope = {"", region_of(regions, received_), bearer ? kBearerService : "s3"};
    }
}

void Proof::stand_by_tunnel(const UnsignedScope& scope) {
    authorization_.emplace();
    authorization_->scheme = Scheme::none;
    authorization_->scope = {"", scope.region, std::string(scope.signing_name)};
}

codec::Map Proof::record() const {
    codec::Map fields;
    fields.emplace("scheme", sigv4::name_of(presented_.scheme));
    fields.emplace("key_id", presented_.key_id);
    fields.emplace("scope", presented_.scope);
    fields.emplace("presented_hmac", presented_.fingerprint);
    if (authorization_ && is_ecdsa()) {
        fields.emplace("region_set", sigv4::region_set_text(authorization_->region_set));
    }
    if (is_for_one_use()) {
        fields.emplace("once", true);
    }
    return fields;
}

bool Proof::proves_nothing() const {
    return presented_.scheme == Scheme::none && form_ == nullptr;
}

bool Proof::is_for_one_use() const {
    return opened_ && use_of(*authorization_) == identity::TokenUse::once;
}

bool Proof::is_of(const sigv4::Authorization& other) const {
    return other.key_id == authorization_->key_id &&
           other.session_token.text() == authorization_->session_token.text();
}

std::string_view Proof::service() const {
    if (authorization_) {
        return authorization_->scope.service;
    }
    return is_form_post(received_) ? "s3" : "";
}

std::vector<std::string> Proof::regions() const {
    return regions_of(*authorization_);
}

std::optional<Proof::Claim> Proof::claim() const {
    const bool ecdsa = sigv4::is_sigv4a(presented_.scheme);
    if (!is_in_header(presented_.scheme) && !is_in_query(presented_.scheme)) {
        return std::nullopt;
    }
    const std::vector<std::string_view> scope = codec::split(presented_.scope, '/');
    if (scope.size() < 3) {
        return std::nullopt;
    }
    return ecdsa ? Claim{"", scope[1]} : Claim{scope[1], scope[2]};
}

/// https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html
std::string_view Proof::why_not_for(Service service) const {
    const bool takes_bearer = service.id() == "bedrock" || service.id() == "bedrock-runtime";
    return authorization_->scheme == Scheme::bearer && !takes_bearer
               ? "its service takes no bearer tokens; sign with the session's keys"
               : "";
}

model::Context Proof::condition_keys(WallNs now, std::string_view content_sha256) const {
    const WallNs signed_at = authorization_->time;
    const auto age_ms = signed_at == 0 ? std::nullopt : std::optional((now - signed_at) / kNsPerMs);
    return sigv4::s3_keys(service(), {presented_.scheme, age_ms, content_sha256});
}

Result<void> Proof::verify_in_header(const Services& services,
                                     std::optional<crypto::Digest> body_sha256) const {
    NARROWS_TRY(sigv4::verify(received_, *authorization_, key_for(*authorization_, services.keys),
                              body_sha256, services.clock.wall(), services.limits.clock_skew_s));
    return ok();
}

Result<void> Proof::verify_in_query(const Services& services, std::string_view bucket,
                                    std::optional<crypto::Digest> body_sha256) const {
    const WallNs now = services.clock.wall();
    if (authorization_->scheme == Scheme::sigv2_query) {
        return sigv4::verify_presigned_v2(*asks_, *authorization_, opened_->secret, bucket, now);
    }
    return sigv4::verify_presigned(received_, *authorization_,
                                   key_for(*authorization_, services.keys), body_sha256, now,
                                   services.limits.clock_skew_s);
}

/// The policy's signature, then what the policy says of the form.
Result<void> Proof::verify_in_form(const Services& services, std::string_view host_bucket) const {
    NARROWS_TRY(const std::string bucket, bucket_of_form(received_, host_bucket));
    if (authorization_->scheme == Scheme::sigv2_post) {
        NARROWS_TRY(sigv4::verify_form_v2(*form_, *authorization_, opened_->secret));
    } else {
        const sigv4::SigningKey key = services.keys.get(opened_->secret, authorization_->scope);
        NARROWS_TRY(sigv4::verify_form(*form_, *authorization_, key));
    }
    NARROWS_TRY(sigv4::check_policy(*form_, bucket, services.clock.wall()));
    return ok();
}

std::optional<Rejection> Proof::verify(const Services& services, std::string_view bucket,
                                       std::optional<crypto::Digest> body_sha256) const {
    const Scheme scheme = authorization_->scheme;
    if (scheme == Scheme::bearer || scheme == Scheme::none) {
        return std::nullopt;  // the token, once opened, is the proof; or the tunnel is
    }
    const bool in_header = is_in_header(scheme);
    const Result<void> held = form_ != nullptr ? verify_in_form(services, bucket)
                              : in_header      ? verify_in_header(services, body_sha256)
                                               : verify_in_query(services, bucket, body_sha256);
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

std::optional<Rejection> Proof::check_payload(const sigv4::Payload& payload) const {
    if (proves_nothing() && (payload.chunked() || payload.kind == sigv4::PayloadKind::events)) {
        return reject(Reason::not_authenticated, "MissingAuthenticationToken",
                      "The body is one of signed uploads, and the request carries no signature");
    }
    if (payload.chunks_signed() && payload.ecdsa() != is_ecdsa()) {
        return reject(Reason::not_recognised, "AccessDenied",
                      "The chunks of the body are signed with another algorithm than the "
                      "request itself");
    }
    return std::nullopt;
}

std::optional<Rejection> Proof::check_size(std::uint64_t size, std::string_view bucket,
                                           WallNs now) const {
    if (form_ == nullptr) {
        return std::nullopt;
    }
    const Result<std::string> to = bucket_of_form(received_, bucket);
    const Result<sigv4::FileBounds> bounds =
        sigv4::check_policy(*form_, to.has_value() ? to.value() : "", now);
    if (!bounds.has_value()) {
        return reject(Reason::not_authenticated, "AccessDenied", bounds.error().what);
    }
    const bool small = size < bounds.value().bytes_min;
    if (!small && size <= bounds.value().bytes_max) {
        return std::nullopt;
    }
    return reject_as_bad(Reason::not_authenticated, small ? "EntityTooSmall" : "EntityTooLarge",
                         fmt::format("The file has {} bytes; the form's policy wants {} to {}",
                                     size, bounds.value().bytes_min, bounds.value().bytes_max));
}

bool Proof::vouches_for_events() const {
    return presented_.scheme == Scheme::sigv4_header;
}

std::unique_ptr<sigv4::ChunkVerifier> Proof::chunk_verifier(sigv4::KeyCache& keys) const {
    return sigv4::chunk_verifier(key_for(*authorization_, keys), *authorization_);
}

sigv4::EventSigner Proof::event_verifier(sigv4::KeyCache& keys) const {
    const auto key_of = [this, &keys](const sigv4::CredentialScope& scope) {
        return keys.get(opened_->secret, scope);
    };
    return {key_of, authorization_->scope, authorization_->signature};
}

sigv4::Key Proof::key_for(const sigv4::Authorization& other, sigv4::KeyCache& keys) const {
    return keys.verifying_key(opened_->secret, other);
}

}  // namespace narrows::aws
