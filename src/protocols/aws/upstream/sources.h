#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "protocols/aws/upstream/credential_chain.h"
#include "protocols/aws/upstream/fetch.h"

/// The single sources that CredentialChain tries. Each answers with credentials, with nothing when
/// it is not configured here, or with an error when it is and does not work.
namespace narrows::upstream {

using Found = Result<std::optional<HostCredentials>>;

/// What the sources share. The references outlive it.
struct SourceContext {
    const Host& host;
    HttpFetch& fetch;
    WallNs now;
    const CredentialChain::Options& options;
};

Found from_environment(const SourceContext& context);
Found from_web_identity_environment(const SourceContext& context);
/// `required`: an error if there is no such profile, or nothing in it.
Found from_profile(const SourceContext& context, const std::string& profile, bool required);
/// https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
Found from_container(const SourceContext& context);
/// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-v2-how-it-works.html
/// Version 2 only: a token first, and no way back to version 1.
Found from_instance_metadata(const SourceContext& context);

/// Shared by the environment and profiles: AssumeRoleWithWebIdentity with the file's token.
Found assume_with_token_file(const SourceContext& context, const std::string& role_arn,
                             const std::string& token_file, const std::string& session_name,
                             const std::string& source);

}  // namespace narrows::upstream
