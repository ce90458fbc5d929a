#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/result.h"
#include "net/task.h"
#include "process/descriptor.h"
#include "recorder/recorder.h"

namespace narrows::recorder {

/// A loop of the gateway and the socket over which it is told.
struct LoopLink {
    net::Loop& loop;
    process::Descriptor socket;
};

/// The recorder in a process of its own, as the gateway sees it. Waits until that one has opened
/// its journal and log, or says why it did not, with its words and code.
///
/// Numbers are given here, under the part's lock, and what has one is recorded by the other side or
/// the conversation ends: it is refused here, at once, as the newest status and what is on the way
/// have it (kWindow a lane; bodies leave a quarter to the rest). An append blocks only for a new
/// part's first record, until the recorder has made its keys.
///
/// When the recorder is lost, whoever waits is told an error and everything is refused from then
/// on; then `on_lost` runs, on a thread of this. Destroying it ends the conversation in order:
/// all that was appended is sent, and the other side's last word awaited, at most 20 s.
/// `on_lost` does not run then.
///
/// A waiter that names a loop with a link of its own is told there. Such a loop may run no longer
/// when the recorder is destroyed.
Result<std::unique_ptr<Recorder>> connect_recorder(process::Descriptor socket,
                                                   std::function<void(const Error&)> on_lost,
                                                   std::vector<LoopLink> links = {});

}  // namespace narrows::recorder
