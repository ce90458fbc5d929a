#pragma once

#include "apps/witness/config.h"
#include "base/result.h"

namespace narrows::apps {

/// Serves POST /add-checkpoint until SIGTERM or SIGINT, at most kConnectionsMax connections at
/// once, each request of at most 64 KiB and within kRequestMax. One request at a time is decided
/// and written to disk. Blocks; once a process.
Result<void> run_witness(const WitnessConfig& config);

}  // namespace narrows::apps
