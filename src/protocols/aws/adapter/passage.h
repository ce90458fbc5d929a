#pragma once

#include <memory>
#include <string>

#include "http/exchange.h"
#include "protocols/aws/adapter/understood.h"
#include "protocols/aws/signer/client.h"

namespace narrows::aws {

/// An operation that was let through, and who takes part in it. What it refers to outlives it.
struct Passage {
    const Services& services;
    const Arrival& arrival;
    http::ServerExchange& agent;
    const Proof& proof;
    const Understood& asked;
    MonoNs began;  ///< when the request came
    session::Permit permit;
    std::string record;  ///< as the agent is shown it
    /// Its signature, if that was asked for while its INTENT was on the way to the disk.
    std::unique_ptr<signer::Ahead> ahead;

    const http::RequestHead& head() const { return proof.asked(); }
};

}  // namespace narrows::aws
