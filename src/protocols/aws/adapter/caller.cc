#include "protocols/aws/adapter/caller.h"

#include <algorithm>

#include <fmt/format.h>

namespace narrows::aws {

using model::Reason;

namespace {

/// The connection that a credential is for: the key of a URL for one use is no connection's.
std::optional<std::size_t> connection_of(const session::Session& session, const Proof& proof) {
    if (!proof.is_for_one_use()) {
        return session.connection_of_key(proof.claims().key_id);
    }
    const std::vector<session::Connection>& granted = session.terms().connections;
    const auto found = std::find_if(
        granted.begin(), granted.end(),
        [&](const session::Connection& c) { return c.name == proof.claims().connection; });
    return found == granted.end() ? std::nullopt : std::optional(found - granted.begin());
}

std::optional<Rejection> check_derived(const Clock& clock, const Caller& caller,
                                       const Proof& proof) {
    const bool s3_session = caller.derived && caller.derived->s3_session;
    if (proof.is_of_s3_session() != s3_session || (s3_session && proof.service() != "s3express")) {
        return reject(Reason::not_authenticated, "InvalidClientTokenId",
                      "Credentials of S3's CreateSession are for S3 Express alone, and others are "
                      "not for it: the session token stands in the wrong header");
    }
    if (caller.derived && caller.derived->expires_at <= clock.wall()) {
        return reject(Reason::not_authenticated, "ExpiredToken",
                      "The credentials have expired, as AWS said when it gave them");
    }
    return std::nullopt;
}

/// From an opened token to the session it names.
std::optional<Rejection> find_session(const Services& services, Proof& proof, Caller& caller) {
    session::SessionPtr session = services.sessions.find(proof.claims().session);
    if (!session) {
        return reject(Reason::session_over, "ExpiredToken",
                      "The session that these credentials name is over or not known here");
    }
    if (!proof.is_for_one_use()) {
        caller.derived = session->derived_of_key(proof.claims().key_id);
    }
    const auto connection =
        caller.derived ? std::optional(caller.derived->connection) : connection_of(*session, proof);
    if (!connection) {
        // Minted by a gateway of this group for this session: one of AWS's answers, held no more.
        return reject(Reason::not_authenticated, "ExpiredToken",
                      "The credentials were given in an answer of AWS's and ended with a restart "
                      "of the gateway; ask for new ones");
    }
    caller.session = std::move(session);
    caller.connection = *connection;
    proof.complete_scope(caller.granted().regions);
    return check_derived(services.clock, caller, proof);
}

/// Whose a request without a proof is, the tunnel that it came through tells; its service and
/// region, the host. The session is charged also where nothing of it is let through.
std::optional<Rejection> find_by_tunnel(const Services& services, const Arrival& arrival,
                                        Proof& proof, Caller& caller) {
    caller.session = services.sessions.find(arrival.proxied_by->terms().id);
    if (!caller.session) {
        return reject(Reason::session_over, "ExpiredToken",
                      "The session that opened the proxy connection is over");
    }
    const auto scope = unsigned_scope(services.catalogue, arrival.host);
    if (!scope) {
        return reject(Reason::not_authenticated, "MissingAuthenticationToken",
                      "The request carries no signature, and the host is of no service that has "
                      "operations which need none");
    }
    proof.stand_by_tunnel(*scope);
    return std::nullopt;
}

}  // namespace

std::string Caller::arn() const {
    if (derived && !derived->arn.empty()) {
        return derived->arn;
    }
    const session::Connection& of = granted();
    const std::size_t slash = of.role_arn.rfind('/');
    const std::string role = slash == std::string::npos ? "narrows" : of.role_arn.substr(slash + 1);
    return fmt::format("arn:{}:sts::{}:assumed-role/{}/{}", of.partition, of.account, role,
                       session->terms().id.value());
}

net::Task<Identified> identify(const Services& services, const Arrival& arrival,
                               const sigv4::FormFields* form, Proof& proof) {
    Identified found;
    found.rejection = proof.read(form, services.commitment_key);
    if (proof.proves_nothing() && arrival.proxied_by) {
        found.rejection = find_by_tunnel(services, arrival, proof, found.caller);
        co_return found;
    }
    if (!found.rejection) {
        found.rejection = co_await proof.open(services.signer);
    }
    if (!found.rejection) {
        found.rejection = find_session(services, proof, found.caller);
    }
    co_return found;
}

}  // namespace narrows::aws
