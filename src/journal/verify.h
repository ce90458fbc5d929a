#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/file.h"
#include "journal/frame.h"
#include "model/ids.h"

/// The structure of a journal, recomputed from its bytes: no key, no knowledge of payloads. What
/// it cannot see is a consistent rewriting of everything; that is what checkpoints are for.
namespace narrows::journal {

struct Finding {
    enum class Kind {
        gap,      ///< torn, corrupt, missing or quarantined bytes
        batch,    ///< a batch's chain value is not that of its content
        payload,  ///< a payload does not fit its digest
        leaf,     ///< a record does not continue the one before it
        absent,   ///< sequence numbers (may be declared by a GAP record) or parts without a record
        duplicate,  ///< two records with one number
        part,       ///< a part that does not begin with OPEN
        origin,     ///< segments of different gateways in one directory
    };
    Kind kind = Kind::gap;
    std::string what;  ///< a sentence for people
    Location location;
    model::PartNo part;  ///< 0 if it is about none
    model::Sequence first;
    model::Sequence last;
    Gap::Kind gap = Gap::Kind::corrupt;  ///< of Kind::gap
};
const char* name_of(Finding::Kind kind);

/// One part's end as its leaves say.
struct PartSummary {
    std::uint64_t frames = 0;
    model::Sequence next;
    crypto::Digest last_leaf{};
};

struct ChainReport {
    std::vector<Finding> findings;  ///< at most kFindingsMax are kept
    std::uint64_t findings_total = 0;
    std::uint64_t segments = 0;
    std::uint64_t batches = 0;
    std::uint64_t frames = 0;
    std::uint64_t bytes = 0;
    std::string origin;
    std::map<model::PartNo, PartSummary> parts;
};
inline constexpr std::size_t kFindingsMax = 1000;

/// Recomputes every payload digest, leaf, leaf link, batch and segment chain; checks that
/// sequences are dense. An Error only if the directory cannot be read or has a later format.
Result<ChainReport> verify_chain(io::FileSystem& fs, const std::string& directory);

}  // namespace narrows::journal
