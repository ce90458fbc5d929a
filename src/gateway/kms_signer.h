#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "evidence/note.h"
#include "gateway/config/config.h"
#include "protocols/aws/upstream/credential_chain.h"
#include "protocols/aws/upstream/kms.h"

namespace narrows::gateway {

/// Exchanges that are over by one moment, however many they are: AWS KMS's and those for its
/// credentials. One thread at a time.
class TimedFetch final : public upstream::HttpFetch {
  public:
    TimedFetch(std::shared_ptr<upstream::HttpFetch> fetch, const Clock& clock, const MonoNs& until)
        : fetch_(std::move(fetch)), clock_(clock), until_(until) {}
    Result<upstream::FetchResponse> fetch(const upstream::FetchRequest& request) override;

  private:
    const std::shared_ptr<upstream::HttpFetch> fetch_;
    const Clock& clock_;
    const MonoNs& until_;
};

/// Signs the evidence log with a key of AWS KMS (ECC_NIST_EDWARDS25519), which never leaves it.
/// What it signs are ordinary notes. The public key is read once; a signature that it does not bear
/// out is an error (ErrorCode::unauthenticated) and goes nowhere. One Sign call a note; what may
/// pass is asked again, kTriesMax times in all.
class KmsSigner final : public evidence::NoteSigner {
  public:
    /// So long `sign` blocks at most, its tries and its credentials included.
    static constexpr std::int64_t kSignMs = 5'000;
    /// And `open`, while KMS does not answer.
    static constexpr std::int64_t kOpenMs = 20'000;
    static constexpr int kTriesMax = 3;

    /// How KMS is reached, and credentials are.
    struct Ways {
        std::shared_ptr<upstream::HttpFetch> kms;
        std::shared_ptr<upstream::HttpFetch> credentials;
    };
    /// `name` is the key's in notes. ErrorCode::denied: KMS refuses, or the key is none for this;
    /// ErrorCode::unavailable: KMS does not answer. `clock` must outlive it.
    static Result<std::unique_ptr<KmsSigner>> open(const KmsKey& key, const std::string& name,
                                                   const Clock& clock, Ways ways);

    const evidence::VerifierKey& key() const override { return verifier_; }
    Result<crypto::Signature> sign(ByteView text) override;

  private:
    KmsSigner(const KmsKey& key, const Clock& clock, Ways ways);
    /// The answer, within so long; as often as that allows, or `tries`.
    Result<std::string> ask(const upstream::KmsAsk& ask, std::int64_t within_ms, int tries);
    Result<std::string> ask_once(const upstream::KmsAsk& ask);

    const KmsKey kms_;
    const Clock& clock_;
    MonoNs until_ = 0;
    TimedFetch http_;
    TimedFetch credentials_http_;
    std::unique_ptr<upstream::Host> host_;
    upstream::CredentialChain credentials_;
    upstream::Target target_;
    sigv4::KeyCache keys_;
    evidence::VerifierKey verifier_;
};

using OpenSigner = std::function<Result<std::unique_ptr<evidence::NoteSigner>>()>;

/// What opens the log's key where the configuration puts it into KMS; else empty.
OpenSigner log_key_setup(const Config& config, const std::string& origin, const Clock& clock);

}  // namespace narrows::gateway
