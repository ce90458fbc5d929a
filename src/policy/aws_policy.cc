#include "policy/aws_policy.h"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

#include <fmt/format.h>

#include "codec/json.h"
#include "codec/text.h"
#include "policy/keys.h"

namespace narrows::policy {
namespace {

constexpr std::string_view kOwnKeys = "narrows:";

/// Rewrites one statement; remembers whether something could not be said to AWS.
class Rewriter {
  public:
    Rewriter(const Statement& statement, bool variables, const Keys* keys)
        : statement_(statement), variables_(variables), keys_(keys) {}

    std::optional<AwsStatement> rewrite(std::vector<std::string>& notes);

  private:
    std::optional<std::string> substitute(std::string_view text) const;
    void rewrite_resources(AwsStatement& to);
    void rewrite_condition(AwsStatement& to, const Condition& condition);
    void rewrite_value(AwsStatement& to, const Condition& condition);
    void lose(const std::string& what) { lost_.insert(what); }

    const Statement& statement_;
    bool variables_;
    const Keys* keys_;
    std::set<std::string> lost_;  ///< what AWS will not check
    bool never_ = false;          ///< known not to match in this session
};

// A value that stands for itself where `*`, `?` and `${` mean something else.
std::string escaped(std::string_view value) {
    std::string text;
    for (const char c : value) {
        const bool special = c == '*' || c == '?' || c == '$';
        text += special ? fmt::format("${{{}}}", c) : std::string(1, c);
    }
    return text;
}

// `text` with its narrows: variables replaced; nothing if one of them is not known.
std::optional<std::string> Rewriter::substitute(std::string_view text) const {
    if (!variables_) return std::string(text);
    std::string result;
    for (std::size_t open = text.find("${"); open != std::string_view::npos;
         open = text.find("${")) {
        const std::size_t close = text.find('}', open);
        if (close == std::string_view::npos) break;
        const std::string_view inside = text.substr(open + 2, close - open - 2);
        const std::size_t comma = inside.find(',');
        const std::string key = codec::lower(codec::trim(inside.substr(0, comma)));
        result += text.substr(0, open);
        if (!key.starts_with(kOwnKeys)) {
            result += text.substr(open, close + 1 - open);
        } else {
            const auto* values = keys_ == nullptr ? nullptr : keys_->find(key);
            if (values == nullptr) return std::nullopt;
            if (values->empty() && comma == std::string_view::npos) return std::nullopt;
            const std::string_view quoted = codec::trim(inside.substr(comma + 1));
            result += escaped(values->empty() ? quoted.substr(1, quoted.size() - 2)
                                              : std::string_view(values->front()));
        }
        text.remove_prefix(close + 1);
    }
    return result.append(text);
}

void Rewriter::rewrite_resources(AwsStatement& to) {
    to.not_resource = statement_.not_resource;
    for (const ResourcePattern& resource : statement_.resources) {
        if (resource.text != "*" && !resource.text.starts_with("arn:")) {
            continue;  // a name of another protocol: AWS has nothing of that name
        }
        if (const auto text = substitute(resource.text)) {
            to.resources.insert(*text);
            continue;
        }
        lose("the variable in " + resource.text);
        const std::string front = resource.text.substr(0, resource.text.find("${"));
        if (statement_.allow && !statement_.not_resource) to.resources.insert(front + "*");
    }
    if (!to.resources.empty()) return;
    if (statement_.not_resource) {
        to.not_resource = false;
        to.resources.insert("*");
    } else {
        never_ = true;
    }
}

void Rewriter::rewrite_condition(AwsStatement& to, const Condition& condition) {
    if (!condition.lower_key.starts_with(kOwnKeys)) return rewrite_value(to, condition);
    const Truth holds = keys_ == nullptr ? Truth::unknown : condition.holds(*keys_);
    if (holds == Truth::no) never_ = true;
    if (holds == Truth::unknown) lose("its condition on " + condition.key);
}

void Rewriter::rewrite_value(AwsStatement& to, const Condition& condition) {
    const codec::Map& operators = *statement_.source.at("Condition").as<codec::Map>();
    const codec::Value& value =
        operators.at(condition.operator_name).as<codec::Map>()->at(condition.key);
    const auto* list = value.as<codec::List>();
    codec::List values = list == nullptr ? codec::List{value} : *list;
    for (codec::Value& one : values) {
        auto* text = one.as<std::string>();
        if (text == nullptr) continue;
        auto known = substitute(*text);
        if (!known) return lose("its condition on " + condition.key);
        *text = *std::move(known);
    }
    codec::Value& block = to.condition[condition.operator_name];
    if (block.is_null()) block = codec::Map{};
    (*block.as<codec::Map>())[condition.key] =
        list == nullptr ? values.front() : codec::Value(std::move(values));
}

std::optional<AwsStatement> Rewriter::rewrite(std::vector<std::string>& notes) {
    AwsStatement to{statement_.sid, statement_.allow, statement_.not_action, false, {}, {}, {}};
    for (const ActionPattern& action : statement_.actions) to.actions.insert(action.text);
    rewrite_resources(to);
    for (const Condition& condition : statement_.conditions) rewrite_condition(to, condition);
    if (never_) return std::nullopt;
    if (statement_.approval) {
        notes.push_back(statement_.name + ": only the gateway waits for the reviewer's approval.");
    }
    for (const std::string& what : lost_) {
        notes.push_back(statement_.name + ": only the gateway enforces " + codec::printable(what) +
                        (to.allow ? "; AWS allows more." : "; AWS is not given this Deny."));
    }
    if (!to.allow && !lost_.empty()) return std::nullopt;
    return to;
}

codec::Value one_or_list(const std::set<std::string>& items) {
    if (items.size() == 1) return *items.begin();
    codec::List list;
    for (const std::string& item : items) list.emplace_back(item);
    return list;
}

// Joins statements whose `key` is equal by uniting the set `member`.
template <class KeyOf>
AwsStatements join(AwsStatements statements, std::set<std::string> AwsStatement::*member,
                   const KeyOf& key_of) {
    AwsStatements joined;
    for (AwsStatement& statement : statements) {
        const auto same = [&](const AwsStatement& other) {
            return !other.not_action && !other.not_resource && !statement.not_action &&
                   !statement.not_resource && key_of(other) == key_of(statement);
        };
        const auto found = std::find_if(joined.begin(), joined.end(), same);
        if (found == joined.end()) {
            joined.push_back(std::move(statement));
        } else {
            (*found.*member).merge(statement.*member);
        }
    }
    return joined;
}

// The code point of the UTF-8 sequence at `at` of text that json_encode has made valid.
std::uint32_t code_point_at(std::string_view text, std::size_t& at) {
    const auto lead = static_cast<unsigned char>(text[at++]);
    if (lead < 0x80) return lead;
    std::uint32_t value = lead & (lead >= 0xF0 ? 0x07U : lead >= 0xE0 ? 0x0FU : 0x1FU);
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) {
        value = (value << 6U) | (static_cast<unsigned char>(text[at++]) & 0x3FU);
    }
    return value;
}

}  // namespace

