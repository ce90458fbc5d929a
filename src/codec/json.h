#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "codec/value.h"

namespace narrows::codec {

inline constexpr std::size_t kJsonDepthMax = 64;

/// Strict JSON (RFC 8259): one document, nothing after it, UTF-8 valid, no duplicate members, depth
/// at most kJsonDepthMax. Numbers become int64 when written as integers that fit, else double.
/// Refused, `refused_at` (may be null) is the byte where.
Result<Value> json_decode(std::string_view text, std::size_t* refused_at = nullptr);

/// A line and a column of a text, from 1; the column counts characters.
struct TextPlace {
    std::size_t line = 1;
    std::size_t column = 1;
};
TextPlace place_at(std::string_view text, std::size_t byte);

/// The byte at which each value of a JSON document stands, by its path: "Statement[1].Action[0]",
/// names as `printable` shows them; a member stands where its name does. Takes what json_decode
/// takes; of another text, what stands before the mistake. Bounded like json_decode.
std::map<std::string, std::size_t> json_places(std::string_view text);

/// Compact JSON in key order. Bytes become base64 text; text that is not UTF-8 has each bad byte
/// replaced by U+FFFD (records keep the raw bytes; this is for people and tools).
std::string json_encode(const Value& value);

}  // namespace narrows::codec
