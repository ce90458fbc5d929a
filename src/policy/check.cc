#include "policy/check.h"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

#include <fmt/format.h>

#include "codec/json.h"
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
            place_in(statement, "Action", statement.not_action, statement.action_is_list, i);
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
    if (!statement.allow || !statement.not_resource) return;
    findings.push_back({Severity::warning, statement.path + ".NotResource",
                        "Allow with NotResource allows every other resource there is.",
                        "name the resources in Resource"});
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
        const std::string path = place_of(statement, condition);
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

/// Where the path stands in the text, or the nearest thing around it that stands there.
void locate(std::vector<Finding>& findings, std::string_view text) {
    const std::map<std::string, std::size_t> places = codec::json_places(text);
    const bool one = !places.contains("Statement[0]");  // a single statement stands in no list
    for (Finding& finding : findings) {
        std::string path = finding.path;
        if (one && path.starts_with("Statement[0]")) path.erase(9, 3);
        while (!path.empty() && !places.contains(path)) {
            const std::size_t cut = path.find_last_of(".[");
            path.resize(cut == std::string::npos ? 0 : cut);
        }
        const auto found = places.find(path);
        if (found == places.end()) continue;
        const codec::TextPlace place = codec::place_at(text, found->second);
        finding.line = place.line;
        finding.column = place.column;
    }
    std::stable_sort(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) {
        return std::tie(a.line, a.column) < std::tie(b.line, b.column);
    });
}

}  // namespace

std::string place_in(const Statement& statement, const char* element, bool negated, bool list,
                     std::size_t index) {
    const std::string path = statement.path + (negated ? ".Not" : ".") + std::string(element);
    return list ? fmt::format("{}[{}]", path, index) : path;
}

std::string place_of(const Statement& statement, const Condition& condition) {
    return fmt::format("{}.Condition.{}.{}", statement.path,
                       codec::printable(condition.operator_name), codec::printable(condition.key));
}

bool only_aws_knows(std::string_view lower_key) {
    return lower_key.find(":resourcetag/") != std::string_view::npos ||
           std::any_of(kOnlyAws.begin(), kOnlyAws.end(),
                       [&](std::string_view key) { return lower_key.starts_with(key); });
}

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

std::vector<Finding> check(const Scope& scope, const ActionCatalogue& catalogue,
                           std::optional<WallNs> now) {
    std::vector<Finding> findings;
    const Document& document = scope.document();
    check_version(document, findings);
    for (const Statement& statement : document.statements) {
        check_actions(statement, catalogue, findings);
        check_resources(statement, findings);
        check_known_actions(statement, catalogue, findings);
        check_conditions(statement, findings);
        check_contradictions(statement, now, findings);
        check_shadowed(document, statement, findings);
    }
    const bool allows = std::any_of(document.statements.begin(), document.statements.end(),
                                    [](const Statement& statement) { return statement.allow; });
    if (!allows) {
        findings.push_back({Severity::warning, "Statement",
                            "No statement allows anything, so the scope denies everything.", ""});
    }
    locate(findings, document.text);
    return findings;
}

std::vector<Finding> check(std::string_view json, const ActionCatalogue& catalogue,
                           std::optional<WallNs> now) {
    const Result<Scope> scope = Scope::parse(json);
    if (scope) return check(scope.value(), catalogue, now);
    std::size_t at = 0;
    if (!codec::json_decode(json, &at)) {
        const codec::TextPlace place = codec::place_at(json, at);
        return {{Severity::error, "", scope.error().what, "", place.line, place.column}};
    }
    const std::string& what = scope.error().what;
    const std::size_t colon = what.find(": ");
    const bool placed = colon != std::string::npos && what.find(' ') > colon;
    std::vector<Finding> findings = {{Severity::error, placed ? what.substr(0, colon) : "",
                                      placed ? what.substr(colon + 2) : what, ""}};
    locate(findings, json);
    return findings;
}

}  // namespace narrows::policy
