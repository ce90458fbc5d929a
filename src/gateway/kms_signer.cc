#include "gateway/kms_signer.h"

#include <algorithm>
#include <limits>
#include <thread>

#include <fmt/format.h>

#include "base/log.h"
#include "gateway/own_credentials.h"
#include "gateway/own_loop_fetch.h"

namespace narrows::gateway {
namespace {

constexpr std::int64_t kFirstPauseMs = 100;
constexpr std::int64_t kPauseMaxMs = 2'000;
constexpr int kPauseGrowth = 4;

}  // namespace

Result<upstream::FetchResponse> TimedFetch::fetch(const upstream::FetchRequest& request) {
    const std::int64_t left_ms = (until_ - clock_.mono()) / kNsPerMs;
    if (left_ms <= 0) {
        return fail(ErrorCode::timeout, "there was no time left to ask " + request.target.host);
    }
    upstream::FetchRequest timed = request.copy();
    timed.whole_ms = std::min(left_ms, KmsSigner::kSignMs);
    return fetch_->fetch(timed);
}

KmsSigner::KmsSigner(const KmsKey& key, const Clock& clock, Ways ways)
    : kms_(key),
      clock_(clock),
      http_(std::move(ways.kms), clock, until_),
      credentials_http_(std::move(ways.credentials), clock, until_),
      host_(host_with_file(key.credentials)),
      credentials_(*host_, credentials_http_, clock, chain_options(key.region)) {}

Result<std::unique_ptr<KmsSigner>> KmsSigner::open(const KmsKey& key, const std::string& name,
                                                   const Clock& clock, Ways ways) {
    std::unique_ptr<KmsSigner> signer(new KmsSigner(key, clock, std::move(ways)));
    if (key.endpoint.empty()) {
        NARROWS_TRY(signer->target_.host, aws_host("kms", key.region));
    } else {
        NARROWS_TRY(signer->target_, upstream::parse_endpoint_url(key.endpoint));
    }
    NARROWS_TRY(const std::string answer, signer->ask(upstream::kms_get_public_key(key.arn),
                                                      kOpenMs, std::numeric_limits<int>::max()));
    NARROWS_TRY(const crypto::PublicKey found, upstream::parse_kms_public_key(answer, key.arn));
    NARROWS_TRY(signer->verifier_,
                evidence::make_verifier_key(name, evidence::KeyType::ed25519, found));
    return signer;
}

Result<crypto::Signature> KmsSigner::sign(ByteView text) {
    NARROWS_TRY(const upstream::KmsAsk asked, upstream::kms_sign(kms_.arn, text));
    NARROWS_TRY(const std::string answer, ask(asked, kSignMs, kTriesMax));
    NARROWS_TRY(const crypto::Signature signature, upstream::parse_kms_signature(answer, kms_.arn));
    if (!crypto::verify(verifier_.key, text, signature)) {
        return fail(
            ErrorCode::unauthenticated,
            fmt::format("AWS KMS at {} gave a signature that is not by {}, whose public key "
                        "it gave at the start: something else answers there, or its answer "
                        "was changed on the way. The signature is not used",
                        target_.authority(), kms_.arn));
    }
    return signature;
}

Result<std::string> KmsSigner::ask(const upstream::KmsAsk& ask, std::int64_t within_ms, int tries) {
    until_ = clock_.mono() + within_ms * kNsPerMs;
    std::int64_t pause_ms = kFirstPauseMs;
    while (true) {
        Result<std::string> answer = ask_once(ask);
        const bool passes = !answer && answer.error().code == ErrorCode::unavailable;
        if (!passes || --tries <= 0 || clock_.mono() + pause_ms * kNsPerMs >= until_) {
            return answer;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms));
        pause_ms = std::min(kPauseGrowth * pause_ms, kPauseMaxMs);
    }
}

Result<std::string> KmsSigner::ask_once(const upstream::KmsAsk& ask) {
    const Result<upstream::HostCredentials> host = credentials_.get(kms_.profile);
    if (!host) {
        // There may be some in a moment; what is configured and broken stays so.
        const bool broken = host.error().code == ErrorCode::invalid;
        return fail(broken ? ErrorCode::invalid : ErrorCode::unavailable,
                    "there are no credentials to ask AWS KMS with: " + host.error().what);
    }
    return upstream::ask_kms(http_, target_, kms_.region, host.value().credentials, ask,
                             clock_.wall(), keys_);
}

OpenSigner log_key_setup(const Config& config, const std::string& origin, const Clock& clock) {
    const KmsKey& key = config.evidence.log_key;
    if (key.arn.empty()) {
        return {};
    }
    return [key, origin, &clock]() -> Result<std::unique_ptr<evidence::NoteSigner>> {
        Fetches fetches;
        KmsSigner::Ways ways;
        NARROWS_TRY(ways.kms, fetches.for_ca(key.ca));
        NARROWS_TRY(ways.credentials, fetches.for_ca(""));
        NARROWS_TRY(std::unique_ptr<KmsSigner> signer,
                    KmsSigner::open(key, origin, clock, std::move(ways)));
        log::info("the evidence log is signed by {}", key.arn);
        return std::unique_ptr<evidence::NoteSigner>(std::move(signer));
    };
}

}  // namespace narrows::gateway
