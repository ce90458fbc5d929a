#pragma once

#include "protocols/aws/adapter/understood.h"

namespace narrows::aws {

/// From a recognised request whose body is known, or streams, to the operation that is decided on
/// and the request that goes to AWS. Nothing, or why it gets no further; `asked` then holds what
/// became clear. Pure, but for the clock.
std::optional<Rejection> interpret(const Services& services, const Arrival& arrival,
                                   const Proof& proof, Understood& asked);

}  // namespace narrows::aws
