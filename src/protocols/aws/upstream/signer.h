#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "crypto/hash.h"
#include "http/message.h"
#include "model/ids.h"
#include "protocols/aws/sigv4/event_signer.h"
#include "protocols/aws/sigv4/signature.h"
#include "protocols/aws/upstream/credential_chain.h"
#include "protocols/aws/upstream/sts.h"
#include "recording/receipt.h"

namespace narrows::upstream {

/// One session's use of one connection.
struct Lease {
    model::SessionId session;
    std::string connection;
    friend auto operator<=>(const Lease&, const Lease&) = default;
};

/// How AWS credentials for a lease come about. From configuration and the session, never a request.
struct LeaseTerms {
    model::PartNo part;    ///< receipts of other parts are refused
    std::string profile;   ///< base credentials; empty: the standard chain
    std::string role_arn;  ///< empty: the base credentials themselves are used
    std::string external_id;
    std::string session_policy;
    std::string source_identity;
    std::vector<Tag> tags;
    Target sts;              ///< the connection's endpoint override, or STS of `sts_region`
    std::string sts_region;  ///< signing region for STS
};

/// Credentials that AWS gave a session in its answer to an operation.
struct Given {
    sigv4::Credentials credentials;
    WallNs expires_at = 0;
    std::string role_arn;  ///< of the role that was assumed, or empty
    std::string source;    ///< the operation: "sts:AssumeRole"
    model::Sequence op;    ///< of its INTENT
};

/// The lease of given credentials. `key_id` is that of the credentials which the agent uses in
/// their place; no connection's name has a '/'.
inline Lease derived_lease(const Lease& of, const std::string& key_id) {
    return {of.session, of.connection + "/" + key_id};
}

/// What a CREDENTIAL record needs.
struct CredentialEvent {
    Lease lease;
    model::PartNo part;
    std::string role_arn;           ///< empty: base credentials
    std::string role_session_name;  ///< empty: base credentials
    std::string access_key_id;
    crypto::Digest policy_sha256{};  ///< of the session policy's text; zeros if there is none
    std::string request_id;
    std::string source;     ///< of the base credentials
    WallNs expires_at = 0;  ///< 0: never
    // Of given credentials alone:
    std::string minted_key_id;  ///< what the agent uses in their place; empty: they were not given
    model::Sequence answer_to;  ///< the operation's INTENT
};

/// A URL that a form carries: a request of the same service to another region, which AWS calls with
/// the rights of whoever signed the form. The signer makes it, since it holds that key alone.
struct CarriedUrl {
    http::RequestHead head;  ///< GET, its target with the query, Host
    std::string region;
    std::int64_t expires_s = 0;
    std::string before;  ///< the form up to where the URL stands
    std::string after;
};

/// The form with the URL in its place.
std::string form_with(const CarriedUrl& carried, std::string_view url);

/// A request complete but for its signature: what is signed is what is sent.
struct UnsignedRequest {
    http::RequestHead head;
    /// x-amz-content-sha256 if the head has it, else hex of the body's hash; nothing if it carries
    /// a URL.
    std::string payload;
    std::string region;  ///< of Algorithm::ecdsa: the region set
    std::string signing_name;
    sigv4::Algorithm algorithm = sigv4::Algorithm::hmac;
    std::optional<CarriedUrl> carried;
    /// It goes as it is. The signer is never told so: what it is asked to sign has another digest.
    bool stays_unsigned = false;
};

/// What the INTENT names and the receipt carries: SHA-256 over "narrows-request-v1\n", connection,
/// region and signing name, a line each, and the hex of sigv4::request_digest; for
/// Algorithm::ecdsa the first line is "narrows-request-v1 AWS4-ECDSA-P256-SHA256", for what stays
/// unsigned "narrows-request-v1 none". So an INTENT for one connection, algorithm, region or set of
/// regions is none for another, and one for a request without a signature is none for a signature.
/// Of a form that carries a URL the payload is the hash of what stands before and after it, and
/// lines follow: "carries", the URL's region, its seconds, the size of what stands before it, the
/// hex of its request_digest.
Result<crypto::Digest> intent_digest(const std::string& connection, const UnsignedRequest& request);

struct SignedRequest {
    http::Headers headers;  ///< to add to the head
    std::string access_key_id;
    crypto::Digest signed_sha256{};
    std::string carried_url;  ///< as it stands in the form that was signed, before its escaping
    /// For STREAMING-AWS4-{HMAC,ECDSA-P256}-SHA256-PAYLOAD[-TRAILER]: continues from the request's
    /// signature.
    std::unique_ptr<sigv4::ChunkSigner> chunks;
    /// The same for STREAMING-AWS4-HMAC-SHA256-EVENTS.
    std::unique_ptr<sigv4::EventSigner> events;
};

/// What was signed before its receipt was there to be shown. Of no use to whoever asked until he
/// has the receipt's code, which the recorder gives when the INTENT is durable: it is given away
/// only under that.
struct SignedAhead {
    SignedRequest request;
    crypto::Digest mac{};  ///< of the receipt that is to come
};

/// The only holder of AWS credentials for sessions. It signs against a durable INTENT's receipt and
/// in no other way, each receipt once; what it signs ahead counts as that. Credentials live in
/// memory alone and are wiped when a lease ends. Thread-safe. `sign` never blocks on the network:
/// `prepare` and `renew` do, on a worker thread, and without a lock held while they wait.
class Signer {
  public:
    /// Called with no lock held, before the credential can sign: an error (the record could not be
    /// made) discards the credential.
    using OnCredential = std::function<Result<void>(const CredentialEvent&)>;

