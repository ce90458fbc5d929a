#include "policy/suggest.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "codec/json.h"
#include "codec/text.h"
#include "policy/document.h"
#include "policy/keys.h"

namespace narrows::policy {
namespace {

using Names = std::set<std::string>;
/// Values by condition key.
using Bound = std::map<std::string, Names>;

/// A statement under way.
struct Draft {
    Names actions;
    Names resources;
    Bound bound;
};

constexpr std::size_t kDraftsMax = 512;
constexpr std::size_t kShownMax = 5;

/// `text` as a policy has it where nothing in it is a wildcard or a variable.
std::string literal(std::string_view text, bool wildcards_stay) {
    std::string out;
    for (const char c : text) {
        const bool special = c == '$' || (!wildcards_stay && (c == '*' || c == '?'));
        out += special ? fmt::format("${{{}}}", c) : std::string(1, c);
    }
    return out;
}

/// The resource as a Resource that covers it and nothing else; "*" if none can.
std::string resource_text(const model::Resource& resource) {
    if (resource.arn == "*") return "*";
    std::string text = literal(resource.arn, !resource.exact);
    return NamePattern::parse_resource(text, Variables::allowed) ? text : "*";
}

bool is_pattern(const std::string& resource) {
    return Template::parse(resource, Variables::allowed, Wildcards::active)
        .value()
        .pattern()
        .has_wildcard();
}

/// What `text` names, its escapes undone.
model::Resource named_by(const std::string& text) {
    model::Resource resource{"", !is_pattern(text)};
    for (std::size_t at = 0; at < text.size(); ++at) {
        const bool escape = text.compare(at, 2, "${") == 0 && text.compare(at + 3, 1, "}") == 0;
        resource.arn += escape ? text[at + 2] : text[at];
        at += escape ? 3 : 0;
    }
    return resource;
}

/// Drops what `pattern`, one of them, covers. Allows exactly the same.
void drop_covered(Names& resources, const std::string& pattern) {
    const auto parsed = NamePattern::parse_resource(pattern, Variables::allowed);
    const Facts nobody;
    const model::Operation nothing;
    const Keys keys(nothing, nobody);
    std::erase_if(resources, [&](const std::string& each) {
        return each != pattern && parsed.value().matches(named_by(each), keys) == Truth::yes;
    });
}

void reduce(Names& resources) {
    Names patterns;
    std::copy_if(resources.begin(), resources.end(), std::inserter(patterns, patterns.end()),
                 is_pattern);
    for (const std::string& pattern : patterns) {
        if (resources.contains(pattern)) drop_covered(resources, pattern);
    }
}

// ---- resources made fewer

/// Where a widened resource may end: behind separators that follow what names the thing itself, a
/// bucket ("arn:aws:s3:::b/") or two segments ("…:table/orders/"), and before any wildcard.
std::vector<std::size_t> cuts_of(const std::string& resource) {
    const std::vector<std::string_view> parts = codec::split(resource, ':');
    if (!resource.starts_with("arn:") || parts.size() < 6) return {};
    const std::size_t name = static_cast<std::size_t>(parts[5].data() - resource.data());
    std::size_t segments_left = parts[2] == "s3" ? 1 : 2;
    std::vector<std::size_t> cuts;
    for (std::size_t at = name + 1; at + 1 < resource.size(); ++at) {
        if (std::string_view("*?$").find(resource[at]) != std::string_view::npos) break;
        const bool separates = resource[at] == '/' || resource[at] == ':';
        const bool ends_a_segment = resource[at - 1] != '/' && resource[at - 1] != ':';
        if (!separates || at == name) continue;
        if (segments_left > 0 && ends_a_segment) --segments_left;
        if (segments_left == 0) cuts.push_back(at + 1);
    }
    return cuts;
}

/// From the deepest common folder to the shallowest, until few enough are left.
void make_fewer(const std::string& action, Names& resources, std::size_t most,
                std::vector<std::string>& widened) {
    std::map<std::string, std::size_t> stands_for;
    std::size_t deepest = 0;
    for (const std::string& each : resources) {
        deepest = std::max(deepest, cuts_of(each).size());
    }
    for (std::size_t depth = deepest; depth > 0 && resources.size() > most; --depth) {
        std::map<std::string, Names> folders;
        for (const std::string& each : resources) {
            const std::vector<std::size_t> cuts = cuts_of(each);
            if (cuts.size() >= depth) folders[each.substr(0, cuts[depth - 1])].insert(each);
        }
        for (const auto& [folder, members] : folders) {
            if (members.size() < 2 || resources.size() <= most) continue;
            std::size_t used = 0;
            for (const std::string& each : members) {
                const auto widened_before = stands_for.extract(each);
                used += widened_before.empty() ? 1 : widened_before.mapped();
                resources.erase(each);
            }
            resources.insert(folder + "*");
            stands_for[folder + "*"] = used;
        }
    }
    for (const auto& [pattern, used] : stands_for) {
        widened.push_back(
            fmt::format("{} on all of {}, where {} resources were used.", action, pattern, used));
    }
}

// ---- statements made fewer

std::string_view service_of(std::string_view name) {
    const std::vector<std::string_view> parts = codec::split(name, ':');
    return name.starts_with("arn:") && parts.size() > 2 ? parts[2] : parts.front();
}

/// How much wider one action on one more resource is: next to nothing where the resource is of
/// another service.
std::size_t weight(const std::string& action, const std::string& resource) {
    if (service_of(action) != service_of(resource)) return 1;
    return is_pattern(resource) ? 10'000 : 100;
}

std::size_t cost_of_joining(const Draft& a, const Draft& b) {
    std::size_t cost = 0;
    for (const auto& [from, to] : {std::tie(a, b), std::tie(b, a)}) {
        for (const std::string& action : from.actions) {
            if (to.actions.contains(action)) continue;
            for (const std::string& resource : to.resources) {
                if (!from.resources.contains(resource)) cost += weight(action, resource);
            }
        }
    }
    return cost;
}

/// "*" is joined with nothing else: its statement's actions would reach every resource there is.
bool may_join(const Draft& a, const Draft& b) {
    return a.bound == b.bound && a.resources.contains("*") == b.resources.contains("*");
}

std::string listed(const Names& names) {
    std::vector<std::string> shown(names.begin(), names.end());
    const std::size_t more = shown.size() > kShownMax ? shown.size() - kShownMax : 0;
    shown.resize(shown.size() - more);
    return fmt::format("{}{}", fmt::join(shown, ", "),
                       more == 0 ? "" : fmt::format(" and {} more", more));
}

Names without(const Names& all, const Names& taken) {
    Names left;
    std::set_difference(all.begin(), all.end(), taken.begin(), taken.end(),
                        std::inserter(left, left.end()));
    return left;
}

void say_joined(const Draft& from, const Draft& to, std::vector<std::string>& widened) {
    const Names actions = without(from.actions, to.actions);
    const Names resources = without(to.resources, from.resources);
    if (actions.empty() || resources.empty()) return;
    widened.push_back(fmt::format("{} on {}.", listed(actions), listed(resources)));
}

Result<void> join_drafts(std::vector<Draft>& drafts, std::size_t most,
                         std::vector<std::string>& widened) {
    if (drafts.size() > kDraftsMax) {
        return fail(ErrorCode::exhausted,
                    fmt::format("{} statements are too many to join; make their resources fewer "
                                "first (--max-resources)",
                                drafts.size()));
    }
    while (drafts.size() > most) {
        std::size_t least = static_cast<std::size_t>(-1);
        std::pair<std::size_t, std::size_t> best;
        for (std::size_t i = 0; i < drafts.size(); ++i) {
            for (std::size_t j = i + 1; j < drafts.size(); ++j) {
                if (!may_join(drafts[i], drafts[j])) continue;
                const std::size_t cost = cost_of_joining(drafts[i], drafts[j]);
                if (cost < least) std::tie(least, best) = std::pair(cost, std::pair(i, j));
            }
        }
        if (best.second == 0) {
            return fail(ErrorCode::invalid,
                        fmt::format("{} statements are the fewest: fewer would allow actions on "
                                    "every resource, or drop conditions",
                                    drafts.size()));
        }
        Draft& into = drafts[best.first];
        Draft& from = drafts[best.second];
        say_joined(into, from, widened);
        say_joined(from, into, widened);
        into.actions.merge(from.actions);
        into.resources.merge(from.resources);
        reduce(into.resources);
        drafts.erase(drafts.begin() + static_cast<std::ptrdiff_t>(best.second));
    }
    return ok();
}

// ---- from uses to statements

/// What the use is bound to: the keys that had one value each time.
Bound bound_of(const Used::Use& use, const std::string& where, std::vector<std::string>& notes) {
    Bound bound = use.values;
    for (const std::string& key : use.unbound) {
        bound.erase(key);
        notes.push_back(
            fmt::format("{} is not bound to {}: not every use had one value of it.", where, key));
    }
    return bound;
}

/// Actions on the same resources stand in one statement, and only these.
std::vector<Draft> drafts_of(const Used::Uses& uses, const SuggestOptions& options,
                             Suggested& suggested) {
    std::map<std::pair<Names, Bound>, Names> actions_by_resources;
    for (const auto& [action, by_resource] : uses) {
        std::map<Bound, Names> by_bound;
        for (const auto& [resource, use] : by_resource) {
            const std::string where = fmt::format("{} on {}", action, resource);
            by_bound[bound_of(use, where, suggested.notes)].insert(resource);
        }
        for (auto& [bound, resources] : by_bound) {
            reduce(resources);
            if (options.resources_max > 0) {
                make_fewer(action, resources, options.resources_max, suggested.widened);
                reduce(resources);
            }
            actions_by_resources[{resources, bound}].insert(action);
        }
    }
    std::vector<Draft> drafts;
    drafts.reserve(actions_by_resources.size());
    for (const auto& [key, actions] : actions_by_resources) {
        drafts.push_back({actions, key.first, key.second});
    }
    return drafts;
}

// ---- the document

/// A Sid that says what it is about: "S3GetObject", "S3GetObject2".
std::string sid_of(const Draft& draft, Names& taken) {
    std::string base;
    bool starts_word = true;
    for (const char c : *draft.actions.begin()) {
        const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0;
        if (plain) base += starts_word && c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
        starts_word = !plain;
    }
    if (base.empty()) base = "Statement";
    std::string sid = base;
    for (int n = 2; !taken.insert(sid).second; ++n) sid = base + std::to_string(n);
    return sid;
}

std::string quoted(std::string_view text) {
    return codec::json_encode(codec::Value(text));
}

std::string texts(const Names& names, const char* indent) {
    if (names.size() == 1) return quoted(*names.begin());
    std::vector<std::string> lines;
    for (const std::string& each : names) lines.push_back(indent + quoted(each));
    return fmt::format("[\n{}]", fmt::join(lines, ",\n"));
}

std::string condition_text(const Bound& bound) {
    if (bound.empty()) return "";
    std::vector<std::string> keys;
    for (const auto& [key, values] : bound) {
        Names escaped;
        for (const std::string& value : values) escaped.insert(literal(value, true));
        keys.push_back(quoted(key) + ": " + texts(escaped, "         "));
    }
    return fmt::format(",\n     \"Condition\": {{\"StringEquals\": {{{}}}}}",
                       fmt::join(keys, ",\n       "));
}

std::string document_of(const std::vector<Draft>& drafts) {
    Names sids;
    std::vector<std::string> statements;
    statements.reserve(drafts.size());
    for (const Draft& draft : drafts) {
        statements.push_back(fmt::format(
            "    {{\"Sid\": {}, \"Effect\": \"Allow\",\n     \"Action\": {},\n     \"Resource\": "
            "{}{}}}",
            quoted(sid_of(draft, sids)), texts(draft.actions, "       "),
            texts(draft.resources, "       "), condition_text(draft.bound)));
    }
    return fmt::format("{{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n{}\n  ]\n}}\n",
                       fmt::join(statements, ",\n"));
}

}  // namespace

Used::Used(SuggestOptions options) : options_(std::move(options)) {}

void Used::note(Use& use, const model::Operation& operation, const Facts& facts) const {
    const Keys keys(operation, facts);
    for (const std::string& key : options_.conditions) {
        const std::vector<std::string>* values = keys.find(codec::lower(key));
        if (values != nullptr && values->size() == 1) {
            use.values[key].insert(values->front());
        } else {
            use.unbound.insert(key);
        }
    }
}

Result<void> Used::add(const model::Operation& operation, const Facts& facts) {
    for (const model::Access& access : operation.accesses) {
        for (const model::Resource& resource : access.resources) {
            if (resource.alternative && options_.leave_alternatives) continue;
            const auto [at, is_new] =
                uses_[access.action].try_emplace(resource_text(resource), Use{});
            pairs_ += is_new ? 1 : 0;
            if (pairs_ > kUsesMax) {
                return fail(ErrorCode::exhausted,
                            fmt::format("more than {} different actions on resources were used; "
                                        "choose fewer sessions",
                                        kUsesMax));
            }
            note(at->second, operation, facts);
        }
    }
    return ok();
}

Result<Suggested> Used::suggest() const {
    Suggested suggested;
    std::vector<Draft> drafts = drafts_of(uses_, options_, suggested);
    if (drafts.empty()) {
        return fail(ErrorCode::invalid, "nothing was used that a scope could allow");
    }
    if (options_.statements_max > 0) {
        NARROWS_TRY(join_drafts(drafts, options_.statements_max, suggested.widened));
    }
    std::sort(drafts.begin(), drafts.end(), [](const Draft& a, const Draft& b) {
        return std::tie(a.actions, a.resources, a.bound) <
               std::tie(b.actions, b.resources, b.bound);
    });
    suggested.json = document_of(drafts);
    if (suggested.json.size() > kScopeBytesMax) {
        return fail(ErrorCode::exhausted,
                    fmt::format("the least policy has {} bytes, and a scope at most {}; let it be "
                                "wider (--max-resources)",
                                suggested.json.size(), kScopeBytesMax));
    }
    return suggested;
}

// ---- what nobody used

Usage::Usage(Scope granted) : granted_(std::move(granted)) {
    for (const Statement& statement : granted_.document().statements) {
        counts_.push_back({false, std::vector<Names>(statement.actions.size()),
                           std::vector<bool>(statement.resources.size())});
    }
}

void Usage::count(std::size_t index, const std::string& action, const model::Resource& resource,
                  const Keys& keys) {
    const Statement& statement = granted_.document().statements[index];
    Counts& counts = counts_[index];
    counts.used = true;
    const Text name = text_of(codec::lower(action));
    for (std::size_t i = 0; i < counts.actions.size(); ++i) {
        if (statement.actions[i].pattern.matches(name)) counts.actions[i].insert(action);
    }
    for (std::size_t i = 0; i < counts.resources.size(); ++i) {
        const Truth covered = statement.resources[i].pattern.matches(resource, keys);
        if (covered == Truth::yes) counts.resources[i] = true;
    }
}

void Usage::add(const model::Operation& operation, const Facts& facts) {
    const Keys keys(operation, facts);
    const Explanation explained = explain(granted_, operation, facts);
    std::size_t next = 0;
    for (const model::Access& access : operation.accesses) {
        for (const model::Resource& resource : access.resources) {
            const std::vector<StatementView>& views = explained.accesses[next++].statements;
            for (std::size_t i = 0; i < views.size(); ++i) {
                if (views[i].allow && views[i].counts) count(i, access.action, resource, keys);
            }
        }
    }
}

std::string Usage::place(const Statement& statement, const char* element, bool list,
                         std::size_t index) {
    const std::string path = statement.path + "." + element;
    return list ? fmt::format("{}[{}]", path, index) : path;
}

void Usage::unused_in(std::size_t index, std::vector<Unused>& found) const {
    const Statement& statement = granted_.document().statements[index];
    const Counts& counts = counts_[index];
    for (std::size_t i = 0; i < statement.actions.size() && !statement.not_action; ++i) {
        const ActionPattern& action = statement.actions[i];
        const Names& used = counts.actions[i];
        if (!used.empty() && action.in_full) continue;
        found.push_back({statement.name,
                         place(statement, "Action", statement.action_is_list, i),
                         action.text,
                         {used.begin(), used.end()}});
    }
    for (std::size_t i = 0; i < statement.resources.size() && !statement.not_resource; ++i) {
        if (counts.resources[i]) continue;
        found.push_back({statement.name,
                         place(statement, "Resource", statement.resource_is_list, i),
                         statement.resources[i].text,
                         {}});
    }
}

std::vector<Unused> Usage::unused() const {
    std::vector<Unused> found;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        const Statement& statement = granted_.document().statements[i];
        if (!statement.allow || statement.for_services) continue;
        if (counts_[i].used) {
            unused_in(i, found);
        } else {
            found.push_back({statement.name, statement.path, "", {}});
        }
    }
    return found;
}

}  // namespace narrows::policy
