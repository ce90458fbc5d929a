#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "apps/recording/common.h"
#include "policy/past.h"

/// Operations of past sessions as policy decides on them.
namespace narrows::apps {

/// Which operations; what is empty takes all.
struct PastFilter {
    std::vector<std::string> sessions;  ///< ids, beginnings of ids, "last"
    std::string connection;
    std::string agent;
    std::string task;  ///< its id
    std::optional<WallNs> since;
    std::optional<WallNs> until;
};

/// What went by beside the operations handed out.
struct PastReport {
    std::uint64_t operations = 0;  ///< handed out
    std::uint64_t sealed = 0;      ///< of chosen sessions, that no key opens
    std::uint64_t losses = 0;      ///< stretches of records that are missing or unreadable
    std::set<std::string> sessions;
    /// By connection, the scope of the newest session.
    std::map<std::string, std::string> scopes;
};

/// Hands out every operation of the filter, each as it is over. What `take` fails with ends the
/// handing out. ErrorCode::invalid if they are of more than one connection: a scope is of one.
/// Memory: the operations in flight at one time, and the names of sessions.
Result<PastReport> read_past(const Opened& recordings, const PastFilter& filter,
                             const std::function<Result<void>(const policy::Past&)>& take);

}  // namespace narrows::apps
