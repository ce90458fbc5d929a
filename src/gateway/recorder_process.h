#pragma once

#include "gateway/gateway.h"

namespace narrows::gateway {

/// `narrows recorder`: holds journal, keys and evidence log and serves the gateway over the socket
/// that the supervisor gives it, until that end is closed; then all is durable and signed. What
/// keeps it from opening it tells the gateway, whose end it is. An error: it could not begin. Once
/// a process, before it has threads.
Result<void> run_recorder(const GatewayOptions& options);

}  // namespace narrows::gateway
