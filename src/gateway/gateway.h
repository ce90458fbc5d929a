#pragma once

#include <string>

#include "base/result.h"

namespace narrows::gateway {

struct GatewayOptions {
    std::string config;
    bool accept_corruption = false;
    bool accept_rollback = false;
    bool json_log = false;
};

/// `narrows boundary`, the process behind the agents' port: told by the supervisor (supervisor.h)
/// where the signer is, it runs the gateway until SIGTERM or SIGINT: boots, declares what a restart
/// found, listens, serves. SIGHUP reloads the configuration without touching sessions; SIGTERM
/// drains: what was admitted finishes and is recorded, sessions are closed, then it returns. Once a
/// process.
Result<void> run_gateway(const GatewayOptions& options);

}  // namespace narrows::gateway
