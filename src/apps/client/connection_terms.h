#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gateway/config/config.h"
#include "protocols/aws/upstream/credential_chain.h"
#include "protocols/aws/upstream/sts.h"

/// A connection tried out as a session would use it.
namespace narrows::client {

/// The STS endpoint of a connection: its own endpoint, or AWS's in its first region.
Result<upstream::Target> sts_target(const gateway::Connection& connection);
std::string sts_region(const gateway::Connection& connection);

/// What came of it. Without `assumed`, `what` happened and `remedy` says what to do.
struct Trial {
    std::optional<upstream::AssumedRole> assumed;
    std::string source;  ///< of the host's credentials: "environment"
    std::size_t session_policy_size = 0;
    std::vector<std::string> gateway_only;  ///< what the session policy leaves to the gateway
    std::string what;
    std::string remedy;
    bool could_not_tell = false;  ///< the network or AWS was in the way, not the set-up
};
/// One AssumeRole with the session policy, source identity and tags that a session gets. Blocking.
Trial try_connection(upstream::HttpFetch& fetch, const gateway::Connection& connection,
                     const std::string& config_path);

}  // namespace narrows::client
