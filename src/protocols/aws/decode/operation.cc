#include "protocols/aws/decode/operation.h"

#include <algorithm>
#include <optional>
#include <set>

#include "codec/text.h"
#include "protocols/aws/catalogue/path.h"
#include "protocols/aws/catalogue/unsigned.h"
#include "protocols/aws/decode/withhold.h"

namespace narrows::aws {
namespace {

using codec::Value;

/// Values of condition keys as several accesses give them.
class Conditions {
  public:
    explicit Conditions(model::Context known) : known_(std::move(known)) {}

    /// Two accesses that disagree leave the key unknown.
    void set(std::string_view key, std::vector<std::string> values) {
        const std::string name = codec::lower(key);
        const auto [at, is_new] = found_.emplace(name, values);
        if (!is_new && at->second != values) disputed_.insert(name);
    }

    /// The keys that begin with `prefix`: those of `names` and no other.
    void set_family(std::string_view prefix, std::vector<std::string> names) {
        const std::string family = codec::lower(prefix);
        families_.insert(family);
        set(family, std::move(names));
    }

    model::Context take() {
        for (const std::string& key : disputed_) {
            found_.erase(key);
            if (const auto family = model::find_family(found_, key); family != found_.end()) {
                found_.erase(family);
            }
        }
        for (const std::string& family : families_) {
            if (const auto at = found_.find(family); at != found_.end()) at->second.clear();
        }
        known_.merge(found_);
        return std::move(known_);
    }

