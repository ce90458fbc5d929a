#pragma once

#include <string>

#include "gateway/lifecycle.h"

namespace narrows::gateway {

/// POST /v1/sessions: parses the JSON body strictly and proves launcher and agent. Without a
/// launcher's credential the agent starts its own session. May block on an issuer's keys.
/// ErrorCode::invalid names the member that is wrong; no task, no session.
Result<Start> prove_start(identity::Authenticator& authenticator, const std::string& launcher_key,
                          const std::string& body);

}  // namespace narrows::gateway
