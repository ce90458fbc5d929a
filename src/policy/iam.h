#pragma once

#include <map>
#include <string>
#include <vector>

#include "codec/value.h"
#include "policy/scope.h"

/// What an operator creates around a connection's role, as documents (`narrows connection iam`).
namespace narrows::policy {

struct RoleRequest {
    std::string role_arn;          ///< of the role to create: "arn:aws:iam::123456789012:role/x"
    std::string gateway_role_arn;  ///< who may assume it
    std::string external_id;       ///< empty: no sts:ExternalId condition
    /// ARNs, wildcards taken, of who may still change roles and trails of the agents' accounts.
    std::vector<std::string> administrators;

    std::string role_name() const;  ///< "x"
    std::string role_path() const;  ///< "/", "/agents/"
};

/// Limits, white space not counted (IAM and STS quotas; Organizations quotas).
inline constexpr std::size_t kRolePolicyMax = 10'240;    ///< a role's inline policies together
inline constexpr std::size_t kManagedPolicyMax = 6'144;  ///< a boundary
inline constexpr std::size_t kScpMax = 5'120;

struct RoleDocuments {
    /// Lets the gateway's role assume it, only with a source identity and with session tags whose
    /// keys begin with "narrows-" (IAM User Guide, "Monitor and control actions taken with assumed
    /// roles" and "Pass session tags in AWS STS").
    codec::Value trust;
    codec::Value permissions;  ///< identity policy: what AWS can enforce of the scope
    /// Permissions boundary: the same, and nothing at all for sessions without a source identity,
    /// which the gateway always sets (aws:SourceIdentity; calls of services are let be).
    codec::Value boundary;
    codec::Value gateway;  ///< identity policy of the gateway's role: assume this one, so
    /// Policies of the buckets and KMS keys that the scope names, by name and by ARN: the role may
    /// do what the scope says, its sessions without a source identity nothing. To be joined with
    /// what a bucket or key has already.
    std::map<std::string, codec::Value> buckets;
    std::map<std::string, codec::Value> keys;
    /// Service control policy for accounts that only agents work in: nobody but gateway, role and
    /// administrators can do anything, nobody else can assume the role, change it, make other
    /// credentials or stop a trail.
    codec::Value scp;
    std::vector<std::string> notes;  ///< what only the gateway enforces, what is too long
};

RoleDocuments role_documents(const Scope& scope, const RoleRequest& request);

/// All of them as one document (JSON), template (JSON) or configuration (HCL). Bucket policies and
/// SCP are in the latter two only when a parameter asks for them, key policies as metadata and
/// output: AWS replaces such policies whole.
codec::Value json_of(const RoleRequest& request, const RoleDocuments& documents);
std::string cloudformation_of(const RoleRequest& request, const RoleDocuments& documents);
std::string terraform_of(const RoleRequest& request, const RoleDocuments& documents);

}  // namespace narrows::policy
