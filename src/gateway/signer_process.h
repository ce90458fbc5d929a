#pragma once

#include "base/result.h"

namespace narrows::gateway {

/// `narrows signer`: holds the group key and AWS credentials and answers the gateway over the links
/// that the supervisor gives it. Ends with the supervisor. An error: it could not begin. Once a
/// process, before it has threads.
Result<void> run_signer();

}  // namespace narrows::gateway
