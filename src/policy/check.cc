#include "policy/check.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "codec/text.h"
#include "policy/document.h"
#include "policy/keys.h"

namespace narrows::policy {
namespace {

/// Keys that only AWS has when it decides, by beginning, lower case (IAM User Guide, "AWS global
/// condition context keys"): properties of the resource, of the organisation, of the network path
/// behind the gateway and of the gateway's own role.
constexpr std::array<std::string_view, 16> kOnlyAws = {
    "aws:resourcetag/", "aws:resourceorg",   "aws:resourceaccount",   "aws:principalorg",
    "aws:principalarn", "aws:principaltype", "aws:principalisaws",    "aws:principalservice",
    "aws:sourcevpc",    "aws:sourceorg",     "aws:sourceaccount",     "aws:sourcearn",
    "aws:vpcsourceip",  "aws:multifactor",   "aws:federatedprovider", "aws:tokenissuetime",
};

bool only_aws_knows(std::string_view lower_key) {
    return lower_key.find(":resourcetag/") != std::string_view::npos ||
           std::any_of(kOnlyAws.begin(), kOnlyAws.end(),
                       [&](std::string_view key) { return lower_key.starts_with(key); });
}

std::string place(const Statement& statement, const char* element, bool negated, bool list,
                  std::size_t index) {
    const std::string path = statement.path + (negated ? ".Not" : ".") + std::string(element);
    return list ? fmt::format("{}[{}]", path, index) : path;
}

void check_version(const Document& document, std::vector<Finding>& findings) {
    if (document.variables) return;
    if (document.text.find("${") != std::string::npos) {
        findings.push_back({Severity::error, "Version",
                            "Without Version 2012-10-17 policy variables stand for themselves.",
                            "\"Version\": \"2012-10-17\""});
    } else {
        findings.push_back({Severity::warning, "Version",
                            "The document has the old version of the policy language.",
                            "\"Version\": \"2012-10-17\""});
    }
}

void check_actions(const Statement& statement, const ActionCatalogue& catalogue,
                   std::vector<Finding>& findings) {
    for (std::size_t i = 0; i < statement.actions.size(); ++i) {
        const ActionPattern& action = statement.actions[i];
        const std::string path =
            place(statement, "Action", statement.not_action, statement.action_is_list, i);
        if (action.text != "*" && !catalogue.exists(action.text)) {
            findings.push_back({Severity::error, path,
                                action.text + (action.in_full ? " is no known action."
                                                              : " matches no known action."),
                                catalogue.suggest(action.text).value_or("")});
        } else if (statement.allow && !statement.not_action && action.text.ends_with('*') &&
                   (action.text == "*" || action.text.ends_with(":*"))) {
            findings.push_back({Severity::warning, path,
                                action.text + " allows every action there is and will be.",
                                "name the actions the task needs"});
        }
    }
    if (statement.allow && statement.not_action) {
        findings.push_back({Severity::warning, statement.path + ".NotAction",
                            "Allow with NotAction allows everything else, of every service.",
                            "name the actions the task needs in Action"});
    }
}

void check_resources(const Statement& statement, std::vector<Finding>& findings) {
    if (!statement.allow) return;
    if (statement.not_resource) {
        findings.push_back({Severity::warning, statement.path + ".NotResource",
                            "Allow with NotResource allows every other resource there is.",
                            "name the resources in Resource"});
        return;
    }
    for (std::size_t i = 0; i < statement.resources.size(); ++i) {
        if (statement.resources[i].text != "*") continue;
        findings.push_back({Severity::warning,
                            place(statement, "Resource", false, statement.resource_is_list, i),
                            "The statement allows its actions on every resource.",
                            "name the resources, unless these actions have none"});
    }
}

void check_unknowable(const Statement& statement, const Condition& condition,
                      const std::string& path, std::vector<Finding>& findings) {
    if (!only_aws_knows(condition.lower_key)) return;
    findings.push_back(
        {statement.allow ? Severity::error : Severity::warning, path,
         fmt::format("The gateway cannot know {}, so this statement {}.",
                     codec::printable(condition.key),
                     statement.allow ? "never allows anything" : "denies as if it always held"),
         "put this condition into the role's own policy in IAM"});
}

void check_conditions(const Statement& statement, std::vector<Finding>& findings) {
    if (statement.for_services) {
        findings.push_back({Severity::note, statement.path + ".Condition",
                            "It never matches at the gateway; it passes to AWS in the session "
                            "policy, for calls that services make.",
                            ""});
        return;
    }
    for (const Condition& condition : statement.conditions) {
        const std::string path =
            fmt::format("{}.Condition.{}.{}", statement.path,
                        codec::printable(condition.operator_name), codec::printable(condition.key));
        check_unknowable(statement, condition, path, findings);
        if (statement.allow && condition.op.quantifier == Quantifier::for_all) {
            findings.push_back({Severity::warning, path,
                                "ForAllValues also holds when the request has no such key.",
                                fmt::format("add \"Null\": {{\"{}\": \"false\"}}",
                                            codec::printable(condition.key))});
        }
        if (condition.lower_key.starts_with("narrows:") && !is_fact_key(condition.lower_key)) {
            findings.push_back({Severity::error, path, "There is no such key of Narrows.",
                                "narrows:Agent, narrows:Principal, narrows:TaskId, "
                                "narrows:SessionId or narrows:Approval"});
        }
    }
    if (statement.approval) {
        findings.push_back({Severity::note, statement.path + ".Condition",
                            "Its operations are held for a reviewer; where none can answer, they "
                            "are refused.",
                            ""});
    }
}

// An Allow all of whose actions an unconditional Deny on everything takes away again.
void check_shadowed(const Document& document, const Statement& allow,
                    std::vector<Finding>& findings) {
    if (!allow.allow || allow.not_action) return;
    for (const Statement& deny : document.statements) {
        if (deny.allow || !deny.conditions.empty() || deny.not_action || deny.not_resource)
            continue;
        const bool everywhere =
            std::any_of(deny.resources.begin(), deny.resources.end(),
                        [](const ResourcePattern& r) { return r.pattern.is_anything(); });
        const auto taken = [&](const ActionPattern& action) {
            return std::any_of(
                deny.actions.begin(), deny.actions.end(),
                [&](const ActionPattern& other) { return other.pattern.covers(action.pattern); });
        };
        if (!everywhere || !std::all_of(allow.actions.begin(), allow.actions.end(), taken))
            continue;
        findings.push_back({Severity::error, allow.path,
                            "It never allows anything: " + deny.name + " denies all its actions.",
                            "remove one of the two"});
        return;
    }
}

}  // namespace

const char* name_of(Severity severity) {
    switch (severity) {
        case Severity::error:
            return "error";
        case Severity::warning:
            return "warning";
        case Severity::note:
            return "note";
    }
    return "note";
}

std::vector<Finding> check(const Scope& scope, const ActionCatalogue& catalogue) {
    std::vector<Finding> findings;
    const Document& document = scope.document();
    check_version(document, findings);
    for (const Statement& statement : document.statements) {
        check_actions(statement, catalogue, findings);
        check_resources(statement, findings);
        check_conditions(statement, findings);
        check_shadowed(document, statement, findings);
    }
    const bool allows = std::any_of(document.statements.begin(), document.statements.end(),
                                    [](const Statement& statement) { return statement.allow; });
    if (!allows) {
        findings.push_back({Severity::warning, "Statement",
                            "No statement allows anything, so the scope denies everything.", ""});
    }
    return findings;
}

std::vector<Finding> check(std::string_view json, const ActionCatalogue& catalogue) {
    const Result<Scope> scope = Scope::parse(json);
    if (scope) return check(scope.value(), catalogue);
    const std::string& what = scope.error().what;
    const std::size_t colon = what.find(": ");
    const bool placed = colon != std::string::npos && what.find(' ') > colon;
    return {{Severity::error, placed ? what.substr(0, colon) : "",
             placed ? what.substr(colon + 2) : what, ""}};
}

}  // namespace narrows::policy
