#include "apps/client/known_actions.h"

#include <algorithm>
#include <map>
#include <set>

#include "codec/text.h"
#include "policy/pattern.h"
#include "protocols/aws/catalogue/catalogue.h"

namespace narrows::client {
namespace {

/// What operations say of one action.
struct Asked {
    std::set<std::string> resources;
    std::set<std::string> keys;
    bool of_others = false;  ///< than those that a connection may name to go unsigned
};

/// "arn:${Partition}:s3:::${BucketName}/${ObjectName}" as "arn:*:s3:::*/*"; where a parameter gives
/// the ARN of anything, any ARN.
std::string pattern_of(aws::ResourceRule rule) {
    std::string_view arn = rule.arn();
    if (arn == "*" && !rule.holes().empty()) return "arn:*:*:*:*:*";
    std::string pattern;
    while (!arn.empty()) {
        const std::size_t open = std::min(arn.find("${"), arn.size());
        pattern += arn.substr(0, open);
        if (open == arn.size()) break;
        pattern += '*';
        arn.remove_prefix(std::min(arn.find('}', open), arn.size() - 1) + 1);
    }
    return pattern;
}

void add_keys(aws::Operation operation, std::set<std::string>& keys) {
    for (const aws::AccessRule access : operation.accesses()) {
        for (const aws::ConditionRule rule : access.conditions()) {
            keys.insert(codec::lower(rule.key()));
            if (!rule.tag_keys().empty()) keys.insert(codec::lower(rule.tag_keys()));
        }
    }
}

using AskedByAction = std::map<std::string, Asked>;

/// By lower-case action; worked out once.
const AskedByAction& asked() {
    static const AskedByAction all = [] {
        AskedByAction made;
        for (const aws::Service service : aws::Catalogue::embedded().services()) {
            for (const aws::Operation operation : service.operations()) {
                std::set<std::string> keys;
                add_keys(operation, keys);
                for (const aws::AccessRule access : operation.accesses()) {
                    Asked& entry = made[codec::lower(access.action())];
                    entry.keys.insert(keys.begin(), keys.end());
                    entry.of_others |=
                        operation.auth() != aws::Auth::none || operation.returns_credentials();
                    for (const aws::ResourceRule rule : access.resources()) {
                        entry.resources.insert(pattern_of(rule));
                    }
                }
            }
        }
        return made;
    }();
    return all;
}

policy::KnownAction known(aws::Action action) {
    using E = model::EffectClass;
    policy::KnownAction made;
    made.name = action.name();
    made.guarded = action.effect() == E::grant || action.effect() == E::delegate ||
                   action.effect() == E::credential;
    const auto found = asked().find(codec::lower(action.name()));
    made.asked = found != asked().end();
    if (made.asked) {
        made.needs_name = !found->second.of_others;
        made.resources.assign(found->second.resources.begin(), found->second.resources.end());
        made.keys.assign(found->second.keys.begin(), found->second.keys.end());
    }
    return made;
}

}  // namespace

bool Actions::exists(std::string_view action) const {
    return !matching(action).empty();
}

std::vector<policy::KnownAction> Actions::matching(std::string_view action) const {
    const aws::Catalogue& catalogue = aws::Catalogue::embedded();
    std::vector<policy::KnownAction> found;
    if (action.find_first_of("*?") == std::string_view::npos) {
        if (const auto one = catalogue.find_action(action)) found.push_back(known(*one));
        return found;
    }
    const policy::Pattern pattern = policy::Pattern::glob(codec::lower(action));
    for (const aws::Action each : catalogue.actions()) {
        if (pattern.matches(policy::text_of(codec::lower(each.name())))) {
            found.push_back(known(each));
        }
    }
    return found;
}

std::optional<std::string> Actions::suggest(std::string_view action) const {
    const std::vector<std::string_view> near = aws::Catalogue::embedded().suggest(action);
    return near.empty() ? std::nullopt : std::optional<std::string>(near.front());
}

}  // namespace narrows::client
