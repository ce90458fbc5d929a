#pragma once

#include "gateway/runtime.h"

/// The agents' port: endpoint mode over HTTP and HTTPS and proxy mode, told apart by the first
/// bytes and the method. Hardened for hostile peers.
namespace narrows::gateway {

/// One connection, from its first byte to its end, on its loop.
net::Task<void> serve_agent(Runtime& runtime, net::Loop& loop, net::StreamPtr stream);

/// A plain answer of the gateway's own.
net::Task<Result<void>> answer_plain(const Runtime& runtime, http::ServerConnection& agent,
                                     int status, std::string_view type, std::string_view body);

}  // namespace narrows::gateway
