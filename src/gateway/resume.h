#pragma once

#include "gateway/recovered.h"
#include "gateway/runtime.h"

namespace narrows::gateway {

/// Declares what an earlier boot left: GAP for missing records, UNKNOWN for operations without an
/// outcome, CLOSE "interrupted" for parts without one, RECOVERY in this boot's system part; then
/// opens a new part for every session that has neither ended nor expired.
net::Task<Result<void>> resume(Runtime& runtime, Recovered& recovered);

}  // namespace narrows::gateway
