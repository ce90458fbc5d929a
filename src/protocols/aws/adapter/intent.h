#pragma once

#include "http/exchange.h"
#include "protocols/aws/adapter/understood.h"

namespace narrows::aws {

/// What is decided on and goes on record of a request, credentials taken out. Pure.
session::Asked intent_of(const Services& services, const Arrival& arrival,
                         const http::ServerExchange& agent, const Proof& proof,
                         const Understood& asked);

}  // namespace narrows::aws
