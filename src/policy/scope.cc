#include "policy/scope.h"

#include <algorithm>
#include <set>

#include "codec/json.h"
#include "codec/text.h"
#include "policy/document.h"

namespace narrows::policy {
namespace {

constexpr std::string_view kVersionVariables = "2012-10-17";
constexpr std::string_view kVersionPlain = "2008-10-17";

auto invalid_at(const std::string& path, std::string_view what) {
    return fail(ErrorCode::invalid, path + ": " + std::string(what));
}

template <class T>
Result<T> at_path(const std::string& path, Result<T> result) {
    if (result) return result;
    return invalid_at(path, result.error().what);
}

bool all_of(std::string_view text, bool (*allowed)(char)) {
    return std::all_of(text.begin(), text.end(), allowed);
}
bool is_alnum(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool in_service(char c) {
    return is_alnum(c) || c == '-';
}
bool in_action(char c) {
    return is_alnum(c) || c == '*' || c == '?' || c == '_' || c == '-';
}

struct Item {
    std::string path;
    std::string text;
};

// An element that is one string or a list of strings, each with its path.
Result<std::vector<Item>> strings_of(const std::string& path, const codec::Value& value) {
    if (const auto* text = value.as<std::string>()) return std::vector<Item>{{path, *text}};
    const auto* list = value.as<codec::List>();
    if (list == nullptr) return invalid_at(path, "write a string or a list of strings");
    if (list->empty()) return invalid_at(path, "an empty list matches nothing; name at least one");
    std::vector<Item> items;
    for (std::size_t i = 0; i < list->size(); ++i) {
        const auto* text = (*list)[i].as<std::string>();
        const std::string place = path + "[" + std::to_string(i) + "]";
        if (text == nullptr) return invalid_at(place, "write a string");
        items.push_back({place, *text});
    }
    return items;
}

Result<ActionPattern> parse_action(const Item& item) {
    const std::size_t colon = item.text.find(':');
    const std::string_view service = std::string_view(item.text).substr(0, colon);
    if (item.text != "*") {
        if (colon == std::string::npos || service.empty() || !all_of(service, in_service)) {
            return invalid_at(item.path,
                              "an action is * or service:Name, and the service takes no wildcard");
        }
        const std::string_view name = std::string_view(item.text).substr(colon + 1);
        if (name.empty() || !all_of(name, in_action)) {
            return invalid_at(item.path,
                              "the name of an action holds letters, digits, -, _, * and ? only");
        }
    }
    ActionPattern action{item.text, Pattern::glob(codec::lower(item.text)), false};
    action.in_full = !action.pattern.has_wildcard();
    return action;
}

// Chooses between `name` and `Not` + `name`; exactly one must stand there.
Result<const codec::Value*> one_of(const Statement& statement, const std::string& name,
                                   bool& negated) {
    const auto member = [&](const std::string& key) -> const codec::Value* {
        const auto found = statement.source.find(key);
        return found == statement.source.end() ? nullptr : &found->second;
    };
    const codec::Value* plain = member(name);
    const codec::Value* inverse = member("Not" + name);
    if ((plain == nullptr) == (inverse == nullptr)) {
        return invalid_at(statement.path, "a statement has either " + name + " or Not" + name +
                                              ", and one of them");
    }
    negated = inverse != nullptr;
    return negated ? inverse : plain;
}

Result<void> parse_actions(Statement& statement) {
    NARROWS_TRY(const codec::Value* value, one_of(statement, "Action", statement.not_action));
    const std::string path = statement.path + (statement.not_action ? ".NotAction" : ".Action");
    statement.action_is_list = value->as<codec::List>() != nullptr;
    NARROWS_TRY(const std::vector<Item> items, strings_of(path, *value));
    for (const Item& item : items) {
        NARROWS_TRY(ActionPattern action, parse_action(item));
        statement.actions.push_back(std::move(action));
    }
    return ok();
}

Result<void> parse_resources(Statement& statement, Variables variables) {
    NARROWS_TRY(const codec::Value* value, one_of(statement, "Resource", statement.not_resource));
    const std::string path =
        statement.path + (statement.not_resource ? ".NotResource" : ".Resource");
    statement.resource_is_list = value->as<codec::List>() != nullptr;
    NARROWS_TRY(const std::vector<Item> items, strings_of(path, *value));
    for (const Item& item : items) {
        NARROWS_TRY(NamePattern pattern,
                    at_path(item.path, NamePattern::parse_resource(item.text, variables)));
        statement.resources.push_back({item.text, std::move(pattern)});
    }
    return ok();
}

// narrows:Approval marks the statement; it is no condition on the request.
Result<void> take_approval(Statement& statement, const std::string& path,
                           std::string_view operator_name, const codec::Value& value) {
    const auto* list = value.as<codec::List>();
    const codec::Value& only = list != nullptr && list->size() == 1 ? list->front() : value;
    if (operator_name != "StringEquals" || only != codec::Value("required")) {
        return invalid_at(path, "write \"StringEquals\": {\"narrows:Approval\": \"required\"}");
    }
    if (!statement.allow) return invalid_at(path, "only an Allow statement can ask for approval");
    statement.approval = true;
    return ok();
}

Result<void> parse_conditions(Statement& statement, Variables variables) {
    const auto found = statement.source.find("Condition");
    if (found == statement.source.end()) return ok();
    const std::string path = statement.path + ".Condition";
    const auto* operators = found->second.as<codec::Map>();
    if (operators == nullptr) return invalid_at(path, "write an object: operator to key to values");
    for (const auto& [operator_name, block] : *operators) {
        const std::string place = path + "." + codec::printable(operator_name);
        const auto* keys = block.as<codec::Map>();
        if (keys == nullptr) return invalid_at(place, "write an object: key to values");
        for (const auto& [key, value] : *keys) {
            const std::string key_place = place + "." + codec::printable(key);
            if (codec::lower(key) == kApprovalKey) {
                NARROWS_TRY(take_approval(statement, key_place, operator_name, value));
                continue;
            }
            NARROWS_TRY(Condition condition,
                        at_path(key_place, Condition::parse(operator_name, key, value, variables)));
            statement.for_services |= is_service_call_key(condition.lower_key);
            statement.conditions.push_back(std::move(condition));
        }
    }
    return ok();
}

Result<void> parse_head(Statement& statement) {
    static const std::set<std::string_view> known = {
        "Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"};
    for (const auto& [name, value] : statement.source) {
        const std::string path = statement.path + "." + codec::printable(name);
        if (name == "Principal" || name == "NotPrincipal") {
            return invalid_at(path,
                              "a scope has no principal; use grants, or the condition key "
                              "narrows:Principal");
        }
        if (!known.contains(name)) return invalid_at(path, "no such element of a statement");
        if ((name == "Sid" || name == "Effect") && value.as<std::string>() == nullptr) {
            return invalid_at(path, "write a string");
        }
    }
    const codec::Value source(statement.source);
    statement.sid = source.text("Sid");
    if (!all_of(statement.sid, is_alnum)) {
        return invalid_at(statement.path + ".Sid", "a Sid holds letters and digits only");
    }
    if (!statement.sid.empty()) statement.name = statement.sid;
    const std::string effect = source.text("Effect");
    statement.allow = effect == "Allow";
    if (!statement.allow && effect != "Deny") {
        return invalid_at(statement.path + ".Effect", "write Allow or Deny");
    }
    return ok();
}

Result<Statement> parse_statement(const codec::Value& value, std::size_t index, bool variables) {
    Statement statement;
    statement.path = statement.name = "Statement[" + std::to_string(index) + "]";
    const auto* source = value.as<codec::Map>();
    if (source == nullptr) return invalid_at(statement.path, "a statement is an object");
    statement.source = *source;
    NARROWS_TRY(parse_head(statement));
    NARROWS_TRY(parse_actions(statement));
    const Variables mode = variables ? Variables::allowed : Variables::literal;
    NARROWS_TRY(parse_resources(statement, mode));
    NARROWS_TRY(parse_conditions(statement, mode));
    return statement;
}

Result<bool> parse_version(const codec::Map& document) {
    for (const auto& [name, value] : document) {
        const std::string path = codec::printable(name);
        if (name == "Version" || name == "Id") {
            if (value.as<std::string>() == nullptr) return invalid_at(path, "write a string");
        } else if (name != "Statement") {
            return invalid_at(path, "a policy document has Version, Id and Statement only");
        }
    }
    const codec::Value whole(document);
    const std::string version = whole.text("Version", kVersionPlain);
    if (version != kVersionVariables && version != kVersionPlain) {
        return invalid_at("Version", "write \"2012-10-17\"");
    }
    return version == kVersionVariables;
}

Result<void> parse_statements(const codec::Map& source, Document& document) {
    const auto found = source.find("Statement");
    if (found == source.end()) return invalid_at("Statement", "a policy needs a Statement");
    const auto* list = found->second.as<codec::List>();
    const codec::List one = list == nullptr ? codec::List{found->second} : codec::List{};
    if (list == nullptr) list = &one;
    if (list->empty()) return invalid_at("Statement", "a policy needs at least one statement");
    std::set<std::string> sids;
    for (std::size_t i = 0; i < list->size(); ++i) {
        NARROWS_TRY(Statement statement, parse_statement((*list)[i], i, document.variables));
        if (!statement.sid.empty() && !sids.insert(statement.sid).second) {
            return invalid_at(statement.path + ".Sid", "another statement has this Sid");
        }
        document.statements.push_back(std::move(statement));
    }
    return ok();
}

}  // namespace

bool is_service_call_key(std::string_view lower_key) {
    return lower_key == "kms:viaservice" || lower_key.starts_with("aws:calledvia") ||
           lower_key == "aws:viaawsservice" || lower_key == "aws:viaawsmcpservice";
}

Result<Scope> Scope::parse(std::string_view json) {
    if (json.size() > kScopeBytesMax) {
        return fail(ErrorCode::exhausted, "the scope is longer than " +
                                              std::to_string(kScopeBytesMax) +
                                              " bytes; split it over several connections");
    }
    NARROWS_TRY(const codec::Value value, codec::json_decode(json));
    const auto* source = value.as<codec::Map>();
    if (source == nullptr) {
        return fail(ErrorCode::invalid, "the scope is JSON but no object; write an IAM policy");
    }
    auto document = std::make_shared<Document>();
    document->text = json;
    document->digest = crypto::sha256(json);
    NARROWS_TRY(document->variables, parse_version(*source));
    NARROWS_TRY(parse_statements(*source, *document));
    return Scope(std::move(document));
}

const std::string& Scope::text() const {
    return document_->text;
}
const crypto::Digest& Scope::digest() const {
    return document_->digest;
}
std::string Scope::digest_hex() const {
    return codec::hex(document_->digest);
}

}  // namespace narrows::policy
