#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "codec/value.h"
#include "crypto/hash.h"
#include "crypto/jws.h"
#include "identity/registry.h"

/// JSON Web Tokens as proof of identity: JWS compact serialisation (RFC 7515), JWT (RFC 7519), with
/// the advice of RFC 8725. Encrypted, nested, detached and critical-extension tokens are refused.
namespace narrows::identity {

inline constexpr std::size_t kTokenMax = 16 * 1024;  ///< bytes of a compact token

/// A parsed and not yet verified token: nothing in it may be believed before `verify`.
struct Jws {
    crypto::JwsAlgorithm algorithm = crypto::JwsAlgorithm::eddsa;
    std::string kid;            ///< empty if the header has none
    std::string signing_input;  ///< header.payload as sent
    Bytes payload;
    Bytes signature;
    /// SHA-256 of the signing input. It names the token in the replay memory: a signature can be
    /// rewritten without the key (ECDSA s to -s), what is signed cannot.
    crypto::Digest digest{};
};

/// Strict: three non-empty base64url parts without padding or spare bits, header a JSON object
/// without duplicates, `alg` of the allow-list, no `crit`, `b64`, `zip` or `enc`. Keys carried
/// in the header (`jwk`, `x5c`, `jku`) are never looked at. Failures are `unauthenticated`.
Result<Jws> parse_jws(std::string_view compact);

/// The payload as a JSON object. Of an unverified token this only serves to find the issuer.
Result<codec::Map> claims_of(const Jws& jws);

struct TokenRules {
    std::string issuer;
    std::string audience;
    WallNs now = 0;
    std::int64_t skew_s = 60;
    std::int64_t life_max_s = 24 * 3600;  ///< exp - iat (or - now without iat) beyond this: refused
    std::vector<ClaimRule> claims;
};

/// `iss`, `aud`, `exp` (required), `nbf`, `iat` (checked if there), then the claim rules. Failures
/// are `unauthenticated` and name the claim, never its value.
Result<void> check_claims(const codec::Map& claims, const TokenRules& rules);

/// Whether all rules hold.
bool claims_match(const codec::Map& claims, const std::vector<ClaimRule>& rules);

/// A JWT signed EdDSA for `agent`, as an agent with an enrolled Ed25519 key presents it.
std::string sign_assertion(const crypto::SigningKey& key, std::string_view agent,
                           std::string_view gateway, WallNs now, std::int64_t life_s);

}  // namespace narrows::identity
