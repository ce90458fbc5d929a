#pragma once

#include <string>

#include "gateway/runtime.h"

namespace narrows::gateway {

/// Prometheus text format 0.0.4.
std::string metrics_text(Runtime& runtime);

struct Health {
    bool healthy = true;  ///< what is open goes on, though perhaps no new session can start
    std::string json;     ///< {"status","journal","can_start","why","evidence_log","sessions"…}
};
Health health(Runtime& runtime);

}  // namespace narrows::gateway
