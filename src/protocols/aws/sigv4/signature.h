#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "crypto/hash.h"
#include "crypto/p256.h"
#include "http/message.h"
#include "protocols/aws/sigv4/authorization.h"

namespace narrows::sigv4 {

enum class Algorithm : std::uint8_t {
    hmac,   ///< AWS4-HMAC-SHA256, for one region
    ecdsa,  ///< AWS4-ECDSA-P256-SHA256 (SigV4A), for a set of regions
};
const char* name_of(Algorithm algorithm);
Algorithm algorithm_of(const Authorization& authorization);

/// What a signature is made over.
std::string string_to_sign(Algorithm algorithm, std::string_view date, const CredentialScope& scope,
                           const crypto::Digest& canonical_sha256);

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
    /// Compares in constant time.
    bool holds(std::string_view string_to_sign, std::string_view signature) const;

  private:
    explicit SigningKey(const crypto::Digest& key) : key_(key) {}
    crypto::Digest key_;
};

/// The key pair of one secret and access key id, for every day, region and service.
/// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
class EcdsaKey {
  public:
    static EcdsaKey derive(const Secret& secret_access_key, std::string_view access_key_id);

    /// Hex of DER, another one each time.
    std::string sign(std::string_view string_to_sign) const;
    bool holds(std::string_view string_to_sign, std::string_view signature) const;

  private:
    explicit EcdsaKey(crypto::P256Key key) : key_(std::move(key)) {}
    crypto::P256Key key_;
};

using Key = std::variant<SigningKey, EcdsaKey>;
bool holds_with(const Key& key, std::string_view string_to_sign, std::string_view signature);

/// Derived keys by secret and scope, so that a request costs one HMAC instead of five, or no point
/// multiplication. Thread-safe. Holds at most `entries_max` keys and then starts over. A changed
/// secret never finds an old key.
class KeyCache {
  public:
    explicit KeyCache(std::size_t entries_max = 4096) : entries_max_(entries_max) {}
    SigningKey get(const Secret& secret_access_key, const CredentialScope& scope);
    EcdsaKey get_ecdsa(const Secret& secret_access_key, std::string_view access_key_id);
    /// The key that verifies a request.
    Key verifying_key(const Secret& secret_access_key, const Authorization& authorization);
    void clear();

  private:
    template <class Derive>
    Key get_or(const Secret& secret_access_key, const std::string& of, Derive derive);
    const std::size_t entries_max_;
    std::mutex mutex_;
    std::map<crypto::Digest, Key> keys_;
};

/// Signs an upload's chunks, each signature over the one before. The chain starts with a request's
/// own signature. Not thread-safe. An interface so that the key may live in another process.
/// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
class ChunkSigner {
  public:
    virtual ~ChunkSigner() = default;
    virtual std::string sign_chunk(const crypto::Digest& data_sha256) = 0;
    /// `trailer_sha256` is over "name:value\n" of each trailer.
    virtual std::string sign_trailer(const crypto::Digest& trailer_sha256) = 0;
};
std::unique_ptr<ChunkSigner> chunk_signer(const Key& key, const std::string& date,
                                          const CredentialScope& scope, std::string seed_signature);

/// Follows the same chain in an upload that comes in. Signatures come without padding.
class ChunkVerifier {
  public:
    virtual ~ChunkVerifier() = default;
    virtual bool chunk_holds(const crypto::Digest& data_sha256, std::string_view signature) = 0;
    virtual bool trailer_holds(const crypto::Digest& trailer_sha256,
                               std::string_view signature) = 0;
};
std::unique_ptr<ChunkVerifier> chunk_verifier(const Key& key, const Authorization& request);

/// A request whose signature held.
struct Verified {
    std::string payload;  ///< what was signed as payload: x-amz-content-sha256 or the hash
    crypto::Digest canonical_sha256;  ///< of the canonical request
};

/// Whether the signature is one that the key makes of the request. `body_sha256` is needed only
/// when the request has no x-amz-content-sha256: then the body itself is what was signed, and must
/// be held. ErrorCode::timeout: the date is more than `skew_s` from now (AWS:
/// RequestTimeTooSkewed). ErrorCode::unauthenticated: the signature is not that of this key
/// (SignatureDoesNotMatch). ErrorCode::invalid: the request cannot be brought to canonical form, or
/// its body is needed.
Result<Verified> verify(const http::RequestHead& head, const Authorization& authorization,
                        const Key& key, std::optional<crypto::Digest> body_sha256, WallNs now,
                        std::int64_t skew_s);

/// AWS credentials of whatever origin.
struct Credentials {
    std::string access_key_id;
    Secret secret_access_key;
    Secret session_token;  ///< empty for long-term keys
    /// Of S3's CreateSession: the token travels as X-Amz-S3session-Token.
    /// https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateSession.html
    bool s3_session = false;

    Credentials copy() const {
        return {access_key_id, secret_access_key.copy(), session_token.copy(), s3_session};
    }
};

struct Signed {
    /// To add: X-Amz-Date, X-Amz-Security-Token, X-Amz-Region-Set, Authorization.
    http::Headers headers;
    crypto::Digest signed_sha256;  ///< of the canonical request that was signed
    /// What chunk signatures go on from, by chunk_signer.
    std::string signature;
    std::string date;
    CredentialScope scope;
    Key key;
};

/// Signs a request about to be sent. `head` holds Host and all it will be sent with except what is
/// returned in `headers`; `payload` is x-amz-content-sha256 if the head has one, else the hex hash
/// of the body. For Algorithm::ecdsa `region` is the region set: "us-east-1,eu-west-1", "*".
/// ErrorCode::invalid: the head already holds what is to be added, has no Host, or says another
/// payload; region or signing name is empty.
Result<Signed> sign(const http::RequestHead& head, std::string_view payload,
                    const Credentials& credentials, std::string_view region,
                    std::string_view signing_name, WallNs now, KeyCache& keys,
                    Algorithm algorithm = Algorithm::hmac);

}  // namespace narrows::sigv4
