#pragma once

#include "protocols/aws/adapter/understood.h"

/// What no scope can let through, and what AWS authorises by no signature. Pure, but for the clock.
namespace narrows::aws {

/// Why a decoded operation is denied whatever the scope says, or nothing.
std::optional<Rejection> never_allowed(const Proof& proof, const Understood& asked, WallNs now);

/// A request without a proof names no connection: it is of the session's first that names its
/// operation and leads to its region, else of the first that names it, else of the first.
Judged<std::size_t> choose_connection(const std::vector<session::Connection>& granted,
                                      const std::vector<Candidate>& candidates,
                                      const std::string& region);

}  // namespace narrows::aws
