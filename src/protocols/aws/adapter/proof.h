#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"
#include "model/operation.h"
#include "protocols/aws/adapter/rejection.h"
#include "protocols/aws/adapter/services.h"
#include "protocols/aws/catalogue/unsigned.h"
#include "protocols/aws/sigv4/body.h"
#include "protocols/aws/sigv4/event_signer.h"
#include "protocols/aws/sigv4/post_policy.h"

namespace narrows::aws {

/// How a request proves whose it is: by a signature in its head, in its query or in a browser's
/// form, by a bearer token, by a URL for a single use, or by nothing but the tunnel that it came
/// through. Which of them it is nobody else asks. Lives as long as its request, on one loop.
class Proof {
  public:
    explicit Proof(http::RequestHead received) : received_(std::move(received)) {}

    /// Reads it in the one place where the request has it, or the form that it brings (else null;
    /// it outlives this). Nothing of it is believed yet. Nothing, or why it proves nothing.
    std::optional<Rejection> read(const sigv4::FormFields* form, ByteView digest_key);
    /// Has the signer open the token that was presented.
    net::Task<std::optional<Rejection>> open(signer::Client& signer);
    /// Of a form without a credential scope: S3's or what takes bearer tokens, and the region that
    /// the Host names among these, else the first.
    void complete_scope(const std::vector<std::string>& regions);
    /// The tunnel speaks for it, the host for service and region.
    void stand_by_tunnel(const UnsignedScope& scope);

    /// The head with the proof in it, and what is asked once it is taken out.
    const http::RequestHead& received() const { return received_; }
    const http::RequestHead& asked() const { return asks_ ? *asks_ : received_; }
    /// What was presented, for the record.
    codec::Map record() const;

    bool proves_nothing() const;
    bool is_for_one_use() const;
    bool is_of_s3_session() const { return authorization_->s3_session; }
    bool is_ecdsa() const { return sigv4::is_sigv4a(authorization_->scheme); }
    bool is_of(const sigv4::Authorization& other) const;  ///< the same credential's
    /// Once it is open: whose it is.
    const identity::TokenClaims& claims() const { return opened_->claims; }
    /// The signing name of the credential scope; of what could not be read, the likely one.
    std::string_view service() const;
    /// The regions of the credential scope; never empty.
    std::vector<std::string> regions() const;
    /// What the credential scope says of a signed request, though nothing of it may hold.
    struct Claim {
        std::string_view region;  ///< empty in SigV4A
        std::string_view service;
    };
    std::optional<Claim> claim() const;
    /// Why it opens no operation of a service, as a sentence's end; empty: it may.
    std::string_view why_not_for(Service service) const;
    model::Context condition_keys(WallNs now, std::string_view content_sha256) const;

    /// Verifies it with the session's own secret. `bucket` is the one that the host names.
    /// `body_sha256` for requests that do not declare a hash. Nothing, or why not.
    std::optional<Rejection> verify(const Services& services, std::string_view bucket,
                                    std::optional<crypto::Digest> body_sha256) const;
    /// Bodies in a form that only a signature of the same kind vouches for.
    std::optional<Rejection> check_payload(const sigv4::Payload& payload) const;
    /// A body that was received whole: what was signed may say how large it is.
    std::optional<Rejection> check_size(std::uint64_t size, std::string_view bucket,
                                        WallNs now) const;
    bool vouches_for_events() const;
    std::unique_ptr<sigv4::ChunkVerifier> chunk_verifier(sigv4::KeyCache& keys) const;
    sigv4::EventSigner event_verifier(sigv4::KeyCache& keys) const;  ///< this outlives it
    /// For another signature with the same credential.
    sigv4::Key key_for(const sigv4::Authorization& other, sigv4::KeyCache& keys) const;

  private:
    Result<void> read_strictly();
    Rejection unreadable(const Error& error) const;
    Result<void> verify_in_header(const Services& services,
                                  std::optional<crypto::Digest> body_sha256) const;
    Result<void> verify_in_query(const Services& services, std::string_view bucket,
                                 std::optional<crypto::Digest> body_sha256) const;
    Result<void> verify_in_form(const Services& services, std::string_view host_bucket) const;

    http::RequestHead received_;
    std::optional<http::RequestHead> asks_;
    const sigv4::FormFields* form_ = nullptr;
    sigv4::Presented presented_;
    std::optional<sigv4::Authorization> authorization_;
    std::shared_ptr<const signer::Opened> opened_;  // shared with the signer's client, which caches
};

}  // namespace narrows::aws
