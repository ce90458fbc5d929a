#include "identity/registry.h"

#include <algorithm>
#include <set>

#include "codec/cbor.h"
#include "codec/text.h"

namespace narrows::identity {
namespace {

template <class T>
const T* find_named(const std::vector<T>& all, std::string_view id, std::string T::*member) {
    const auto at =
        std::find_if(all.begin(), all.end(), [&](const T& each) { return each.*member == id; });
    return at == all.end() ? nullptr : &*at;
}

codec::List list_of(const std::vector<std::string>& texts) {
    return codec::List(texts.begin(), texts.end());
}

bool contains(const std::vector<std::string>& texts, std::string_view text) {
    return std::find(texts.begin(), texts.end(), text) != texts.end();
}

bool fits_starter(const Grant& grant, const StartRequest& request) {
    return request.launcher ? contains(grant.launchers, *request.launcher) : grant.self_start;
}

bool fits_principal(const Grant& grant, std::string_view principal) {
    if (grant.principals.empty()) {
        return principal.empty();
    }
    return std::any_of(grant.principals.begin(), grant.principals.end(),
                       [&](const std::string& glob) { return glob_match(glob, principal); });
}

/// How far a grant goes towards a request, for the error that helps most.
enum class Fit { no_grant, starter, principal, lifetime, all };

Fit fit(const Grant& grant, const StartRequest& request, std::string_view connection) {
    if (grant.agent != request.agent || !contains(grant.connections, connection)) {
        return Fit::no_grant;
    }
    if (!fits_starter(grant, request)) {
        return Fit::starter;
    }
    if (!fits_principal(grant, request.principal)) {
        return Fit::principal;
    }
    return request.lifetime_s > grant.lifetime_max_s ? Fit::lifetime : Fit::all;
}

std::string starter_words(const StartRequest& request) {
    return request.launcher ? "be started by launcher \"" + *request.launcher + "\""
                            : "start its own session (self_start is false)";
}

Error no_grant(const StartRequest& request, const std::string& connection, Fit best,
               std::int64_t lifetime_max_s) {
    const std::string which =
        "agent \"" + request.agent + "\" may use connection \"" + connection + "\"";
    switch (best) {
        case Fit::starter:
            return {ErrorCode::denied, which + ", but no grant lets it " + starter_words(request) +
                                           "; ask the operator for a [[grant]] that does"};
        case Fit::principal:
            return {ErrorCode::denied,
                    which + ", but not for " +
                        (request.principal.empty() ? std::string("a session without a principal")
                                                   : "principal \"" + request.principal + "\"") +
                        "; name another principal or ask the operator to add it to the grant"};
        case Fit::lifetime:
            return {ErrorCode::denied, which + " for at most " + std::to_string(lifetime_max_s) +
                                           " s, and " + std::to_string(request.lifetime_s) +
                                           " s were asked; ask for less"};
        default:
            return {ErrorCode::denied, "no grant lets agent \"" + request.agent +
                                           "\" use connection \"" + connection +
                                           "\"; ask the operator to add a [[grant]]"};
    }
}

Result<Grant> grant_for(const Registry& registry, const StartRequest& request,
                        const std::string& connection) {
    Fit best = Fit::no_grant;
    std::int64_t lifetime_max_s = 0;
    const Grant* chosen = nullptr;
    for (const Grant& grant : registry.grants()) {
        const Fit this_fit = fit(grant, request, connection);
        best = std::max(best, this_fit);
        if (this_fit == Fit::lifetime) {
            lifetime_max_s = std::max(lifetime_max_s, grant.lifetime_max_s);
        }
        if (this_fit == Fit::all && (!chosen || grant.lifetime_max_s > chosen->lifetime_max_s)) {
            chosen = &grant;
        }
    }
    if (chosen == nullptr) {
        return fail(no_grant(request, connection, best, lifetime_max_s));
    }
    return *chosen;
}

Result<void> check_request(const Registry& registry, const StartRequest& request) {
    if (registry.agent(request.agent) == nullptr) {
        return fail(ErrorCode::not_found,
                    "the agent is not registered; ask the operator to add "
                    "an [[agent]] with its id");
    }
    if (request.launcher && registry.launcher(*request.launcher) == nullptr) {
        return fail(ErrorCode::not_found, "the launcher is no longer registered");
    }
    if (request.connections.empty()) {
        return fail(ErrorCode::invalid, "the session names no connection; name at least one");
    }
    const std::set<std::string> distinct(request.connections.begin(), request.connections.end());
    if (distinct.size() != request.connections.size()) {
        return fail(ErrorCode::invalid, "the session names a connection twice; name each once");
    }
    if (request.lifetime_s < 0 || request.lifetime_s > kLifetimeMaxS) {
        return fail(ErrorCode::invalid,
                    "a session lives from 1 s to 12 h; ask for a lifetime "
                    "within that");
    }
    if (request.principal.size() > kPrincipalMax || !codec::is_utf8(request.principal)) {
        return fail(ErrorCode::invalid, "the principal is not UTF-8 text of at most 256 bytes");
    }
    return ok();
}

}  // namespace

bool glob_match(std::string_view pattern, std::string_view text) {
    std::size_t p = 0;
    std::size_t t = 0;
    std::size_t star = std::string_view::npos;
    std::size_t resume = 0;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            resume = t;
        } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
            ++p;
            ++t;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

const char* name_of(Method method) {
    switch (method) {
        case Method::key:
            return "key";
        case Method::assertion:
            return "assertion";
        case Method::oidc:
            return "oidc";
    }
    return "unknown";
}

codec::Value to_value(const Grant& grant) {
    return codec::Map{{"agent", grant.agent},
                      {"connections", list_of(grant.connections)},
                      {"launchers", list_of(grant.launchers)},
                      {"principals", list_of(grant.principals)},
                      {"lifetime_max_s", grant.lifetime_max_s},
                      {"self_start", grant.self_start}};
}

codec::Value to_value(const Identity& identity) {
    return codec::Map{{"id", identity.id},
                      {"method", name_of(identity.method)},
                      {"issuer", identity.issuer},
                      {"claims", identity.claims},
                      {"proof_sha256", codec::hex(identity.proof)},
                      {"proof_expires", identity.proof_expires}};
}

Registry::Registry(std::vector<Issuer> issuers, std::vector<Launcher> launchers,
                   std::vector<Agent> agents, std::vector<Grant> grants)
    : issuers_(std::move(issuers)),
      launchers_(std::move(launchers)),
      agents_(std::move(agents)),
      grants_(std::move(grants)) {}

const Issuer* Registry::issuer(std::string_view name) const {
    return find_named(issuers_, name, &Issuer::name);
}
const Issuer* Registry::issuer_by_url(std::string_view url) const {
    return find_named(issuers_, url, &Issuer::url);
}
const Launcher* Registry::launcher(std::string_view id) const {
    return find_named(launchers_, id, &Launcher::id);
}
const Agent* Registry::agent(std::string_view id) const {
    return find_named(agents_, id, &Agent::id);
}

Result<Authority> authorise_start(const Registry& registry, const StartRequest& request) {
    NARROWS_TRY(check_request(registry, request));
    Authority authority;
    authority.agent = request.agent;
    authority.connections = request.connections;
    authority.self_started = !request.launcher.has_value();
    authority.lifetime_s = request.lifetime_s > 0 ? request.lifetime_s : kLifetimeDefaultS;
    codec::List grants;
    for (const std::string& connection : request.connections) {
        NARROWS_TRY(auto grant, grant_for(registry, request, connection));
        authority.lifetime_s = std::min(authority.lifetime_s, grant.lifetime_max_s);
        grants.push_back(to_value(grant));
        authority.grants.push_back(std::move(grant));
    }
    authority.grant_sha256 = crypto::sha256(codec::cbor_encode(codec::Value(std::move(grants))));
    return authority;
}

}  // namespace narrows::identity
