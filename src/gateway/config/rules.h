#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/config/config.h"

/// What single values of the configuration must look like. A rule returns an empty text if it
/// holds, else what is wrong and what to do.
namespace narrows::gateway::rules {

std::string anything(std::string_view text);
std::string not_empty(std::string_view text);
std::string id(std::string_view text);       ///< letters, digits, ". _ - @", at most 64
std::string account(std::string_view text);  ///< 12 digits
std::string partition(std::string_view text);
std::string region(std::string_view text);
std::string age_recipient(std::string_view text);  ///< "age1…", X25519
std::string sha256(std::string_view text);         ///< 64 hex digits
std::string ed25519(std::string_view text);        ///< base64 of 32 bytes
std::string address(std::string_view text);        ///< "host:port"
std::string host_name(std::string_view text);      ///< a DNS name or an address
std::string endpoint(std::string_view text);       ///< "http(s)://host[:port]", nothing after it
std::string bucket(std::string_view text);         ///< a name that S3 takes
std::string key_prefix(std::string_view text);     ///< "a/b", no slash at its ends
std::string jwks(std::string_view text);           ///< a path or an https URL
std::string submission_prefix(std::string_view text);   ///< "http(s)://host[:port][/path]"
std::string witness_key(std::string_view text);         ///< a vkey of type 04
std::string officer_key(std::string_view text);         ///< a vkey, type 01
std::string kms_key(std::string_view text);             ///< "kms:" and a key's ARN
std::string dynamodb_table(std::string_view text);      ///< "orders", "orders/index/by-day"
std::string unsigned_operation(std::string_view text);  ///< that a connection may let through
std::string egress(std::string_view text);  ///< "host[:port]", "*.host[:port]", "preset:models"

std::optional<Address> parse_address(std::string_view text);
std::optional<KmsKey> parse_kms_key(std::string_view text);
/// Presets expanded; values that break `egress` left out.
std::vector<EgressRule> parse_egress(const std::vector<std::string>& entries);

}  // namespace narrows::gateway::rules
