#pragma once

#include <string>

#include "gateway/runtime.h"

namespace narrows::gateway {

/// Prometheus text format 0.0.4.
std::string metrics_text(Runtime& runtime);

struct Health {
    bool healthy = true;
    std::string json;  ///< {"status","journal","evidence_log","sessions"…}
};
Health health(Runtime& runtime);

}  // namespace narrows::gateway
