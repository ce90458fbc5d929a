#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "policy/condition.h"

/// Values of conditions, written in a policy or found in a request.
namespace narrows::policy {

std::optional<double> parse_number(std::string_view text);
std::optional<bool> parse_boolean(std::string_view text);
/// ISO 8601 (2026-11-23, 2026-11-23T06:20:00Z, with fraction or offset) or seconds since 1970;
/// milliseconds since 1970.
std::optional<std::int64_t> parse_date(std::string_view text);
/// An address or CIDR range, IPv4 or IPv6; without prefix length the one address.
std::optional<Network> parse_network(std::string_view text);
bool contains(const Network& range, const Network& address);

/// Compiles a value for an operator; Kind::string and Kind::arn may hold variables.
Result<Operand> parse_operand(const Operator& op, std::string_view text, Variables variables);

/// Whether a value of the request equals, or stands in the operator's relation to, the operand;
/// before negation. unknown if the value is not of the operator's type.
Truth compare(const Operator& op, const Operand& operand, const std::string& value,
              const Keys& keys);

}  // namespace narrows::policy
