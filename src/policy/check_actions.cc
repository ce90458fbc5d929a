#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "codec/text.h"
#include "policy/check.h"
#include "policy/document.h"
#include "policy/keys.h"

/// What a catalogue knows of a statement's actions, held against its resources and conditions.
namespace narrows::policy {
namespace {

constexpr std::size_t kNamesShown = 4;
/// A request says them itself (docs/scope.md, Condition keys).
constexpr std::array<std::string_view, 8> kOfEveryRequest = {
    "aws:requestedregion", "aws:securetransport", "aws:sourceip",    "aws:useragent",
    "s3:authtype",         "s3:signatureversion", "s3:signatureage", "s3:x-amz-content-sha256"};

/// The statement's actions as the catalogue knows them, one list for each as written.
using Known = std::vector<std::vector<KnownAction>>;

std::string shown(const std::vector<std::string>& names) {
    const std::size_t count = std::min(names.size(), kNamesShown);
    const std::vector<std::string> first(names.begin(),
                                         names.begin() + static_cast<std::ptrdiff_t>(count));
    return fmt::format(
        "{}{}", fmt::join(first, ", "),
        names.size() == count ? "" : fmt::format(" and {} more", names.size() - count));
}

/// An object's key in place of a bucket: a bucket's name has no slash, though `*` would take one.
bool names_key_of_bucket(const std::string& resource, std::string_view asked_on) {
    const std::size_t bucket = resource.find(":s3:::");
    return asked_on == "arn:*:s3:::*" && bucket != std::string::npos &&
           resource.find('/', bucket) != std::string::npos;
}

bool touches(const ResourcePattern& resource, const std::string& asked_on) {
    // Where no resource can be named, nothing but "*" matches.
    if (asked_on == "*") return resource.pattern.is_anything();
    if (names_key_of_bucket(resource.text, asked_on)) return false;
    const model::Operation nothing;
    const Facts nobody;
    return resource.pattern.matches({asked_on, false}, Keys(nothing, nobody)) != Truth::no;
}

bool touches(const ResourcePattern& resource, const KnownAction& action) {
    return std::any_of(action.resources.begin(), action.resources.end(),
                       [&](const std::string& each) { return touches(resource, each); });
}

bool has_types(const KnownAction& action) {
    return action.resources != std::vector<std::string>{"*"};
}

// What is not asked for by any operation is not held against the statement.
bool any_touches(const Statement& statement, const std::vector<KnownAction>& actions) {
    return std::any_of(actions.begin(), actions.end(), [&](const KnownAction& action) {
        return !action.asked ||
               std::any_of(statement.resources.begin(), statement.resources.end(),
                           [&](const ResourcePattern& each) { return touches(each, action); });
    });
}

void check_useless_actions(const Statement& statement, const Known& known,
                           std::vector<Finding>& findings) {
    for (std::size_t i = 0; i < known.size(); ++i) {
        if (known[i].empty() || any_touches(statement, known[i])) continue;
        const std::vector<std::string>& asked_on = known[i].front().resources;
        findings.push_back(
            {Severity::error, place_in(statement, "Action", false, statement.action_is_list, i),
             fmt::format("{} is never asked on any resource that this statement names.",
                         statement.actions[i].text),
             "it is asked on " + shown(asked_on)});
    }
}

void check_useless_resources(const Statement& statement, const Known& known,
                             std::vector<Finding>& findings) {
    for (std::size_t i = 0; i < statement.resources.size(); ++i) {
        const ResourcePattern& resource = statement.resources[i];
        const bool used =
            std::any_of(known.begin(), known.end(), [&](const std::vector<KnownAction>& actions) {
                return std::any_of(actions.begin(), actions.end(), [&](const KnownAction& action) {
                    return !action.asked || touches(resource, action);
                });
            });
        if (used) continue;
        findings.push_back({Severity::error,
                            place_in(statement, "Resource", false, statement.resource_is_list, i),
                            "No action of this statement is ever asked on " +
                                codec::printable(resource.text) + ".",
                            "remove it, or name the action that is meant"});
    }
}

// ---- wider than needed

void check_wide_action(const Statement& statement, std::size_t index,
                       const std::vector<KnownAction>& actions, std::vector<Finding>& findings) {
    const ActionPattern& pattern = statement.actions[index];
    if (pattern.in_full) return;
    std::vector<std::string> guarded;
    for (const KnownAction& each : actions) {
        if (each.guarded) guarded.push_back(each.name);
    }
    const std::string path = place_in(statement, "Action", false, statement.action_is_list, index);
    const bool whole = pattern.text == "*" || pattern.text.ends_with(":*");
    if (!whole) {
        findings.push_back(
            {actions.size() == 1 ? Severity::warning : Severity::note, path,
             fmt::format("{} stands for {} actions today, and for what AWS adds.", pattern.text,
                         actions.size()),
             actions.size() == 1 ? actions.front().name : "name the actions the task needs"});
    }
    if (!guarded.empty()) {
        findings.push_back(
            {Severity::note, path,
             fmt::format("Only the gateway keeps {} from allowing what hands on rights or "
                         "credentials: {}.",
                         pattern.text, shown(guarded)),
             "name those that the task needs in full"});
    }
}

void check_any_resource(const Statement& statement, std::size_t index, const Known& known,
                        std::vector<Finding>& findings) {
    std::vector<std::string> could_name;
    for (const std::vector<KnownAction>& actions : known) {
        for (const KnownAction& action : actions) {
            if (!action.asked || has_types(action)) could_name.push_back(action.name);
        }
    }
    if (could_name.empty()) return;
    findings.push_back(
        {Severity::warning,
         place_in(statement, "Resource", false, statement.resource_is_list, index),
         "Every resource, for actions that are asked on named ones: " + shown(could_name) + ".",
         "name the resources"});
}

/// Wildcards in place of a whole region, account or name.
void check_wide_arn(const Statement& statement, std::size_t index, std::vector<Finding>& findings) {
    const std::string& text = statement.resources[index].text;
    const std::vector<std::string_view> parts = codec::split(text, ':');
    if (parts.size() < 6) return;
    std::vector<std::string> wide;
    if (parts[3] == "*") wide.emplace_back("region");
    if (parts[4] == "*") wide.emplace_back("account");
    const std::string_view name = parts[5];
    const std::string_view bucket = name.substr(0, name.find('/'));
    if (name == "*" || (parts[2] == "s3" && bucket == "*")) {
        wide.emplace_back(parts[2] == "s3" ? "bucket" : "resource of " + std::string(parts[2]));
    }
    if (wide.empty()) return;
    findings.push_back({Severity::warning,
                        place_in(statement, "Resource", false, statement.resource_is_list, index),
                        fmt::format("It covers every {}.", fmt::join(wide, " and every ")),
                        "write the one that the task needs"});
}

void check_width(const Statement& statement, const Known& known, std::vector<Finding>& findings) {
    for (std::size_t i = 0; i < known.size(); ++i) {
        check_wide_action(statement, i, known[i], findings);
    }
    for (std::size_t i = 0; i < statement.resources.size(); ++i) {
        if (statement.resources[i].text == "*") {
            check_any_resource(statement, i, known, findings);
        } else {
            check_wide_arn(statement, i, findings);
        }
    }
}

/// Those that are named in full: of a wildcard nobody takes them to be meant.
void check_unsigned(const Statement& statement, const Known& known,
                    std::vector<Finding>& findings) {
    for (std::size_t i = 0; i < known.size(); ++i) {
        if (!statement.actions[i].in_full || !known[i].front().needs_name) continue;
        findings.push_back(
            {Severity::note, place_in(statement, "Action", false, statement.action_is_list, i),
             known[i].front().name + " is asked for by requests that nobody signs, which pass only "
                                     "where the connection names the operation in unsigned.",
             ""});
    }
}

// ---- keys

bool can_know(const KnownAction& action, std::string_view lower_key) {
    return std::any_of(action.keys.begin(), action.keys.end(), [&](const std::string& key) {
        const bool family = key.ends_with('/') || key.ends_with(':');
        return lower_key == key || (family && lower_key.starts_with(key));
    });
}

void check_key(const Statement& statement, const Condition& condition, const Known& known,
               std::vector<Finding>& findings) {
    std::vector<std::string> blind;
    bool any = false;
    for (const std::vector<KnownAction>& actions : known) {
        for (const KnownAction& action : actions) {
            const bool fits = !action.asked || can_know(action, condition.lower_key);
            if (!fits) blind.push_back(action.name);
            any |= fits;
        }
    }
    if (blind.empty()) return;
    const std::string key = codec::printable(condition.key);
    const char* effect = statement.allow ? "never allows" : "denies, as if the condition held,";
    findings.push_back(
        {any || !statement.allow ? Severity::warning : Severity::error,
         place_of(statement, condition),
         fmt::format("The gateway cannot know {} of these, so the statement {} them: {}.", key,
                     effect, shown(blind)),
         any ? "name them in a statement without this condition" : "leave the condition out"});
}

bool is_asked_of_actions(const Condition& condition) {
    const std::string& key = condition.lower_key;
    return !only_aws_knows(key) && !is_fact_key(key) && !is_service_call_key(key) &&
           !key.starts_with("narrows:") &&
           std::find(kOfEveryRequest.begin(), kOfEveryRequest.end(), key) == kOfEveryRequest.end();
}

}  // namespace

void check_known_actions(const Statement& statement, const ActionCatalogue& catalogue,
                         std::vector<Finding>& findings) {
    if (statement.not_action || statement.for_services) return;
    Known known;
    for (const ActionPattern& action : statement.actions) {
        known.push_back(catalogue.matching(action.text));
        if (known.back().empty()) return;  // unknown actions are told already
    }
    if (!statement.not_resource) {
        check_useless_actions(statement, known, findings);
        check_useless_resources(statement, known, findings);
    }
    if (statement.allow) {
        check_width(statement, known, findings);
        check_unsigned(statement, known, findings);
    }
    for (const Condition& condition : statement.conditions) {
        if (is_asked_of_actions(condition)) check_key(statement, condition, known, findings);
    }
}

}  // namespace narrows::policy
