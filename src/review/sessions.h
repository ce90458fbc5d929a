#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "evidence/logged_parts.h"
#include "model/ids.h"
#include "review/source.h"

/// The sessions a data directory holds.
namespace narrows::review {

enum class Completeness {
    complete,     ///< every part closed in order, nothing missing
    open,         ///< not ended (yet)
    interrupted,  ///< a part was closed by a restart, and says so
    gaps,         ///< records are declared as lost, or missing
};
const char* name_of(Completeness completeness);

/// A statement about somebody, with the class it has in the record ("verified", "stated" …).
struct Claim {
    std::string value;
    std::string provenance;
};

struct SessionSummary {
    std::string session;  ///< "ns-…"; system and lobby parts have none and are not listed
    std::vector<model::PartNo> parts;
    Claim agent;
    Claim principal;
    Claim task;
    WallNs start = 0;
    WallNs end = 0;  ///< 0: not ended
    std::uint64_t operations = 0;
    std::uint64_t allowed = 0;
    std::uint64_t denied = 0;
    std::uint64_t unknown = 0;
    std::uint64_t bytes = 0;  ///< carried, both ways; as stored, of what no key opens
    Completeness completeness = Completeness::open;
    std::uint64_t sealed = 0;  ///< records that no key opens; what stands in them is not shown
    evidence::LoggedCustody custody;
};

/// All sessions, oldest first. One pass; memory grows with the number of sessions, not records.
Result<std::vector<SessionSummary>> list_sessions(const Source& source);

/// The one session `wanted` names: an id, an unambiguous beginning of one, or "last".
/// ErrorCode::not_found or ErrorCode::invalid (ambiguous) otherwise.
Result<SessionSummary> find_session(const std::vector<SessionSummary>& sessions,
                                    std::string_view wanted);

/// The same, out of a data directory; records of other sessions are passed over undecoded.
Result<SessionSummary> read_session(const Source& source, std::string_view wanted);

}  // namespace narrows::review
