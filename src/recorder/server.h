#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "process/descriptor.h"
#include "recorder/recorder.h"

namespace narrows::recorder {

/// The recorder's end of the conversation with a gateway, which it trusts in nothing but the
/// contents of records: numbers must go on, what asks for a receipt must be what a receipt is for,
/// and a request's must name that request. Says that `recorder` is open, serves until the gateway
/// closes its end, then closes the recorder: all that it was given is durable and in the log, and
/// the gateway was told so, when this returns. Blocks. An error: the gateway broke a rule; what it
/// had given before is recorded.
/// Bounded: reads on only while the journal's queue and what is unsent are within their bounds.
/// `to_loops` are the sockets of the gateway's loops, in their order.
Result<void> serve_gateway(std::unique_ptr<Recorder> recorder, const process::Descriptor& socket,
                           const std::vector<process::Descriptor>& to_loops = {});

/// Tells the gateway why there is no recorder, and ends.
void refuse_gateway(const Error& why, const process::Descriptor& socket);

}  // namespace narrows::recorder
