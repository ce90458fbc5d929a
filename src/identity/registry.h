#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "codec/value.h"
#include "crypto/hash.h"
#include "crypto/sign.h"

/// Who may do what: launchers, agents, issuers and grants, as the configuration names them.
namespace narrows::identity {

inline constexpr std::int64_t kLifetimeDefaultS = 3600;
inline constexpr std::int64_t kLifetimeMaxS = 12 * 3600;
inline constexpr std::size_t kIdMax = 64;          ///< bytes of an agent, launcher, connection id
inline constexpr std::size_t kPrincipalMax = 256;  ///< bytes

/// Shell glob over the whole text: `*` any run, `?` one byte, everything else itself.
bool glob_match(std::string_view pattern, std::string_view text);

/// How an identity was shown to be what it claims; the word stands in records.
enum class Method {
    key,        ///< a bearer key whose SHA-256 is enrolled
    assertion,  ///< a short JWT signed with the enrolled Ed25519 key
    oidc,       ///< a JWT of a configured issuer
};
const char* name_of(Method method);

/// A claim that must be there, as text equal to the pattern or matching it as a glob. A claim that
/// is a list of texts holds if one of them matches.
struct ClaimRule {
    std::string claim;
    std::string pattern;
    friend bool operator==(const ClaimRule&, const ClaimRule&) = default;
};

struct Issuer {
    std::string name;
    std::string url;       ///< must equal `iss` byte for byte
    std::string audience;  ///< must be (one of) `aud`
    std::string jwks;      ///< file path or https URL
    friend bool operator==(const Issuer&, const Issuer&) = default;
};

/// How one launcher or agent proves itself: exactly one of the three.
struct Enrolment {
    std::optional<crypto::Digest> key_sha256;     ///< of the whole key text
    std::optional<crypto::PublicKey> public_key;  ///< Ed25519
    std::string issuer;                           ///< name of an Issuer, or empty
    std::vector<ClaimRule> claims;                ///< with an issuer: all must hold, never none
    friend bool operator==(const Enrolment&, const Enrolment&) = default;
};

struct Launcher {
    std::string id;
    Enrolment enrolment;
    bool reviewer = false;  ///< starts nothing; sees all sessions and may kill any
    friend bool operator==(const Launcher&, const Launcher&) = default;
};

struct Agent {
    std::string id;
    Enrolment enrolment;
    friend bool operator==(const Agent&, const Agent&) = default;
};

struct Grant {
    std::string agent;
    std::vector<std::string> connections;
    std::vector<std::string> launchers;
    /// Globs over the principal's text ("" where a session names none). Empty list: only sessions
    /// that name no principal.
    std::vector<std::string> principals;
    std::int64_t lifetime_max_s = kLifetimeMaxS;
    bool self_start = false;  ///< the agent may start its own session with its own proof
    friend bool operator==(const Grant&, const Grant&) = default;
};

/// A grant as it stands in OPEN's authority snapshot.
codec::Value to_value(const Grant& grant);

/// An identity that was proven, and how. `claims` are the token's, verified.
struct Identity {
    std::string id;
    Method method = Method::key;
    std::string issuer;        ///< URL; empty unless `oidc`
    codec::Map claims;         ///< empty for a bearer key
    crypto::Digest proof{};    ///< digest of what was presented: names it, does not reveal it
    WallNs proof_expires = 0;  ///< 0: does not expire (bearer key)
};

/// {"id","method","issuer","claims","proof_sha256","proof_expires"}: how an identity stands in
/// records.
codec::Value to_value(const Identity& identity);

/// Immutable after construction; thread-safe. A reload builds a new one.
class Registry {
  public:
    Registry(std::vector<Issuer> issuers, std::vector<Launcher> launchers,
             std::vector<Agent> agents, std::vector<Grant> grants);

    const Issuer* issuer(std::string_view name) const;
    const Issuer* issuer_by_url(std::string_view url) const;
    const Launcher* launcher(std::string_view id) const;
    const Agent* agent(std::string_view id) const;
    const std::vector<Issuer>& issuers() const { return issuers_; }
    const std::vector<Launcher>& launchers() const { return launchers_; }
    const std::vector<Agent>& agents() const { return agents_; }
    const std::vector<Grant>& grants() const { return grants_; }

  private:
    std::vector<Issuer> issuers_;
    std::vector<Launcher> launchers_;
    std::vector<Agent> agents_;
    std::vector<Grant> grants_;
};

struct StartRequest {
    std::string agent;                     ///< proven
    std::optional<std::string> launcher;   ///< proven; nullopt: the agent starts its own session
    std::string principal;                 ///< for whom; may be empty
    std::vector<std::string> connections;  ///< at least one, no duplicates
    std::int64_t lifetime_s = 0;           ///< 0: the default, or less if the grants say so
};

/// Why a session may exist. `grants[i]` is the grant that covers `connections[i]`.
struct Authority {
    std::string agent;
    std::vector<std::string> connections;
    std::vector<Grant> grants;
    crypto::Digest grant_sha256{};  ///< of the grants' canonical bytes, in that order
    std::int64_t lifetime_s = 0;
    bool self_started = false;
};

/// Every connection must be covered by one grant that fits in all: agent, who starts, for whom, how
/// long. Failures are `denied` (or `not_found`/`invalid`) and name what is missing.
Result<Authority> authorise_start(const Registry& registry, const StartRequest& request);

}  // namespace narrows::identity
