#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "protocols/aws/sigv4/signature.h"
#include "protocols/aws/upstream/fetch.h"

namespace narrows::upstream {

/// Credentials of the gateway's host.
struct HostCredentials {
    sigv4::Credentials credentials;
    WallNs expires_at = 0;  ///< 0: they do not expire
    std::string source;     ///< "environment", "profile reports", "imds role gw" …; no secret

    HostCredentials copy() const { return {credentials.copy(), expires_at, source}; }
};

/// Where the Signer gets base credentials from. Thread-safe; may block (files, metadata services).
class CredentialSource {
  public:
    virtual ~CredentialSource() = default;
    /// `profile` empty: the standard chain. Otherwise that profile of the shared files and nothing
    /// else. ErrorCode::not_found: no source has credentials, with all that was tried;
    /// ErrorCode::invalid: a source is configured and broken (the chain does not go on past it).
    virtual Result<HostCredentials> get(const std::string& profile) = 0;
};

/// The standard chain in the SDKs' order: environment, web identity token file, shared files
/// (static keys, role_arn with source_profile or credential_source, web identity), container
/// (ECS, EKS Pod Identity), IMDSv2. SSO, login sessions and credential_process profiles are
/// refused. https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
class CredentialChain : public CredentialSource {
  public:
    struct Options {
        std::string region;  ///< for signing AssumeRole
        Target sts;          ///< the regional STS endpoint
    };
    /// The references must outlive the chain.
    CredentialChain(const Host& host, HttpFetch& fetch, const Clock& clock, Options options);

    /// Answers from memory until five minutes before expiry; what does not expire is read anew, so
    /// that rotated keys are seen.
    Result<HostCredentials> get(const std::string& profile) override;

  private:
    const Host& host_;
    HttpFetch& fetch_;
    const Clock& clock_;
    Options options_;
    std::mutex mutex_;
    std::map<std::string, HostCredentials> cached_;
};

}  // namespace narrows::upstream