  private:
    std::set<std::string> families_;
    model::Context known_;
    model::Context found_;
    std::set<std::string> disputed_;
};

struct Tag {
    std::string key;
    std::string value;
};

std::string text_at(const Value& from, std::string_view path) {
    const auto values = values_at(from, path);
    return values.empty() ? std::string() : values.front();
}

std::vector<Tag> tags_in_list(ConditionRule rule, const Value& parameters) {
    std::vector<Tag> tags;
    for (const Value* element : nodes_at(parameters, rule.path())) {
        tags.push_back({text_at(*element, rule.key_name()), text_at(*element, rule.value_name())});
    }
    return tags;
}

std::vector<Tag> tags_in_map(ConditionRule rule, const Value& parameters) {
    std::vector<Tag> tags;
    for (const Value* node : nodes_at(parameters, rule.path())) {
        const auto* map = node->as<codec::Map>();
        if (map == nullptr) continue;
        for (const auto& [key, value] : *map) {
            const auto* text = value.as<std::string>();
            tags.push_back({key, text == nullptr ? std::string() : *text});
        }
    }
    return tags;
}

std::vector<Tag> tags_in_query(ConditionRule rule, const Value& parameters) {
    std::vector<Tag> tags;
    for (const std::string& text : values_at(parameters, rule.path())) {
        const auto pairs = codec::form_decode(text);
        if (!pairs) continue;
        for (const codec::Pair& pair : pairs.value()) tags.push_back({pair.name, pair.value});
    }
    return tags;
}

/// What is launched from a template (RunInstances, CreateFleet) may get more tags than the request
/// says.
bool may_get_more_tags(ConditionRule rule, const Value& parameters) {
    return rule.path().starts_with("TagSpecifications") &&
           (parameters.find("LaunchTemplate") != nullptr ||
            parameters.find("LaunchTemplateConfigs") != nullptr);
}

void set_tags(ConditionRule rule, const Value& parameters, const std::vector<Tag>& tags,
              Conditions& conditions) {
    std::vector<std::string> keys;
    for (const Tag& tag : tags) {
        keys.push_back(tag.key);
        conditions.set(std::string(rule.key()) + tag.key, {tag.value});
    }
    if (may_get_more_tags(rule, parameters)) return;
    conditions.set_family(rule.key(), keys);
    if (!rule.tag_keys().empty()) conditions.set(rule.tag_keys(), std::move(keys));
}

/// Nothing for a text that is neither an ARN nor a plain name.
std::optional<std::string> as_arn(ConditionRule rule, const std::string& text,
                                  const ConnectionFacts& facts) {
    if (text.starts_with("arn:")) return text;
    const std::string_view pattern = rule.value_name();
    if (pattern.empty() || text.find_first_of(":/") != std::string::npos) return std::nullopt;
    return fill_connection(pattern, facts) + text;
}

void set_arns(ConditionRule rule, const Value& parameters, const ConnectionFacts& facts,
              Conditions& conditions) {
    std::vector<std::string> arns;
    for (const std::string& text : values_at(parameters, rule.path())) {
        std::optional<std::string> arn = as_arn(rule, text, facts);
        if (!arn) return;
        arns.push_back(std::move(*arn));
    }
    if (!arns.empty()) conditions.set(rule.key(), std::move(arns));
}

void set_if_present(ConditionRule rule, const Value& parameters, Conditions& conditions) {
    std::vector<std::string> values = values_at(parameters, rule.path());
    if (!values.empty()) conditions.set(rule.key(), std::move(values));
}

void set_leading_keys(ConditionRule rule, const Decoded& asked, const ConnectionFacts& facts,
                      Conditions& conditions) {
    auto values = leading_keys(asked.entry.name(), asked.parameters, facts.partition_keys);
    if (values) conditions.set(rule.key(), std::move(*values));
}

void set_condition(ConditionRule rule, const Decoded& asked, const ConnectionFacts& facts,
                   Conditions& conditions) {
    const Value& parameters = asked.parameters;
    switch (rule.from()) {
        case ConditionFrom::values:
            return conditions.set(rule.key(), values_at(parameters, rule.path()));
        case ConditionFrom::constant:
            return conditions.set(rule.key(), {std::string(rule.path())});
        case ConditionFrom::tag_list:
            return set_tags(rule, parameters, tags_in_list(rule, parameters), conditions);
        case ConditionFrom::tag_map:
            return set_tags(rule, parameters, tags_in_map(rule, parameters), conditions);
        case ConditionFrom::tag_query:
            return set_tags(rule, parameters, tags_in_query(rule, parameters), conditions);
        case ConditionFrom::if_present:
            return set_if_present(rule, parameters, conditions);
        case ConditionFrom::arn:
            return set_arns(rule, parameters, facts, conditions);
        case ConditionFrom::connection:
            return conditions.set(rule.key(),
                                  {rule.path() == "Account" ? facts.account : facts.region});
        case ConditionFrom::absent:
            return set_tags(rule, parameters, {}, conditions);
        case ConditionFrom::leading_keys:
            return set_leading_keys(rule, asked, facts, conditions);
    }
}

/// A copy source with a query that names no version counts both ways.
bool applies_to_query(When when, const std::string& text) {
    const bool has_query = text.find('?') != std::string::npos;
    return when == When::present ? has_query : !names_version(text);
}

/// "Path", or "Path=Text": with that very text.
bool is_there(const Value& parameters, std::string_view what) {
    const std::size_t equals = what.find('=');
    if (equals == std::string_view::npos) return !nodes_at(parameters, what).empty();
    return text_at(parameters, what.substr(0, equals)) == what.substr(equals + 1);
}

bool applies(AccessRule rule, const Value& parameters) {
    if (rule.when() == When::always) return true;
    if (std::string_view path = rule.when_path(); path.ends_with('?')) {
        path.remove_suffix(1);
        return applies_to_query(rule.when(), text_at(parameters, path));
    }
    return is_there(parameters, rule.when_path()) == (rule.when() == When::present);
}

/// How much an effect can do, for the gravest of several.
int gravity(model::EffectClass effect) {
    switch (effect) {
        case model::EffectClass::read:
            return 0;
        case model::EffectClass::write:
            return 1;
        case model::EffectClass::by_reference:
            return 2;
        case model::EffectClass::delegate:
            return 3;
        case model::EffectClass::grant:
            return 4;
        case model::EffectClass::credential:
            return 5;
    }
    return 5;
}

void raise(model::EffectClass& effect, model::EffectClass to) {
    if (gravity(to) > gravity(effect)) effect = to;
}

void add_access(std::vector<model::Access>& accesses, model::Access access) {
    for (model::Access& known : accesses) {
        if (known.action != access.action) continue;
        for (model::Resource& resource : access.resources) {
            const auto end = known.resources.end();
            if (std::find(known.resources.begin(), end, resource) == end) {
                known.resources.push_back(std::move(resource));
            }
        }
        return;
    }
    accesses.push_back(std::move(access));
}

/// S3's operations through an access point of S3 Object Lambda or on Outposts are actions of those.
/// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3objectlambda.html
std::string action_on(std::string_view action, const std::vector<model::Resource>& resources) {
    for (const std::string_view service : {"s3-object-lambda", "s3-outposts"}) {
        const std::string mark = ":" + std::string(service) + ":";
        const bool all = std::all_of(
            resources.begin(), resources.end(),
            [&](const model::Resource& each) { return each.arn.find(mark) != std::string::npos; });
        if (all && action.starts_with("s3:")) {
            return std::string(service) + std::string(action.substr(2));
        }
    }
    return std::string(action);
}

Result<void> add_candidate(const Decoded& candidate, const ConnectionFacts& facts,
                           model::Operation& operation, Conditions& conditions) {
    const Operation entry = candidate.entry;
    std::size_t added = 0;
    for (const AccessRule rule : entry.accesses()) {
        if (!applies(rule, candidate.parameters)) continue;
        NARROWS_TRY(auto resources, resources_of(rule, candidate.parameters, facts));
        std::string action = action_on(rule.action(), resources);
        add_access(operation.accesses, {std::move(action), std::move(resources)});
        if (rule.when() != When::always) raise(operation.effect, rule.effect());
        for (const ConditionRule each : rule.conditions()) {
            set_condition(each, candidate, facts, conditions);
        }
        ++added;
    }
    if (entry.no_action() && entry.auth() == Auth::none) {
        // IAM has no say in it; its own name is what a Deny of the scope can name.
        add_access(operation.accesses, {name_of(entry), {{"*", true}}});
        ++added;
    } else if (entry.no_action() || added == 0) {
        return fail(ErrorCode::unsupported,
                    "no IAM action is known for " + std::string(entry.service().id()) + ":" +
                        std::string(entry.name()) + ", so no scope can allow it");
    }
    raise(operation.effect, entry.effect());
    return ok();
}

}  // namespace

Result<model::Operation> build_operation(const std::vector<Decoded>& candidates,
                                         const ConnectionFacts& facts, model::Context known,
                                         ByteView secret_key) {
    if (candidates.empty()) {
        return fail(ErrorCode::invalid, "the request is no operation that the catalogue knows");
    }
    const Operation first = candidates.front().entry;
    const std::string_view prefix = first.service().iam_prefix();
    model::Operation operation;
    operation.protocol = "aws";
    operation.service = prefix.empty() ? first.service().id() : prefix;
    operation.name = first.name();
    operation.effect = first.effect();
    Conditions conditions(std::move(known));
    for (const Decoded& candidate : candidates) {
        NARROWS_TRY(add_candidate(candidate, facts, operation, conditions));
    }
    operation.context = conditions.take();
    operation.parameters = candidates.front().parameters;
    for (const Decoded& candidate : candidates) {
        operation.parameters =
            withhold_inputs(candidate.entry, std::move(operation.parameters), secret_key);
    }
    return operation;
}

}  // namespace narrows::aws