AwsStatements express(const Document& document, const Facts* facts,
                      std::vector<std::string>& notes) {
    const model::Operation none;
    const std::optional<Keys> keys =
        facts == nullptr ? std::nullopt : std::make_optional<Keys>(none, *facts);
    AwsStatements statements;
    for (const Statement& statement : document.statements) {
        Rewriter rewriter(statement, document.variables, keys ? &*keys : nullptr);
        if (auto rewritten = rewriter.rewrite(notes)) statements.push_back(*std::move(rewritten));
    }
    return statements;
}

AwsStatements group(AwsStatements statements) {
    for (AwsStatement& statement : statements) statement.sid.clear();
    statements = join(std::move(statements), &AwsStatement::actions, [](const AwsStatement& s) {
        return std::tie(s.allow, s.resources, s.condition);
    });
    return join(std::move(statements), &AwsStatement::resources,
                [](const AwsStatement& s) { return std::tie(s.allow, s.actions, s.condition); });
}

codec::Value policy_value(const Document& document, const AwsStatements& statements) {
    codec::List list;
    for (const AwsStatement& statement : statements) {
        codec::Map map;
        if (!statement.sid.empty()) map["Sid"] = statement.sid;
        map["Effect"] = statement.allow ? "Allow" : "Deny";
        map[statement.not_action ? "NotAction" : "Action"] = one_or_list(statement.actions);
        map[statement.not_resource ? "NotResource" : "Resource"] = one_or_list(statement.resources);
        if (!statement.condition.empty()) map["Condition"] = statement.condition;
        list.emplace_back(std::move(map));
    }
    codec::Map policy;
    policy["Version"] = document.variables ? "2012-10-17" : "2008-10-17";
    policy["Statement"] = std::move(list);
    return policy;
}

std::string policy_json(const codec::Value& policy) {
    const std::string json = codec::json_encode(policy);
    std::string ascii;
    for (std::size_t at = 0; at < json.size();) {
        const std::uint32_t point = code_point_at(json, at);
        if (point < 0x7F) {
            ascii.push_back(static_cast<char>(point));
        } else if (point < 0x10000) {
            ascii += fmt::format("\\u{:04x}", point);
        } else {
            const std::uint32_t rest = point - 0x10000;
            ascii +=
                fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (rest >> 10U), 0xDC00 + (rest & 0x3FFU));
        }
    }
    return ascii;
}

}  // namespace narrows::policy
