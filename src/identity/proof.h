#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "identity/jwks.h"
#include "identity/registry.h"
#include "identity/replay.h"

/// From what was presented to who it is. Every failure is `unauthenticated` with a sentence that
/// can be shown to the caller: it does not tell an unknown agent from a wrong key.
namespace narrows::identity {

inline constexpr std::int64_t kAssertionLifeMaxS = 300;

enum class KeyKind { agent, launcher };

/// A new bearer key: "nrw_agent_" or "nrw_launcher_" and 58 lower-case base32 characters of 256
/// random bits and a CRC-32C, by which a typing mistake and a leaked key are recognised.
Secret new_key(KeyKind kind);
/// Whether the text has the form and checksum of a key. Says nothing about whether it is enrolled.
bool well_formed_key(KeyKind kind, std::string_view text);
/// What the configuration holds of a key: the SHA-256 of its whole text.
crypto::Digest key_digest(std::string_view key);

/// Checks proofs against a registry. Thread-safe. Holds references: registry, key sources, replay
/// memory and clock must outlive it; the gateway makes one per loaded configuration and keeps the
/// replay memory over reloads.
class Authenticator {
  public:
    Authenticator(const Registry& registry, KeySources& keys, ReplayMemory& replays,
                  const Clock& clock, std::string gateway, std::int64_t skew_s = 60)
        : registry_(registry),
          keys_(keys),
          replays_(replays),
          clock_(clock),
          gateway_(std::move(gateway)),
          skew_s_(skew_s) {}

    /// A launcher's bearer key or OIDC token; the launcher is the one it fits. A token that opened
    /// a session (`spend`) still proves who asks to end or see it. May block on an issuer's keys
    /// (CachedKeySource).
    Result<Identity> launcher(std::string_view presented);
    /// The proof of the agent that is named. Tokens are checked, not yet used up: call `spend` when
    /// the session is about to open.
    Result<Identity> agent(std::string_view id, std::string_view presented);
    /// Makes a token proof single-use: `conflict` if it opened a session before. A bearer key may
    /// open many sessions: nothing happens.
    Result<void> spend(const Identity& identity);

  private:
    struct Token {
        std::string issuer_name;
        Identity identity;  ///< id still empty
    };
    Result<Identity> by_assertion(const Agent& agent, std::string_view presented) const;
    Result<Token> by_token(std::string_view presented);
    const Registry& registry_;
    KeySources& keys_;
    ReplayMemory& replays_;
    const Clock& clock_;
    std::string gateway_;
    std::int64_t skew_s_;
};

}  // namespace narrows::identity
