#pragma once

#include <memory>

#include "review/export.h"

namespace narrows::review {

enum class OcsfVersion {
    v1_8_0,
    v1_9_0,  ///< adds ai_agent and the record_integrity profile
};

/// OCSF events (https://schema.ocsf.io), one JSON object a line: API Activity (6003) an operation,
/// Base Event (0) a loss. Memory: one event, and the last event's name of each session.
std::unique_ptr<Exporter> ocsf_exporter(std::ostream& out, OcsfVersion version);

}  // namespace narrows::review
