#pragma once

#include "gateway/runtime.h"

/// What agents may fetch from the gateway itself, on the agents' port, under "/.narrows/" (no
/// bucket can be named so): their session's credentials, refreshed, and their session's scope.
namespace narrows::gateway {

bool is_delivery(const http::RequestHead& head);
/// GET /.narrows/credentials[/CONNECTION] and /.narrows/session with the delivery token in
/// Authorization; GET /.narrows/ca.pem without.
net::Task<void> serve_delivery(Runtime& runtime, http::ServerExchange& agent,
                               const http::RequestHead& head);

}  // namespace narrows::gateway
