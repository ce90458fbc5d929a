#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codec/value.h"

namespace narrows::aws {

/// The attribute that is the partition key, by table ("orders") or index
/// ("orders/index/by-customer"), as the operator says.
using PartitionKeys = std::map<std::string, std::string, std::less<>>;

/// The values of dynamodb:LeadingKeys: the partition keys of all items that an operation of
/// DynamoDB asks for. No request says which attribute that is; it follows where a primary key has
/// one attribute and where a Query has one condition, and else from `names`. Nothing: not known,
/// as always over several tables, for keys that are bytes or numbers of more than one spelling, and
/// for scans and statements.
/// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
std::optional<std::vector<std::string>> leading_keys(std::string_view operation,
                                                     const codec::Value& parameters,
                                                     const PartitionKeys& names);

}  // namespace narrows::aws
