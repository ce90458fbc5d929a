#pragma once

#include "protocols/aws/adapter/intake.h"
#include "protocols/aws/adapter/understood.h"

namespace narrows::aws {

/// A request that is being read. All of it outlives the calls below.
struct Reading {
    const Services& services;
    const Arrival& arrival;
    http::ServerExchange& agent;
    Intake& intake;
    const Proof& proof;
};

/// From bytes to an operation, or to why not: `asked` has caller and form, and gets the rest. The
/// proof is verified before anything of the request is believed.
net::Task<void> understand(const Reading& reading, Understood& asked);

/// The bytes of a refused request belong to its record, as far as they are few.
net::Task<void> keep_refused_body(const Reading& reading, Understood& asked);

}  // namespace narrows::aws
