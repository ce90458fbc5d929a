#include "policy/condition.h"

#include <algorithm>

#include <fmt/format.h>

#include "codec/text.h"
#include "policy/operand.h"

namespace narrows::policy {
namespace {

struct Named {
    std::string_view name;
    Kind kind;
    bool negated = false;
    Compare compare = Compare::equal;
    Wildcards wildcards = Wildcards::literal;
    bool fold_case = false;
};

constexpr auto kActive = Wildcards::active;
constexpr auto kLiteral = Wildcards::literal;

constexpr Named kOperators[] = {
    {"StringEquals", Kind::string},
    {"StringNotEquals", Kind::string, true},
    {"StringEqualsIgnoreCase", Kind::string, false, Compare::equal, kLiteral, true},
    {"StringNotEqualsIgnoreCase", Kind::string, true, Compare::equal, kLiteral, true},
    {"StringLike", Kind::string, false, Compare::equal, kActive},
    {"StringNotLike", Kind::string, true, Compare::equal, kActive},
    {"NumericEquals", Kind::numeric},
    {"NumericNotEquals", Kind::numeric, true},
    {"NumericLessThan", Kind::numeric, false, Compare::less},
    {"NumericLessThanEquals", Kind::numeric, false, Compare::less_equal},
    {"NumericGreaterThan", Kind::numeric, false, Compare::greater},
    {"NumericGreaterThanEquals", Kind::numeric, false, Compare::greater_equal},
    {"DateEquals", Kind::date},
    {"DateNotEquals", Kind::date, true},
    {"DateLessThan", Kind::date, false, Compare::less},
    {"DateLessThanEquals", Kind::date, false, Compare::less_equal},
    {"DateGreaterThan", Kind::date, false, Compare::greater},
    {"DateGreaterThanEquals", Kind::date, false, Compare::greater_equal},
    {"Bool", Kind::boolean},
    {"BinaryEquals", Kind::binary},
    {"IpAddress", Kind::ip},
    {"NotIpAddress", Kind::ip, true},
    {"ArnEquals", Kind::arn},
    {"ArnLike", Kind::arn},
    {"ArnNotEquals", Kind::arn, true},
    {"ArnNotLike", Kind::arn, true},
    {"Null", Kind::null},
};

// A value of a condition as text: JSON numbers and booleans stand for their words.
Result<std::string> scalar_text(const codec::Value& value) {
    if (const auto* text = value.as<std::string>()) return *text;
    if (const auto* flag = value.as<bool>()) return std::string(*flag ? "true" : "false");
    if (const auto* number = value.as<std::int64_t>()) return std::to_string(*number);
    if (const auto* number = value.as<double>()) return fmt::format("{}", *number);
    return fail(ErrorCode::invalid,
                "a condition's value is a string, a number or a boolean, or a list of them");
}

}  // namespace

Result<Operator> Operator::parse(std::string_view name) {
    Operator op;
    std::string_view rest = name;
    if (rest.starts_with("ForAllValues:")) op.quantifier = Quantifier::for_all;
    if (rest.starts_with("ForAnyValue:")) op.quantifier = Quantifier::for_any;
    if (op.quantifier != Quantifier::none) rest.remove_prefix(rest.find(':') + 1);
    if (rest.ends_with("IfExists")) {
        op.if_exists = true;
        rest.remove_suffix(std::string_view("IfExists").size());
    }
    for (const Named& known : kOperators) {
        if (known.name != rest) continue;
        if (known.kind == Kind::null && (op.if_exists || op.quantifier != Quantifier::none)) break;
        op.kind = known.kind;
        op.negated = known.negated;
        op.compare = known.compare;
        op.wildcards = known.wildcards;
        op.fold_case = known.fold_case;
        return op;
    }
    return fail(ErrorCode::invalid,
                "\"" + codec::printable(name) + "\" is no condition operator of IAM");
}

Result<Condition> Condition::parse(std::string_view operator_name, std::string_view key,
                                   const codec::Value& value, Variables variables) {
    Condition condition{std::string(operator_name), std::string(key), codec::lower(key), {}, {}};
    NARROWS_TRY(condition.op, Operator::parse(operator_name));
    const auto* list = value.as<codec::List>();
    const codec::List one = list == nullptr ? codec::List{value} : codec::List{};
    if (list == nullptr) list = &one;
    if (list->empty()) {
        return fail(ErrorCode::invalid, "a condition without values matches nothing; remove it");
    }
    for (const codec::Value& item : *list) {
        NARROWS_TRY(const std::string text, scalar_text(item));
        NARROWS_TRY(Operand operand, parse_operand(condition.op, text, variables));
        condition.operands.push_back(std::move(operand));
    }
    return condition;
}

Truth Condition::holds_for(const std::string& value, const Keys& keys) const {
    Truth any = Truth::no;
    for (const Operand& operand : operands) {
        any = either(any, compare(op, operand, value, keys));
        if (any == Truth::yes) break;
    }
    // Whether an IPv6 address is "not in" ranges of IPv4 only, IAM does not say.
    if (op.kind == Kind::ip && op.negated && any == Truth::no) {
        const bool v6 = parse_network(value)->v6;
        const auto same = [&](const Operand& o) { return std::get<Network>(o).v6 == v6; };
        if (std::none_of(operands.begin(), operands.end(), same)) return Truth::unknown;
    }
    return op.negated ? negate(any) : any;
}

Truth Condition::holds(const Keys& keys) const {
    const std::vector<std::string>* values = keys.find(lower_key);
    if (values == nullptr) return Truth::unknown;
    if (op.kind == Kind::null) {
        Truth any = Truth::no;
        for (const Operand& operand : operands) {
            any = either(any, truth(std::get<bool>(operand) == values->empty()));
        }
        return any;
    }
    if (values->empty()) {
        // ForAnyValue is false without values and IfExists true; IAM does not say which prevails.
        const bool any = op.quantifier == Quantifier::for_any;
        if (any) return op.if_exists ? Truth::unknown : Truth::no;
        if (op.if_exists || op.quantifier == Quantifier::for_all) return Truth::yes;
        return truth(op.negated);
    }
    if (op.quantifier == Quantifier::none && values->size() > 1) return Truth::unknown;
    Truth all = Truth::yes;
    Truth any = Truth::no;
    for (const std::string& value : *values) {
        const Truth one = holds_for(value, keys);
        all = both(all, one);
        any = either(any, one);
    }
    return op.quantifier == Quantifier::for_any ? any : all;
}

}  // namespace narrows::policy
