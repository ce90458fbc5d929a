#pragma once

#include <optional>

#include "codec/value.h"
#include "protocols/aws/adapter/rejection.h"
#include "protocols/aws/sigv4/body.h"

/// What vouches for a request's body, and what came of checking it.
namespace narrows::aws {

/// `request_integrity` of INTENT and of outcomes (docs/format.md). `report`: what was declared and
/// how it compares; nothing if the body broke off, or a signature in it was wrong.
codec::Map integrity_value(const sigv4::Payload& payload,
                           const std::optional<sigv4::BodyReport>& report);

/// The refusal of a body that is not what it declares to be, as S3 words it.
/// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
Rejection body_mismatch(const sigv4::BodyReport& report);

/// Of a body whose framing or chunk signatures are wrong.
Rejection body_malformed(const Error& error);

}  // namespace narrows::aws
