#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace narrows::aws {

/// One condition of a Query's KeyConditionExpression.
struct KeyCondition {
    std::string_view name;   ///< "customer" or a placeholder, "#c"
    std::string_view value;  ///< ":v" if the condition is `name = :v`; else empty
};

inline constexpr std::size_t kKeyConditionMax = 4096;  ///< bytes; DynamoDB takes no longer one

/// The conditions that all must hold, in order; views into `expression`. Nothing for what is not of
/// this form, which DynamoDB may or may not take:
/// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.KeyConditionExpressions.html
std::optional<std::vector<KeyCondition>> read_key_condition(std::string_view expression);

}  // namespace narrows::aws
