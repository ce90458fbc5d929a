#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "io/file.h"
#include "model/ids.h"

/// Credentials minted for a session: shaped like AWS's, worth nothing outside gateways that hold
/// the group key, verified by any of those without a look-up.
namespace narrows::identity {

inline constexpr std::size_t kSealedTokenMax = 1024;  ///< bytes of a sealed token's text

/// 32 secret bytes that the gateways of one group share. Move-only, wiped when it goes.
class GroupKey {
  public:
    static GroupKey generate();
    static Result<GroupKey> from_bytes(Secret bytes);
    ByteView bytes() const { return bytes_.view(); }
    /// Seals session tokens. The group key itself is only ever a MAC key.
    ByteView sealing() const { return sealing_.view(); }

  private:
    explicit GroupKey(Secret bytes);
    Secret bytes_;
    Secret sealing_;
};

/// Reads the key file (32 raw bytes); makes it, mode 0600 and durable, if there is none. Refuses a
/// file that others can read or that is not 32 bytes. The caller holds the lock of the data
/// directory. Blocking file I/O.
Result<GroupKey> load_or_create_group_key(io::FileSystem& fs, const std::string& path);

/// "ns-" and 26 lower-case base32 characters: 128 random bits.
model::SessionId new_session_id();
/// "ASIA" and 16 base32 characters: 80 random bits. Clients branch on that prefix.
std::string new_access_key_id();
bool is_access_key_id(std::string_view text);

struct TokenClaims {
    model::SessionId session;
    std::string connection;
    std::string key_id;
    WallNs expires = 0;
    std::string agent;
    std::string principal;
    friend bool operator==(const TokenClaims&, const TokenClaims&) = default;
};

/// What a sealed token is for. A token of one use never opens as another.
enum class TokenUse {
    aws,       ///< AWS_SESSION_TOKEN: "nrw_session_…"
    delivery,  ///< AWS_CONTAINER_AUTHORIZATION_TOKEN and credential_process: "nrw_delivery_…"
    proxy,     ///< Proxy-Authorization: "nrw_proxy_…"
    once,      ///< X-Amz-Security-Token of a URL for a single use: "nrw_once_…"
    bearer,    ///< Authorization: Bearer, AWS_BEARER_TOKEN_BEDROCK: "nrw_bearer_…"
};

/// Prefix and unpadded base64url of the sealed claims, at most kSealedTokenMax bytes. `invalid` if
/// the claims are too long for that.
Result<std::string> seal_token(const GroupKey& key, TokenUse use, const TokenClaims& claims);
/// `unauthenticated` unless sealed under this key for this use. Does not judge `expires` and not
/// whether the session lives: an expired attempt is recorded in the session it names, so the
/// session judges both.
Result<TokenClaims> open_token(const GroupKey& key, TokenUse use, std::string_view token);
/// As above for a token that goes with a signature: it must be of this access key id.
Result<TokenClaims> open_token(const GroupKey& key, std::string_view token, std::string_view key_id,
                               TokenUse use = TokenUse::aws);

/// The secret access key of a key id: 40 base64 characters (the first 240 bits of HMAC-SHA256).
Secret secret_access_key(const GroupKey& key, std::string_view key_id);

/// What an agent is given for one connection of its session.
struct Credentials {
    std::string connection;
    std::string access_key_id;
    Secret secret_access_key;
    std::string session_token;
    WallNs expires = 0;
};

/// `claims.key_id` is ignored and made new.
Result<Credentials> mint(const GroupKey& key, TokenClaims claims);
/// The credentials of claims that were opened before: same key id, same expiry (refresh).
Result<Credentials> mint_again(const GroupKey& key, const TokenClaims& claims);

}  // namespace narrows::identity
