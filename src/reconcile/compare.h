#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "codec/value.h"
#include "reconcile/events.h"

/// One call as it is on record and as CloudTrail has it. Pure.
namespace narrows::reconcile {

/// An operation on record, as far as CloudTrail may tell the same.
struct RecordedCall {
    std::string service;
    std::string name;
    std::string account;
    std::string region;       ///< that it was signed for; empty: not known, "*": any
    std::string key_id;       ///< that the gateway signed with; empty: not known
    std::int64_t status = 0;  ///< 0: no answer is on record
    codec::Value parameters;  ///< null: too large to keep
};

struct Difference {
    std::string field;  ///< "operation", "account", "region", "key", "outcome", "parameters.Bucket"
    std::string recorded;
    std::string logged;
};

/// What differs of what can be compared. CloudTrail leaves out, hides, shortens and renames; a
/// value that may be one of these is passed over.
std::vector<Difference> compare(const RecordedCall& call, const Event& event);

}  // namespace narrows::reconcile
