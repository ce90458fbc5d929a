#pragma once

#include "gateway/lifecycle.h"

namespace narrows::gateway {

/// OPEN's payload but for what belongs to the part (docs/format.md): who, for whom, why, and the
/// authority snapshot. Each field under its provenance: the task is attested by the launcher, or
/// stated by an agent that starts itself; a principal without proof is always stated.
codec::Map open_payload(const Runtime& runtime, const Start& start,
                        const identity::Authority& authority, const Settings& settings,
                        const session::Terms& terms);

/// Adds part, predecessor (0: none) and boot.
codec::Value complete_open(const Runtime& runtime, codec::Map payload, model::PartNo part,
                           model::PartNo predecessor);

/// OPEN of the system and lobby parts of a boot.
codec::Map own_open_payload(const Runtime& runtime, const std::string& kind);

/// The terms a session had, from its OPEN record; endpoints, egress,
/// budgets and grants are those configured now, and `open` says so. Fails if agent, connection,
/// account, role or a grant that covers it are not configured any more.
Result<session::Terms> terms_from_open(const Runtime& runtime, const Settings& settings,
                                       const codec::Value& payload);

}  // namespace narrows::gateway
