#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "codec/value.h"

namespace narrows::codec {

inline constexpr std::size_t kJsonDepthMax = 64;

/// Strict JSON (RFC 8259): one document, nothing after it, UTF-8 valid, no duplicate members, depth
/// at most kJsonDepthMax. Numbers become int64 when written as integers that fit, else double.
Result<Value> json_decode(std::string_view text);

/// Compact JSON in key order. Bytes become base64 text; text that is not UTF-8 has each bad byte
/// replaced by U+FFFD (records keep the raw bytes; this is for people and tools).
std::string json_encode(const Value& value);

}  // namespace narrows::codec
