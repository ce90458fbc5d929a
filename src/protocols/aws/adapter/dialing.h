#pragma once

#include <vector>

#include "net/stream.h"
#include "net/tls.h"
#include "protocols/aws/upstream/dial.h"

namespace narrows::aws {

/// Connects to a target: resolves its name, asks may_dial of every address, tries them in turn, and
/// starts TLS with verification where the target has it, offering HTTP/2 if asked to. `timeout`
/// bounds connecting and the handshake each.
net::Task<Result<net::StreamPtr>> dial(net::Loop& loop, upstream::Target target,
                                       const std::vector<upstream::Listener>& own_listeners,
                                       net::TlsClientContext& tls, net::Millis timeout,
                                       bool offer_http2 = false);

}  // namespace narrows::aws
