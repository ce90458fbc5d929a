#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "codec/value.h"

/// Deterministic CBOR: RFC 8949 section 4.2.1 (shortest heads, definite lengths, map keys in
/// bytewise order of their encodings). Records are written and read in this form alone; the form
/// of AWS's rpc-v2-cbor requests is read with `Form::any`.
namespace narrows::codec {

Bytes cbor_encode(const Value& value);
/// The map `fields` with one member more, a byte string that is not copied into a Value first.
Bytes cbor_encode(const Map& fields, std::string_view name, ByteView bytes);

enum class Form { deterministic, any };

inline constexpr std::size_t kCborDepthMax = 64;

/// Refuses: trailing bytes, duplicate or non-text keys, unknown tags and simple values, depth over
/// kCborDepthMax, integers outside int64 and, in Form::deterministic, every encoding that
/// cbor_encode would not have written. Form::any also takes indefinite lengths, tag 1 (epoch
/// time, read as its number) and half and single floats.
Result<Value> cbor_decode(ByteView bytes, Form form = Form::deterministic);

}  // namespace narrows::codec
