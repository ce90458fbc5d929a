#pragma once

#include "protocols/aws/adapter/understood.h"

namespace narrows::aws {

/// Writes the request that goes to AWS, anew from what was decoded: `place`'s target with the
/// operation's host prefix, head, the body if it is another, digest. Nothing, or why it cannot be.
std::optional<Rejection> write_request(const Proof& proof, Understood& asked);

}  // namespace narrows::aws
