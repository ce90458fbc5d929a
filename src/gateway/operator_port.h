#pragma once

#include "gateway/runtime.h"

/// The operator's port: the launchers' API, sessions, health and metrics. Never the agents' port.
namespace narrows::gateway {

/// One connection, on its loop. A launcher proves itself per request (Authorization: Bearer); the
/// rest is for whoever can reach the port, which belongs on loopback or a private network.
net::Task<void> serve_operator(Runtime& runtime, net::StreamPtr stream);

}  // namespace narrows::gateway
