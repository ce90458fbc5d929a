#pragma once

#include "gateway/runtime.h"

namespace narrows::gateway {

/// The session's bearer token, for clients of Amazon Bedrock that sign nothing
/// (AWS_BEARER_TOKEN_BEDROCK). It names one connection, so there is one only if exactly one of the
/// session's scopes has an Allow that can reach Bedrock; else empty.
/// https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-use.html
net::Task<Result<std::string>> bearer_token(Runtime& runtime, const session::Terms& terms);

}  // namespace narrows::gateway
