#pragma once

#include <string>
#include <vector>

#include "codec/value.h"
#include "policy/scope.h"

/// The role that a connection assumes, as documents for the operator to create
/// (`narrows connection iam`).
namespace narrows::policy {

struct RoleRequest {
    std::string role_name;         ///< "narrows-reports-ro"
    std::string gateway_role_arn;  ///< who may assume it
    std::string external_id;       ///< empty: no sts:ExternalId condition
};

/// Limit of a role's inline policies together, white space not counted (IAM and STS quotas).
inline constexpr std::size_t kRolePolicyMax = 10'240;

struct RoleDocuments {
    /// Lets the gateway's role assume it, only with a source identity and with session tags whose
    /// keys begin with "narrows-" (IAM User Guide, "Monitor and control actions taken with assumed
    /// roles" and "Pass session tags in AWS STS").
    codec::Value trust;
    codec::Value permissions;        ///< identity policy: what AWS can enforce of the scope
    std::string cloudformation;      ///< template (JSON) with the role and its policy
    std::vector<std::string> notes;  ///< what only the gateway enforces, what is too long
};

RoleDocuments role_documents(const Scope& scope, const RoleRequest& request);

}  // namespace narrows::policy
