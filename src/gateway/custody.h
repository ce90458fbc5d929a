#pragma once

#include <string>

#include "codec/value.h"
#include "gateway/runtime.h"

/// The operator's port where keys and holds are concerned: who asks is proven here, what may be is
/// decided by the recorder.
namespace narrows::gateway {

/// What the configuration says of keeping recordings.
recorder::Retention retention_of(const Config& config);

/// POST /v1/sessions/ID/VERB.
struct CustodyRequest {
    std::string key;  ///< the bearer's
    std::string session;
    std::string verb;  ///< "hold", "release", "shred"
    std::string body;
};
bool is_custody_verb(std::string_view verb);

/// A hold or release is brought by any launcher or reviewer and counts by its officer's signature;
/// shredding is asked for by a reviewer. Runs on a worker.
net::Task<Result<codec::Map>> take_custody(Runtime& runtime, CustodyRequest request);

}  // namespace narrows::gateway
