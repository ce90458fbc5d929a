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

/// What a reviewer found beside CloudTrail, for the log; `body` as ReconciledEntry, `report` in
/// hex, without `by`, which is who asks. Runs on a worker.
net::Task<Result<codec::Map>> take_reconciled(Runtime& runtime, std::string key, std::string body);

/// A hold or release is brought by any launcher or reviewer and counts by its officer's signature;
/// shredding is asked for by a reviewer. Runs on a worker.
net::Task<Result<codec::Map>> take_custody(Runtime& runtime, CustodyRequest request);

}  // namespace narrows::gateway
