#pragma once

#include <string>
#include <vector>

#include "codec/value.h"
#include "policy/condition.h"
#include "policy/pattern.h"
#include "policy/scope.h"
#include "policy/template.h"

/// The compiled form of a scope. Immutable once parsed.
namespace narrows::policy {

struct ActionPattern {
    std::string text;      ///< as written
    Pattern pattern;       ///< of the lower-case name
    bool in_full = false;  ///< no wildcard: the statement names one action
};

struct ResourcePattern {
    std::string text;  ///< as written
    NamePattern pattern;
};

struct Statement {
    std::string sid;
    std::string name;  ///< sid, or "Statement[2]"
    std::string path;  ///< always "Statement[2]"
    bool allow = true;
    bool not_action = false;
    bool not_resource = false;
    bool action_is_list = false;  ///< as written, for the paths of findings
    bool resource_is_list = false;
    bool approval = false;  ///< narrows:Approval = "required" stands in its conditions
    /// Conditioned on a key that is present only when an AWS service calls for the caller: never
    /// matches at the gateway, passes to the session policy unchanged.
    bool for_services = false;
    std::vector<ActionPattern> actions;
    std::vector<ResourcePattern> resources;
    std::vector<Condition> conditions;  ///< without narrows:Approval
    codec::Map source;                  ///< as parsed
};

struct Document {
    std::string text;
    crypto::Digest digest{};
    bool variables = false;  ///< Version 2012-10-17
    std::vector<Statement> statements;
};

inline constexpr std::string_view kApprovalKey = "narrows:approval";

/// Keys of calls that a service makes for the caller (IAM User Guide, "AWS global condition context
/// keys": aws:CalledVia…, aws:ViaAWSService; KMS: kms:ViaService). On the caller's own they are
/// absent, or false.
bool is_service_call_key(std::string_view lower_key);

}  // namespace narrows::policy
