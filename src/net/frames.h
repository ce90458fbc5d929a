#pragma once

#include <functional>

#include "base/bytes.h"
#include "base/result.h"
#include "net/task.h"
#include "process/descriptor.h"

namespace narrows::net {

/// Reads frames (process/frame.h) from a local stream socket, on the caller's loop, until the peer
/// closes it, or `take` gives an error: that is what is returned. `take` gets one frame, a view
/// valid during the call. Ended with its loop only.
Task<Error> read_frames(process::Descriptor socket, std::function<Result<void>(ByteView)> take);

}  // namespace narrows::net
