#include "policy/session_policy.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "codec/text.h"
#include "crypto/hash.h"
#include "policy/aws_policy.h"

namespace narrows::policy {
namespace {

/// Services with one endpoint for all regions, whose aws:RequestedRegion is their home region and
/// not the caller's (AWS Organizations User Guide, "Deny access to AWS based on the requested AWS
/// Region", lists what to exempt; regional services of that list are left out here).
constexpr std::array<std::string_view, 18> kGlobalServices = {
    "account",       "artifact", "aws-marketplace",   "billing", "budgets", "ce",
    "cloudfront",    "cur",      "globalaccelerator", "health",  "iam",     "networkmanager",
    "organizations", "route53",  "route53domains",    "shield",  "sts",     "support",
};
/// Actions of regional services that are answered without regard to region (same page).
constexpr std::array<std::string_view, 2> kGlobalActions = {"s3:ListAllMyBuckets",
                                                            "s3:GetAccountPublicAccessBlock"};

/// Services that get the account condition. The key is not in every request (IAM User Guide, "AWS
/// global condition context keys", aws:ResourceAccount: "most service actions", with exceptions),
/// so it denies only where it is present. Left out are services whose callers use resources that
/// AWS owns as a matter of course (public images, documents, layers, managed policies: ec2, ssm,
/// ecr, lambda, iam), where it would break allowed calls; their ARNs carry the account. For S3,
/// whose ARNs carry none, it is what keeps a session off other accounts' buckets.
constexpr std::array<std::string_view, 9> kAccountServices = {
    "dynamodb", "firehose", "kinesis", "kms", "logs", "s3", "secretsmanager", "sns", "sqs",
};

Pattern pattern_of(std::string_view action) {
    return Pattern::glob(codec::lower(action));
}

// Whether an Allow statement can allow something that `action` matches.
bool touches(const AwsStatement& statement, const Pattern& action) {
    const auto& list = statement.actions;
    if (statement.not_action) {
        return std::none_of(list.begin(), list.end(), [&](const std::string& other) {
            return pattern_of(other).covers(action);
        });
    }
    return std::any_of(list.begin(), list.end(), [&](const std::string& other) {
        return pattern_of(other).overlaps(action);
    });
}

bool any_allow_touches(const AwsStatements& statements, const Pattern& action) {
    return std::any_of(statements.begin(), statements.end(), [&](const AwsStatement& statement) {
        return statement.allow && touches(statement, action);
    });
}

// Deny for every action that no Allow names. Nothing if that cannot be said in one statement.
void deny_other_actions(AwsStatements& to, const AwsStatements& scope) {
    AwsStatement deny{"", false, true, false, {}, {"*"}, {}};
    const AwsStatement* inverse = nullptr;
    for (const AwsStatement& statement : scope) {
        if (!statement.allow) continue;
        if (statement.not_action) inverse = &statement;
        deny.actions.insert(statement.actions.begin(), statement.actions.end());
    }
    if (deny.actions.empty()) {
        deny.not_action = false;
        deny.actions.insert("*");
    } else if (inverse != nullptr) {
        deny.not_action = false;
        deny.actions.clear();
        for (const std::string& action : inverse->actions) {
            if (!any_allow_touches(scope, pattern_of(action))) deny.actions.insert(action);
        }
        if (deny.actions.empty()) return;
    } else if (deny.actions.contains("*")) {
        return;
    }
    to.push_back(std::move(deny));
}

// For each action that is allowed on named resources only: Deny on all others.
void deny_other_resources(AwsStatements& to, const AwsStatements& scope) {
    std::map<std::set<std::string>, std::set<std::string>> actions_by_resources;
    for (const AwsStatement& named : scope) {
        if (!named.allow || named.not_action) continue;
        for (const std::string& action : named.actions) {
            const Pattern pattern = pattern_of(action);
            std::set<std::string> resources;
            for (const AwsStatement& statement : scope) {
                if (!statement.allow || !touches(statement, pattern)) continue;
                if (statement.not_resource) resources.insert("*");
                resources.insert(statement.resources.begin(), statement.resources.end());
            }
            if (!resources.contains("*")) actions_by_resources[resources].insert(action);
        }
    }
    for (const auto& [resources, actions] : actions_by_resources) {
        to.push_back({"", false, false, true, actions, resources, {}});
    }
}

codec::Value value_of(const std::vector<std::string>& items) {
    codec::List list;
    for (const std::string& item : items) list.emplace_back(item);
    return list.size() == 1 ? list.front() : codec::Value(std::move(list));
}

void deny_other_regions(AwsStatements& to, const AwsStatements& scope, const Target& target) {
    if (target.regions.empty()) return;
    AwsStatement deny{"", false, true, false, {}, {"*"}, {}};
    const auto exempt = [&](const std::string& action) {
        if (any_allow_touches(scope, pattern_of(action))) deny.actions.insert(action);
    };
    for (const std::string_view service : kGlobalServices) exempt(std::string(service) + ":*");
    for (const std::string_view action : kGlobalActions) exempt(std::string(action));
    if (deny.actions.empty()) {
        deny.not_action = false;
        deny.actions.insert("*");
    }
    deny.condition["StringNotEquals"] =
        codec::Map{{"aws:RequestedRegion", value_of(target.regions)}};
    to.push_back(std::move(deny));
}

void deny_other_accounts(AwsStatements& to, const AwsStatements& scope, const Target& target) {
    if (target.account.empty()) return;
    AwsStatement deny{"", false, false, false, {}, {"*"}, {}};
    for (const std::string_view service : kAccountServices) {
        const std::string action = std::string(service) + ":*";
        if (any_allow_touches(scope, pattern_of(action))) deny.actions.insert(action);
    }
    if (deny.actions.empty()) return;
    deny.condition["StringNotEquals"] = codec::Map{{"aws:ResourceAccount", target.account}};
    deny.condition["Null"] = codec::Map{{"aws:ResourceAccount", "false"}};
    to.push_back(std::move(deny));
}

std::string service_wildcard(const std::string& action) {
    return action == "*" ? action : codec::lower(action.substr(0, action.find(':'))) + ":*";
}

// Every allowed action as its service's wildcard.
AwsStatements by_service(AwsStatements statements) {
    for (AwsStatement& statement : statements) {
        if (!statement.allow || statement.not_action) continue;
        std::set<std::string> services;
        for (const std::string& action : statement.actions) {
            services.insert(service_wildcard(action));
        }
        if (services.contains("*")) services = {"*"};
        statement.actions = std::move(services);
    }
    return group(std::move(statements));
}

// One Allow of service wildcards on every resource, and the scope's own Deny statements.
AwsStatements services_only(const AwsStatements& statements, bool keep_denies) {
    AwsStatement allow{"", true, false, false, {}, {"*"}, {}};
    AwsStatements result;
    for (const AwsStatement& statement : statements) {
        if (!statement.allow) {
            if (keep_denies) result.push_back(statement);
            continue;
        }
        if (statement.not_action) allow.actions.insert("*");
        for (const std::string& action : statement.actions) {
            allow.actions.insert(service_wildcard(action));
        }
    }
    if (allow.actions.contains("*")) allow.actions = {"*"};
    if (!allow.actions.empty()) result.push_back(std::move(allow));
    return result;
}

/// A form of the policy and what it leaves to the gateway.
struct Step {
    AwsStatements (*form)(const AwsStatements& exact);
    bool other_actions;    ///< with Deny NotAction
    bool other_resources;  ///< with Deny NotResource
    bool fences;           ///< with Deny of other regions and accounts
    bool whole;            ///< every Allow as the scope has it
    std::vector<const char*> notes;
};

constexpr const char* kImplicit = "AWS denies other resources implicitly only.";
constexpr const char* kAllImplicit = "AWS denies other actions and resources implicitly only.";
constexpr const char* kServices = "AWS checks services and resources; the gateway, actions.";
constexpr const char* kCoarse =
    "AWS checks services only; the gateway, actions, resources and conditions.";
constexpr const char* kNoDenies = "only the gateway enforces the Deny statements.";
constexpr const char* kNoFences = "only the gateway enforces account and regions.";

AwsStatements as_written(const AwsStatements& exact) {
    return exact;
}
AwsStatements grouped(const AwsStatements& exact) {
    return group(exact);
}
AwsStatements services(const AwsStatements& exact) {
    return by_service(group(exact));
}
AwsStatements coarse(const AwsStatements& exact) {
    return services_only(group(exact), true);
}
AwsStatements coarsest(const AwsStatements& exact) {
    return services_only(exact, false);
}

/// From the most exact to the coarsest.
const std::array<Step, 9>& steps() {
    static const std::array<Step, 9> all = {{
        {as_written, true, true, true, true, {}},
        {grouped, true, true, true, true, {}},
        {grouped, true, false, true, true, {kImplicit}},
        {grouped, false, false, true, true, {kAllImplicit}},
        {grouped, false, false, false, true, {kAllImplicit, kNoFences}},
        {services, true, false, true, false, {kImplicit, kServices}},
        {coarse, true, false, true, false, {kCoarse}},
        {coarsest, true, false, true, false, {kCoarse, kNoDenies}},
        {coarsest, true, false, false, false, {kCoarse, kNoDenies, kNoFences}},
    }};
    return all;
}

// The policy of one step, or nothing if it is too long.
std::optional<std::string> compile(const Document& document, const Step& step,
                                   const AwsStatements& exact, const Target& target) {
    const auto json_of = [&](const AwsStatements& statements) {
        return policy_json(policy_value(document, statements));
    };
    const AwsStatements scope = step.form(exact);
    if (json_of(scope).size() > kSessionPolicyMax) return std::nullopt;
    AwsStatements all = scope;
    if (step.other_actions) deny_other_actions(all, scope);
    if (step.other_resources) deny_other_resources(all, scope);
    if (step.fences) {
        deny_other_regions(all, scope, target);
        deny_other_accounts(all, scope, target);
    }
    std::string json = json_of(all);
    if (json.size() > kSessionPolicyMax) return std::nullopt;
    return json;
}

std::vector<std::string> enforced_by(const Step& step, const Target& target) {
    std::vector<std::string> sentences;
    sentences.emplace_back(step.whole
                               ? "every Allow and Deny with its actions, resources and conditions"
                               : "services");
    if (step.other_actions) {
        sentences.emplace_back("no other action, whatever a resource's own policy grants");
    }
    if (step.other_resources) {
        sentences.emplace_back("no other resource, whatever its own policy grants");
    }
    if (step.fences && !target.regions.empty()) sentences.emplace_back("no other region");
    if (step.fences && !target.account.empty()) {
        sentences.emplace_back(
            "no other account's buckets, tables, queues, topics, keys, secrets, "
            "logs and streams");
    }
    return sentences;
}

std::vector<std::string> open_to_resource_policies(const Document& document) {
    std::vector<std::string> names;
    for (const Statement& statement : document.statements) {
        const bool open = !statement.conditions.empty() || statement.not_action;
        if (statement.allow && open && !statement.for_services) names.push_back(statement.name);
    }
    return names;
}

}  // namespace

Result<SessionPolicy> session_policy(const Scope& scope, const Target& target, const Facts* facts) {
    std::vector<std::string> notes;
    const AwsStatements exact = express(scope.document(), facts, notes);
    for (const Step& step : steps()) {
        std::optional<std::string> json = compile(scope.document(), step, exact, target);
        if (!json) continue;
        for (const char* note : step.notes) {
            notes.push_back(std::string("The scope is too long for a session policy (2,048 "
                                        "characters): ") +
                            note);
        }
        std::string sha256 = codec::hex(crypto::sha256(*json));
        return SessionPolicy{*std::move(json),
                             std::move(sha256),
                             step.whole,
                             std::move(notes),
                             enforced_by(step, target),
                             open_to_resource_policies(scope.document())};
    }
    return fail(ErrorCode::exhausted,
                "the scope allows more services than a session policy of 2,048 characters can "
                "name; split it over several connections");
}

}  // namespace narrows::policy