    /// Called before credentials are asked for, `failure` null, and again if there are none, with
    /// why. An error of the first call (it could not be recorded) keeps the signer from asking.
    using OnAttempt = std::function<Result<void>(const Lease&, const LeaseTerms&, const Error*)>;

    /// A failure is the answer to everyone who asks for so long, so that those who wait for a
    /// stalled endpoint do not wait one after the other.
    static constexpr std::int64_t kFailureKeptNs = kNsPerSecond;
    /// Receipts a lease remembers; older ones than these are refused as used.
    static constexpr std::size_t kUsedReceiptsMax = 4096;
    static constexpr std::int64_t kRenewAhead_s = 600;
    /// Given credentials that a session may hold at once.
    static constexpr std::size_t kGivenMax = 64;

    /// The references must outlive the signer. `receipt_key` is shared with the recorder.
    Signer(Secret receipt_key, CredentialSource& source, HttpFetch& fetch, const Clock& clock,
           OnCredential on_credential, OnAttempt on_attempt = {});
    ~Signer();

    /// A lease begins, or goes on in a new part. ErrorCode::conflict if it is open already.
    Result<void> open(const Lease& lease, LeaseTerms terms);
    /// Wipes what the lease holds. Unknown leases are ignored. A `prepare` under way keeps nothing.
    void close(const Lease& lease);
    void close_session(const model::SessionId& session);

    /// Obtains credentials unless there are good ones. Blocks. ErrorCode::not_found: no such lease.
    Result<void> prepare(const Lease& lease);
    /// Credentials that an operation of `lease` was answered with become those of
    /// derived_lease(lease, key_id), until they expire or the session ends; they are never renewed.
    /// Blocks while it is put on record. ErrorCode::not_found: no such lease, or it is a derived
    /// one; ErrorCode::exhausted: the session has kGivenMax; ErrorCode::conflict: known already.
    Result<void> adopt(const Lease& lease, const std::string& key_id, Given given);
    /// Leases that hold credentials which expire within kRenewAhead_s, or within a third of their
    /// life if that is shorter.
    std::vector<Lease> due(WallNs now) const;
    /// Obtains new credentials; the old ones stay in use until then. Blocks.
    Result<void> renew(const Lease& lease);

    /// ErrorCode::denied: the receipt is not genuine, of another part, used, or for another
    /// request. ErrorCode::unavailable: no credentials yet, or expired: prepare, then try again
    /// (the receipt is not used up). ErrorCode::not_found: no such lease. ErrorCode::invalid: as
    /// sigv4::sign.
    Result<SignedRequest> sign(const Lease& lease, const recording::Receipt& receipt,
                               const UnsignedRequest& request);
    /// For the INTENT that has, or will have, this place. Errors as `sign`; ErrorCode::invalid also
    /// if the signature is the first of a chain, which could be gone on with.
    Result<SignedAhead> sign_ahead(const Lease& lease, model::PartNo part, model::Sequence sequence,
                                   const UnsignedRequest& request);

  private:
    struct Held;
    struct Entry;
    Result<std::shared_ptr<const Held>> take(const Lease& lease, const recording::Receipt& receipt);
    Result<SignedRequest> sign_once(const Lease& lease, const recording::Receipt& genuine,
                                    const UnsignedRequest& request);
    std::shared_ptr<Entry> find(const Lease& lease) const;
    Result<void> keep_given(const Lease& lease, std::shared_ptr<Entry> entry);
    Result<void> obtain(const Lease& lease, bool even_if_good);
    Result<std::shared_ptr<const Held>> attempt(const Lease& lease, Entry& entry);
    Result<std::shared_ptr<const Held>> acquire(const Lease& lease, const LeaseTerms& terms);

    const Secret receipt_key_;
    CredentialSource& source_;
    HttpFetch& fetch_;
    const Clock& clock_;
    const OnCredential on_credential_;
    const OnAttempt on_attempt_;
    mutable std::mutex mutex_;
    std::map<Lease, std::shared_ptr<Entry>> leases_;
};

}  // namespace narrows::upstream
