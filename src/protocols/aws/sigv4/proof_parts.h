#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.h"
#include "http/message.h"
#include "protocols/aws/sigv4/authorization.h"

/// What the readers of the several forms of proof share. Only for this room.
namespace narrows::sigv4 {

inline constexpr std::size_t kTokenMax = 16 * 1024;

bool is_key_id(std::string_view text);      ///< 1 to 128 word characters
bool is_lower_name(std::string_view text);  ///< RFC 9110 token, no upper-case letters
std::string_view query_of(std::string_view target);

/// KEYID/DATE/REGION/SERVICE/aws4_request; in SigV4A without the region. `out.scheme` says which.
Result<void> read_credential(std::string_view text, Authorization& out);
/// Names in lower case, sorted, each once, separated by semicolons.
Result<void> read_signed_headers(std::string_view text, Authorization& out);
/// 64 lower-case hex digits; in SigV4A as read_ecdsa_signature.
Result<void> read_signature(std::string_view text, Authorization& out);

/// Every signed header is there; host and every x-amz-* header is signed.
Result<void> check_coverage(const http::Headers& headers, const Authorization& auth);
/// None of the headers that a proof rests on stands twice.
Result<void> check_single(const http::Headers& headers);

}  // namespace narrows::sigv4
