#pragma once

#include <string>

#include "codec/value.h"
#include "model/decision.h"
#include "session/admission.h"

namespace narrows::session {

/// INTENT's payload (docs/format.md): what was asked, as seen, stated and derived, and the
/// decision.
codec::Value intent_payload(recording::Sequence op, const std::string& connection,
                            const std::string& scope_sha256, const Asked& asked,
                            const model::Decision& decision);

}  // namespace narrows::session
