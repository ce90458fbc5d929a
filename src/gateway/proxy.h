#pragma once

#include "gateway/runtime.h"

namespace narrows::gateway {

/// CONNECT on the agents' port: AWS's hosts are opened with the gateway's CA and served like
/// endpoint mode; hosts on a connection's egress list are tunnelled unopened and recorded as
/// net:Connect; everything else is refused and recorded.
net::Task<void> serve_connect(Runtime& runtime, net::Loop& loop, http::ServerConnection& agent,
                              const http::RequestHead& head);

}  // namespace narrows::gateway
