#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/jws.h"
#include "identity/registry.h"

/// The public keys of issuers (RFC 7517, JWK Sets).
namespace narrows::identity {

inline constexpr std::size_t kJwksMax = 256 * 1024;  ///< bytes of a set
inline constexpr std::size_t kJwksKeysMax = 100;

struct NamedKey {
    std::string kid;
    crypto::JwsKey key;
};

/// Keys of kinds, uses and algorithms outside the allow-list and malformed keys are left out, as
/// RFC 7517 section 5 asks. Two usable keys of one `kid` and algorithm, and a set without a usable
/// key, fail.
Result<std::vector<NamedKey>> parse_jwks(std::string_view text);

/// The key of that `kid` and algorithm. Without `kid`, the only key of its algorithm.
Result<crypto::JwsKey> pick_key(const std::vector<NamedKey>& keys, std::string_view kid,
                                crypto::JwsAlgorithm algorithm);

/// Where an issuer's keys come from. Thread-safe.
class KeySource {
  public:
    virtual ~KeySource() = default;
    /// As pick_key. May block (see CachedKeySource).
    virtual Result<crypto::JwsKey> find(std::string_view kid, crypto::JwsAlgorithm algorithm) = 0;
};

/// Gets the text behind a file path or https URL. Bounded in size and time by its maker.
using Fetch = std::function<Result<std::string>(const std::string& where)>;

/// A set that is fetched when first needed, kept an hour, and fetched again for an unknown `kid` at
/// most once a minute. If a refresh fails, keys already held stay in use for a day. `find` blocks
/// its caller while it fetches: call it off the threads that carry agents' traffic.
class CachedKeySource : public KeySource {
  public:
    CachedKeySource(std::string where, Fetch fetch, const Clock& clock)
        : where_(std::move(where)), fetch_(std::move(fetch)), clock_(clock) {}
    Result<crypto::JwsKey> find(std::string_view kid, crypto::JwsAlgorithm algorithm) override;

  private:
    Result<void> refresh(MonoNs now);
    std::string where_;
    Fetch fetch_;
    const Clock& clock_;
    std::mutex mutex_;
    std::vector<NamedKey> keys_;
    MonoNs tried_at_ = 0;
    MonoNs fetched_at_ = 0;
    bool tried_ = false;
    bool fetched_ = false;
};

/// One source per issuer of a registry, by issuer name.
using KeySources = std::map<std::string, std::unique_ptr<KeySource>, std::less<>>;
KeySources make_key_sources(const Registry& registry, const Fetch& fetch, const Clock& clock);

}  // namespace narrows::identity
