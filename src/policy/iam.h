#pragma once

#include <string>

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

struct RoleDocuments {
    codec::Value trust;          ///< trust policy
    codec::Value permissions;    ///< identity policy: what AWS can enforce of the scope
    std::string cloudformation;  ///< a template (JSON) with the role and its policy
};

RoleDocuments role_documents(const Scope& scope, const RoleRequest& request);

}  // namespace narrows::policy
