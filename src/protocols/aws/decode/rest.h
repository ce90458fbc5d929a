#pragma once

#include "base/result.h"
#include "codec/value.h"
#include "protocols/aws/decode/decode.h"

namespace narrows::aws {

/// Labels, query string, headers and body of a rest-json or rest-xml request.
Result<codec::Value> bind_rest(const Incoming& request);

/// Refuses AWS headers that the operation does not bind, and any header given twice that is sent on
/// or means something here. For all protocols.
Result<void> check_headers(const Incoming& request);

}  // namespace narrows::aws
