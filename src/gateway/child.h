#pragma once

#include "base/result.h"
#include "process/channel.h"

/// What the processes that `narrows gateway` starts have in common.
namespace narrows::gateway {

/// A terminal's signals reach every process of its group; signer and recorder are needed until the
/// gateway has drained, and their supervisor sees to their end.
void leave_signals_to_the_supervisor();

/// The supervisor's first word. ErrorCode::invalid: it was not the supervisor that started this.
Result<process::Parcel> receive_setup(const process::Descriptor& control);

}  // namespace narrows::gateway
