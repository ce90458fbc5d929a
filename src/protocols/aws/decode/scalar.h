#pragma once

#include <string_view>

#include "base/result.h"
#include "codec/value.h"
#include "protocols/aws/catalogue/catalogue.h"
#include "protocols/aws/decode/where.h"

/// Scalars that travel as text: in forms, XML, headers, query strings and URI labels.
namespace narrows::aws {

bool is_scalar(ShapeKind kind);

/// The text as a value of the member's kind; its timestamp format is `otherwise` where the model
/// says by_protocol. Strict: one spelling per boolean, numbers in full and in range, blobs in
/// base64, timestamps in their format (and kept as their text), UTF-8 everywhere.
/// ErrorCode::invalid names the place.
Result<codec::Value> scalar_from_text(Member member, std::string_view text,
                                      TimestampFormat otherwise, const Where& where);

/// Whether a text has the form of a timestamp: RFC 3339 / ISO 8601 with zone, seconds since 1970
/// with an optional fraction, or IMF-fixdate.
bool is_timestamp(std::string_view text, TimestampFormat format);

}  // namespace narrows::aws
