#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "policy/scope.h"

/// A scope as the session policy of sts:AssumeRole, so that AWS enforces it a second time.
namespace narrows::policy {

/// Limit of the Policy parameter (STS API reference, AssumeRole): 2,048 characters.
inline constexpr std::size_t kSessionPolicyMax = 2048;

/// Where the connection leads; an empty account or no regions: no such condition.
struct Target {
    std::string account;
    std::vector<std::string> regions;
};

struct SessionPolicy {
    std::string json;                   ///< ASCII, at most kSessionPolicyMax characters
    std::string sha256;                 ///< of json, lower-case hex
    bool whole = false;                 ///< every Allow with its actions, resources, conditions
    std::vector<std::string> notes;     ///< what only the gateway enforces, a sentence each
    std::vector<std::string> enforced;  ///< what AWS enforces, a sentence each
    /// Allow statements past which a resource's own policy may grant more: their conditions, or
    /// what stands behind NotAction, are not in any explicit Deny. Only the gateway refuses that.
    std::vector<std::string> open_to_resource_policies;
};

/// Compiles: the scope's statements (those conditioned on kms:ViaService, aws:CalledVia… or
/// aws:ViaAWSService unchanged), the complement of what they allow as explicit Deny (a
/// resource-based policy may grant past an implicit deny, never past an explicit one), and Deny for
/// other accounts and regions than the target's. `facts` of the session decide conditions on
/// narrows: keys; nullptr if there is no session yet. When too long it gets coarser step by step,
/// first the Denies, last the Allows, never narrower than the scope, and `notes` says what AWS then
/// no longer checks. Fails with
/// ErrorCode::exhausted if even service wildcards do not fit.
Result<SessionPolicy> session_policy(const Scope& scope, const Target& target, const Facts* facts);

}  // namespace narrows::policy
