#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "crypto/hash.h"
#include "http/message.h"
#include "protocols/aws/sigv4/authorization.h"

namespace narrows::sigv4 {

/// The key of one secret, day, region and service. Wiped when it goes. A copy is a second key to
/// guard: keep it only as long as the request.
class SigningKey {
  public:
    static SigningKey derive(const Secret& secret_access_key, const CredentialScope& scope);

    SigningKey(const SigningKey&) = default;
    SigningKey& operator=(const SigningKey&) = default;
    ~SigningKey() { wipe(key_.data(), key_.size()); }

    /// Hex of HMAC-SHA256 over a string to sign.
    std::string sign(std::string_view string_to_sign) const;

  private:
    explicit SigningKey(const crypto::Digest& key) : key_(key) {}
    crypto::Digest key_;
};

/// Derived keys by secret and scope, so that a request costs one HMAC instead of five. Thread-safe.
/// Holds at most `entries_max` keys and then starts over. A changed secret never finds an old key.
class KeyCache {
  public:
    explicit KeyCache(std::size_t entries_max = 4096) : entries_max_(entries_max) {}
    SigningKey get(const Secret& secret_access_key, const CredentialScope& scope);
    void clear();

  private:
    const std::size_t entries_max_;
    std::mutex mutex_;
    std::map<crypto::Digest, SigningKey> keys_;
};

/// Signs, or recomputes, the signatures of an upload's chunks, each over the one before. The chain
/// starts with a request's own signature. Not thread-safe. An interface so that the key may live in
/// another process.
/// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
class ChunkSigner {
  public:
    virtual ~ChunkSigner() = default;
    virtual std::string sign_chunk(const crypto::Digest& data_sha256) = 0;
    /// `trailer_sha256` is over "name:value\n" of each trailer.
    virtual std::string sign_trailer(const crypto::Digest& trailer_sha256) = 0;
};
std::unique_ptr<ChunkSigner> chunk_signer(const SigningKey& key, const std::string& date,
                                          const CredentialScope& scope, std::string seed_signature);

/// A request whose signature held.
struct Verified {
    std::string payload;  ///< what was signed as payload: x-amz-content-sha256 or the hash
    crypto::Digest canonical_sha256;  ///< of the canonical request
};

/// Recomputes the signature and compares in constant time. `body_sha256` is needed only when the
/// request has no x-amz-content-sha256: then the body itself is what was signed, and must be held.
/// ErrorCode::timeout: the date is more than `skew_s` from now (AWS: RequestTimeTooSkewed).
/// ErrorCode::unauthenticated: the signature is not that of this key (SignatureDoesNotMatch).
/// ErrorCode::invalid: the request cannot be brought to canonical form, or its body is needed.
Result<Verified> verify(const http::RequestHead& head, const Authorization& authorization,
                        const SigningKey& key, std::optional<crypto::Digest> body_sha256,
                        WallNs now, std::int64_t skew_s);

/// AWS credentials of whatever origin.
struct Credentials {
    std::string access_key_id;
    Secret secret_access_key;
    Secret session_token;  ///< empty for long-term keys

    Credentials copy() const {
        return {access_key_id, secret_access_key.copy(), session_token.copy()};
    }
};

struct Signed {
    http::Headers headers;         ///< to add: X-Amz-Date, X-Amz-Security-Token, Authorization
    crypto::Digest signed_sha256;  ///< of the canonical request that was signed
    /// What chunk signatures go on from, by chunk_signer.
    std::string signature;
    std::string date;
    CredentialScope scope;
    SigningKey key;
};

/// Signs a request about to be sent. `head` holds Host and all it will be sent with except what is
/// returned in `headers`; `payload` is x-amz-content-sha256 if the head has one, else the hex hash
/// of the body. ErrorCode::invalid: the head already holds Authorization, date or token, has no
/// Host, or says another payload; region or signing name is empty.
Result<Signed> sign(const http::RequestHead& head, std::string_view payload,
                    const Credentials& credentials, std::string_view region,
                    std::string_view signing_name, WallNs now, KeyCache& keys);

}  // namespace narrows::sigv4
