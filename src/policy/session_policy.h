#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "policy/scope.h"

/// A scope as the session policy of sts:AssumeRole, so that AWS enforces it a second time.
namespace narrows::policy {

/// Limit of the Policy parameter (STS API reference, AssumeRole): 2,048 characters.
inline constexpr std::size_t kSessionPolicyMax = 2048;

/// Where the connection leads; empty fields add no condition.
struct Target {
    std::string partition = "aws";
    std::string account;
    std::vector<std::string> regions;
};

struct SessionPolicy {
    std::string json;                ///< at most kSessionPolicyMax characters
    std::string sha256;              ///< of json, lower-case hex
    std::vector<std::string> notes;  ///< what only the gateway enforces, a sentence each
};

/// Compiles. Fails with ErrorCode::exhausted only if even the coarsest form is too long, which
/// needs more distinct services than fit, and with ErrorCode::invalid for characters AWS refuses.
Result<SessionPolicy> session_policy(const Scope& scope, const Target& target);

}  // namespace narrows::policy
