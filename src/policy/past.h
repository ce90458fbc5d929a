#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "model/decision.h"
#include "model/operation.h"
#include "policy/scope.h"
#include "policy/session_policy.h"

namespace narrows::policy {

/// An operation out of a recording, as plain data: what was asked, by whom, what was decided.
struct Past {
    std::string session;       ///< "ns-…"
    std::uint64_t part = 0;    ///< of the session
    std::uint64_t number = 0;  ///< of its INTENT in that part
    std::string connection;
    Target target;              ///< where the connection leads
    bool assumes_role = false;  ///< so that AWS can enforce a scope once more
    /// Accesses as recorded; as context, the keys that can be worked out from the record.
    model::Operation operation;
    std::optional<model::Operation> carried;  ///< by a URL among its parameters; decided on as well
    Facts facts;                              ///< of the session, at the operation's time
    model::Decision decided;
    /// The decision was a scope's. What was refused before or beside it stays refused, whatever a
    /// scope says.
    bool by_scope = false;
    std::string cut;      ///< why not all of its resources are on record; empty: they are
    std::string keyless;  ///< why its condition keys cannot be worked out; empty: they can
    /// Lower-case keys that the gateway knew and the record never holds.
    std::set<std::string> unrecorded;
};

}  // namespace narrows::policy
