#pragma once

#include "gateway/gateway.h"

namespace narrows::gateway {

/// `narrows gateway`: starts signer, recorder and gateway as processes of their own, each as a user
/// of its own where it is root and the users exist, gives them their keys and the links between
/// them, and starts a signer that died again; after a recorder that died, all. SIGTERM, SIGINT and
/// SIGHUP go to the gateway. When the gateway ends, so does this, with its exit code (128 and the
/// number if a signal ended it), once the recorder has written what it was given; when this process
/// dies, the kernel kills them. Once a process, before it has threads. An error: nothing
/// was started.
Result<int> supervise(const GatewayOptions& options);

}  // namespace narrows::gateway
