#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace narrows::codec {

std::string hex(ByteView bytes);  ///< lower case
Result<Bytes> unhex(std::string_view text);

std::string base64(ByteView bytes);  ///< RFC 4648 section 4, padded
Result<Bytes> unbase64(std::string_view text);
std::string base64url(ByteView bytes);  ///< RFC 4648 section 5, unpadded
Result<Bytes> unbase64url(std::string_view text);
std::string base32(ByteView bytes);  ///< RFC 4648 section 6, upper case, unpadded

/// Percent-encodes everything but RFC 3986 unreserved characters and `keep`.
std::string percent_encode(std::string_view text, std::string_view keep = {});
/// Refuses a `%` that two hex digits do not follow. `+` stays `+`.
Result<std::string> percent_decode(std::string_view text);

struct Pair {
    std::string name;
    std::string value;
    friend bool operator==(const Pair&, const Pair&) = default;
};
/// application/x-www-form-urlencoded: `+` is a blank. Keeps order and duplicates; the caller
/// refuses duplicates where one meaning is required.
Result<std::vector<Pair>> form_decode(std::string_view text);

bool is_utf8(std::string_view text);
std::string lower(std::string_view text);              ///< ASCII only
bool iequals(std::string_view a, std::string_view b);  ///< ASCII only
std::string_view trim(std::string_view text);          ///< blanks and tabs
std::vector<std::string_view> split(std::string_view text, char separator);

/// For a terminal: control characters and escape sequences become visible, nothing executes.
std::string printable(std::string_view text);

}  // namespace narrows::codec
