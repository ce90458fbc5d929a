#pragma once

#include <set>
#include <string>
#include <vector>

#include "codec/value.h"
#include "policy/document.h"
#include "policy/scope.h"

/// A scope in terms that AWS itself can enforce; what session policies and role policies are made
/// of.
namespace narrows::policy {

struct AwsStatement {
    std::string sid;
    bool allow = true;
    bool not_action = false;
    bool not_resource = false;
    std::set<std::string> actions;
    std::set<std::string> resources;
    codec::Map condition;  ///< operator to key to values; empty: none
};
using AwsStatements = std::vector<AwsStatement>;

/// The statements of a scope without narrows: keys, in order. With facts, the session is known:
/// conditions on narrows: keys are decided now and variables replaced by their values. Without, an
/// Allow is widened and a Deny left out. Either way `notes` says what only the gateway enforces.
AwsStatements express(const Document& document, const Facts* facts,
                      std::vector<std::string>& notes);

/// Joins Allow statements that differ only in actions or only in resources, and drops all Sids.
/// Allows exactly the same.
AwsStatements group(AwsStatements statements);

codec::Value policy_value(const Document& document, const AwsStatements& statements);

/// Compact JSON in ASCII: other characters as \u escapes, since AWS takes U+0009, U+000A, U+000D
/// and U+0020 to U+00FF only (STS API reference, AssumeRole, Policy).
std::string policy_json(const codec::Value& policy);

}  // namespace narrows::policy
