#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"

/// Names as certificates carry them; for ca.cc.
namespace narrows::crypto {

std::string lower_name(std::string_view text);  ///< ASCII only
/// The bytes of an IPv4 or IPv6 address; empty if it is none.
Bytes address_bytes(const std::string& text);
/// Letters, digits, hyphens, underscores in labels of 1 to 63 bytes; 253 in all (RFC 1035).
bool is_dns_name(std::string_view name);
/// Whether a host is the domain or stands below it. Both lower case.
bool is_below(std::string_view host, std::string_view domain);

}  // namespace narrows::crypto
