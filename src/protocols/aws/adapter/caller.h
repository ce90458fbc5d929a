#pragma once

#include <memory>
#include <optional>
#include <string>

#include "http/message.h"
#include "model/decision.h"
#include "protocols/aws/adapter/services.h"
#include "protocols/aws/sigv4/post_policy.h"
#include "protocols/aws/sigv4/presigned.h"
#include "session/session.h"

namespace narrows::aws {

/// Why a request gets no further, with AWS's own code for it.
struct Rejection {
    model::Decision decision;
    std::string code;  ///< "SignatureDoesNotMatch"
    int status = 403;
};
Rejection reject(model::Reason reason, std::string code, std::string why);
/// What cannot be understood, or is understood and not served.
Rejection not_recognised(const Error& error);

/// Who presented a request: a session's connection, as far as could be told.
struct Caller {
    session::SessionPtr session;  ///< null: charge the lobby
    std::size_t connection = 0;
    std::optional<session::Derived> derived;  ///< the credential is one of AWS's answers
    sigv4::Presented presented;
    /// The proof. Of one without a credential scope, service and region are put in: S3, and the
    /// region that the Host names, if the connection has it, else the connection's first.
    std::optional<sigv4::Authorization> authorization;
    /// What is asked, where the proof was taken out of the request; else the request itself.
    std::optional<http::RequestHead> asks;
    std::shared_ptr<const signer::Opened> opened;  ///< its token, with the secret that verifies it
    std::optional<Rejection> rejection;            ///< set: nothing else is to be believed
    bool once = false;                             ///< by a URL for a single use
    const sigv4::FormFields* form = nullptr;       ///< where the proof stands in a form

    const session::Connection& granted() const { return session->terms().connections[connection]; }
    const std::string& account() const { return derived ? derived->account : granted().account; }
    /// Whose AWS credentials sign for it.
    upstream::Lease lease() const {
        const upstream::Lease of{session->terms().id, granted().name};
        return derived ? upstream::derived_lease(of, derived->key_id) : of;
    }
};

/// Reads the credential of a request, or of the form that it brings (else null, and it outlives the
/// caller), and finds the session and connection it names. The signature is not verified here.
/// Never fails: what is wrong is the rejection.
net::Task<Caller> identify(const Services& services, const http::RequestHead& head,
                           const sigv4::FormFields* form);

/// Services that a bearer token opens:
/// https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html
bool takes_bearer(std::string_view service_id);

/// Verifies the proof of `head`, as received, with the session's own secret. `bucket` is the one
/// that the host names. `body_sha256` for requests that do not declare a hash. Nothing, or why not.
std::optional<Rejection> verify(const Services& services, const Caller& caller,
                                const http::RequestHead& head, std::string_view bucket,
                                std::optional<crypto::Digest> body_sha256);

}  // namespace narrows::aws
