#pragma once

#include <string>

#include "base/result.h"

namespace narrows::gateway {

struct GatewayOptions {
    std::string config;
    bool accept_corruption = false;
    bool accept_rollback = false;
};

/// Runs the gateway until SIGTERM or SIGINT: boots, declares what a restart found, listens, serves.
/// SIGHUP reloads the configuration without touching sessions; SIGTERM drains: what was admitted
/// finishes and is recorded, sessions are closed, then it returns. Once a process.
Result<void> run_gateway(const GatewayOptions& options);

}  // namespace narrows::gateway
