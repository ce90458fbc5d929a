#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "codec/value.h"
#include "policy/keys.h"
#include "policy/template.h"
#include "policy/truth.h"

/// One condition: an operator, a key and its values (IAM User Guide, "IAM JSON policy elements:
/// Condition operators" and "Multivalued context keys").
namespace narrows::policy {

enum class Kind { string, numeric, date, boolean, binary, ip, arn, null };
enum class Compare { equal, less, less_equal, greater, greater_equal };
enum class Quantifier { none, for_all, for_any };

/// An operator as written, taken apart: "ForAllValues:StringNotLikeIfExists".
struct Operator {
    Kind kind = Kind::string;
    Compare compare = Compare::equal;
    Quantifier quantifier = Quantifier::none;
    Wildcards wildcards = Wildcards::literal;
    bool fold_case = false;
    bool negated = false;
    bool if_exists = false;

    static Result<Operator> parse(std::string_view name);
};

/// A range of addresses; IPv4 in its first four bytes.
struct Network {
    bool v6 = false;
    std::array<std::uint8_t, 16> address{};
    unsigned prefix = 0;
};

/// A value of a condition, compiled for its operator. int64: date, milliseconds since 1970.
using Operand = std::variant<Template, NamePattern, double, std::int64_t, bool, Bytes, Network>;

struct Condition {
    std::string operator_name;  ///< as written
    std::string key;            ///< as written
    std::string lower_key;
    Operator op;
    std::vector<Operand> operands;  ///< never empty

    /// `value` is what stands behind the key: a string, number or boolean, or a list of them.
    static Result<Condition> parse(std::string_view operator_name, std::string_view key,
                                   const codec::Value& value, Variables variables);

    /// unknown if the key is, if a value of the request is not of the operator's type, or if
    /// several values stand where the operator has no ForAllValues: or ForAnyValue:.
    Truth holds(const Keys& keys) const;

  private:
    Truth holds_for(const std::string& value, const Keys& keys) const;
};

}  // namespace narrows::policy
