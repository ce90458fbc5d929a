#pragma once

#include <optional>
#include <string>

#include "protocols/aws/adapter/arrival.h"
#include "protocols/aws/adapter/proof.h"

namespace narrows::aws {

/// Whose a request is: a session's connection, as far as could be told.
struct Caller {
    session::SessionPtr session;  ///< null: charge the lobby
    std::size_t connection = 0;
    std::optional<session::Derived> derived;  ///< the credential is one of AWS's answers

    const session::Connection& granted() const { return session->terms().connections[connection]; }
    const std::string& account() const { return derived ? derived->account : granted().account; }
    /// Whom AWS would take it for.
    std::string arn() const;
    /// Whose AWS credentials sign for it.
    upstream::Lease lease() const {
        const upstream::Lease of{session->terms().id, granted().name};
        return derived ? upstream::derived_lease(of, derived->key_id) : of;
    }
};

struct Identified {
    Caller caller;
    std::optional<Rejection> rejection;  ///< set: nothing else is to be believed
};

/// Reads the proof of a request, or of the form that it brings (else null), and finds the session
/// and connection that it names. It is not verified here. Never fails: what is wrong is the
/// rejection.
net::Task<Identified> identify(const Services& services, const Arrival& arrival,
                               const sigv4::FormFields* form, Proof& proof);

}  // namespace narrows::aws
