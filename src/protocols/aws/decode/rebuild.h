#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "protocols/aws/decode/operation.h"

/// An operation put together again from its record, which holds parameters and accesses but no
/// condition keys.
namespace narrows::aws {

/// What INTENT says (docs/format.md, section 7, `derived`).
struct RecordedOperation {
    std::string service;  ///< IAM's prefix
    std::string name;
    codec::Value parameters;  ///< secrets withheld; {"$large": …} if they are not in the record
    std::vector<model::Access> accesses;
    /// Not all accesses or resources are there: only the first 16 actions, 32 resources of each.
    bool cut = false;
};

struct Rebuilt {
    model::Operation operation;    ///< with all accesses, and the keys of request and `known`
    std::set<std::string> unsure;  ///< keys that are absent, or whose values were withheld
};

/// Fails with ErrorCode::unsupported, in a sentence, if the parameters are not on record or if this
/// catalogue makes other accesses of them than the record has.
Result<Rebuilt> rebuild(const Catalogue& catalogue, const RecordedOperation& recorded,
                        const ConnectionFacts& facts, const model::Context& known);

}  // namespace narrows::aws
