#pragma once

#include "gateway/runtime.h"

namespace narrows::gateway {

/// RECOVERY in this boot's system part, with what the recorder found and declared; then a new part
/// for every session that has neither ended nor expired.
net::Task<Result<void>> resume(Runtime& runtime);

}  // namespace narrows::gateway
