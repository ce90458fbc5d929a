#include "protocols/aws/decode/leading_keys.h"

#include <algorithm>

#include "protocols/aws/catalogue/path.h"
#include "protocols/aws/decode/key_condition.h"

namespace narrows::aws {
namespace {

using codec::List;
using codec::Map;
using codec::Value;
using LeadingKeys = std::optional<std::vector<std::string>>;

constexpr std::size_t kNumberDigitsMax = 38;  // DynamoDB keeps no more

/// A primary key, or an item that holds one.
struct Keyed {
    std::string table;
    const Value* attributes;
    bool item;
};

/// "orders" of "arn:aws:dynamodb:eu-west-1:123456789012:table/orders" too.
std::string table_of(std::string_view text) {
    constexpr std::string_view kMark = ":table/";
    const std::size_t mark = text.find(kMark);
    const bool is_arn = text.starts_with("arn:") && mark != std::string_view::npos;
    return std::string(is_arn ? text.substr(mark + kMark.size()) : text);
}

/// A number is compared as text: only one that is spelt in one way has one.
bool is_plain_integer(std::string_view text) {
    const std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
    return !digits.empty() && digits.size() <= kNumberDigitsMax &&
           digits.find_first_not_of("0123456789") == std::string_view::npos &&
           (digits.front() != '0' || text == "0");
}

/// An attribute's value, {"S": "x"}.
std::optional<std::string> text_of_attribute(const Value* attribute) {
    const Map* typed = attribute == nullptr ? nullptr : attribute->as<Map>();
    if (typed == nullptr || typed->size() != 1) return std::nullopt;
    const auto& [type, value] = *typed->begin();
    const auto* text = value.as<std::string>();
    if (text == nullptr || (type != "S" && (type != "N" || !is_plain_integer(*text)))) {
        return std::nullopt;
    }
    return *text;
}

std::optional<std::string> partition_key(const Keyed& keyed, const PartitionKeys& names) {
    const Map* attributes = keyed.attributes->as<Map>();
    if (attributes == nullptr) return std::nullopt;
    if (const auto name = names.find(keyed.table); name != names.end()) {
        return text_of_attribute(keyed.attributes->find(name->second));
    }
    const bool only_one = !keyed.item && attributes->size() == 1;
    return only_one ? text_of_attribute(&attributes->begin()->second) : std::nullopt;
}

/// Nothing if one of them is not known, if there are several tables, or if there are none.
LeadingKeys values_of(const std::vector<Keyed>& all, const PartitionKeys& names) {
    std::vector<std::string> values;
    for (const Keyed& keyed : all) {
        const auto value = partition_key(keyed, names);
        if (!value || keyed.table != all.front().table) return std::nullopt;
        values.push_back(*value);
    }
    return values.empty() ? LeadingKeys() : LeadingKeys(std::move(values));
}

/// The key or item at `path` of each element; false if an element has none of `paths`.
bool add_each(const List& elements, const std::optional<std::string>& table,
              const std::vector<std::pair<std::string, bool>>& paths, std::vector<Keyed>& to) {
    for (const Value& element : elements) {
        const std::size_t before = to.size();
        for (const auto& [path, item] : paths) {
            const Value* one = element.find(path);
            const Value* attributes = one == nullptr ? nullptr : one->find(item ? "Item" : "Key");
            if (attributes == nullptr) continue;
            to.push_back({table ? *table : table_of(one->text("TableName")), attributes, item});
        }
        if (to.size() == before) return false;
    }
    return true;
}

LeadingKeys of_one(const Value& parameters, const char* member, const PartitionKeys& names) {
    const Value* attributes = parameters.find(member);
    if (attributes == nullptr) return std::nullopt;
    const bool item = std::string_view(member) == "Item";
    return values_of({{table_of(parameters.text("TableName")), attributes, item}}, names);
}

LeadingKeys of_transaction(const Value& parameters, const PartitionKeys& names) {
    const Value* found = parameters.find("TransactItems");
    const List* elements = found == nullptr ? nullptr : found->as<List>();
    std::vector<Keyed> all;
    const bool whole = elements != nullptr && add_each(*elements, std::nullopt,
                                                       {{"Get", false},
                                                        {"ConditionCheck", false},
                                                        {"Update", false},
                                                        {"Delete", false},
                                                        {"Put", true}},
                                                       all);
    return whole ? values_of(all, names) : std::nullopt;
}

LeadingKeys of_batch(const Value& parameters, const PartitionKeys& names) {
    const Value* found = parameters.find("RequestItems");
    const Map* tables = found == nullptr ? nullptr : found->as<Map>();
    if (tables == nullptr || tables->size() != 1) return std::nullopt;
    const std::string table = table_of(tables->begin()->first);
    const Value& asked = tables->begin()->second;
    std::vector<Keyed> all;
    for (const Value* key : nodes_at(asked, "Keys[]")) all.push_back({table, key, false});
    const List* writes = asked.as<List>();
    const bool whole =
        writes == nullptr ||
        add_each(*writes, table, {{"PutRequest", true}, {"DeleteRequest", false}}, all);
    return whole ? values_of(all, names) : std::nullopt;
}

/// What a placeholder stands for; a name that is none stands for itself.
std::string resolved(const Value& parameters, std::string_view name) {
    const Value* names = parameters.find("ExpressionAttributeNames");
    if (!name.starts_with('#')) return std::string(name);
    return names == nullptr ? std::string() : names->text(name);
}

/// Attributes and the values that they must equal; nullptr: something else is asked of them.
using Equalities = std::vector<std::pair<std::string, const Value*>>;

std::optional<Equalities> of_expression(const Value& parameters) {
    const std::string expression = parameters.text("KeyConditionExpression");
    const auto conditions = read_key_condition(expression);
    const Value* values = parameters.find("ExpressionAttributeValues");
    if (!conditions || values == nullptr) return std::nullopt;
    Equalities all;
    for (const KeyCondition& each : *conditions) {
        const Value* value = each.value.empty() ? nullptr : values->find(each.value);
        all.emplace_back(resolved(parameters, each.name), value);
    }
    return all;
}

std::optional<Equalities> of_legacy_conditions(const Value& conditions) {
    const Map* by_name = conditions.as<Map>();
    if (by_name == nullptr) return std::nullopt;
    Equalities all;
    for (const auto& [name, condition] : *by_name) {
        const std::vector<const Value*> values = nodes_at(condition, "AttributeValueList[]");
        const bool equal = condition.text("ComparisonOperator") == "EQ" && values.size() == 1;
        all.emplace_back(name, equal ? values.front() : nullptr);
    }
    return all;
}

/// Every Query names its partition key and one value of it.
LeadingKeys of_query(const Value& parameters, const PartitionKeys& names) {
    const Value* legacy = parameters.find("KeyConditions");
    const bool expressed = parameters.find("KeyConditionExpression") != nullptr;
    if (expressed == (legacy != nullptr)) return std::nullopt;
    const auto all = expressed ? of_expression(parameters) : of_legacy_conditions(*legacy);
    if (!all) return std::nullopt;
    const std::string index = parameters.text("IndexName");
    const std::string asked =
        table_of(parameters.text("TableName")) + (index.empty() ? "" : "/index/" + index);
    const auto name = names.find(asked);
    const auto is_it = [&](const auto& each) {
        return name == names.end() ? index.empty() && all->size() == 1 : each.first == name->second;
    };
    const auto found = std::find_if(all->begin(), all->end(), is_it);
    if (std::count_if(all->begin(), all->end(), is_it) != 1) return std::nullopt;
    const auto value = text_of_attribute(found->second);
    return value ? LeadingKeys({*value}) : std::nullopt;
}

}  // namespace

std::optional<std::vector<std::string>> leading_keys(std::string_view operation,
                                                     const Value& parameters,
                                                     const PartitionKeys& names) {
    if (operation == "GetItem" || operation == "DeleteItem" || operation == "UpdateItem") {
        return of_one(parameters, "Key", names);
    }
    if (operation == "PutItem") return of_one(parameters, "Item", names);
    if (operation == "BatchGetItem" || operation == "BatchWriteItem") {
        return of_batch(parameters, names);
    }
    if (operation.starts_with("Transact")) return of_transaction(parameters, names);
    return operation == "Query" ? of_query(parameters, names) : std::nullopt;
}

}  // namespace narrows::aws
