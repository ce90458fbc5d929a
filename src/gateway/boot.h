#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gateway/runtime.h"

namespace narrows::gateway {

inline constexpr const char* kVersion = "0.1.0";

/// What the operator lets pass that would else keep the gateway from starting. Put on record.
struct BootOptions {
    bool accept_corruption = false;  ///< corrupt stretches of the journal are put aside
    bool accept_rollback = false;    ///< an anchor knows more than the log here, or another one
};

/// What a gateway works with beside its configuration.
struct Handover {
    std::vector<process::Descriptor> links;  ///< to the signer, one a loop
    process::Descriptor recorder;            ///< to the recorder; none: it is in this process
    std::vector<process::Descriptor> told;   ///< from that one, one a loop
    Secret receipt_key;                      ///< of the recorder in this process
};
/// How the gateway's process ends when it has lost the recorder: its supervisor starts both again.
inline constexpr int kRecorderLost = 70;

/// The recorder that a configuration asks for. Reads the reviewers' keys; makes one if there is
/// none.
Result<recorder::RecorderOptions> recorder_options(const Config& config, const Clock& clock,
                                                   const BootOptions& options);

/// The gateway's own ports, which nothing of the product dials. A listener on all addresses is one
/// on each address that the host has now.
std::vector<upstream::Listener> own_listeners(const Config& config);

/// Builds a Runtime from a configuration: keys, CA, recorder (with what it recovered), links to the
/// signer, adapters. Listens nowhere yet. Blocking; nothing runs on the loops before it
/// returns. Errors say what to do.
Result<std::unique_ptr<Runtime>> boot(Config config, const Clock& clock, std::size_t threads,
                                      const BootOptions& options, Handover handover);

/// What boot recovered and the first coroutine must declare: RECOVERY, outcomes of interrupted
/// operations, CLOSE of interrupted parts, parts of sessions that go on; then CONFIG.
net::Task<Result<void>> declare_start(Runtime& runtime);

/// Scopes must compile before anything is granted.
Result<void> check_scopes(const Config& config);

/// OPEN of a part of the gateway's own ("system", "lobby"), on record and in the log.
net::Task<Result<void>> open_own_part(Runtime& runtime, recording::PartLog& log,
                                      const std::string& kind);

/// CONFIG: a configuration about to be in force and what changed, a sentence each. Durable.
net::Task<Result<void>> record_config(Runtime& runtime, std::shared_ptr<const Settings> settings,
                                      std::vector<std::string> changes);

}  // namespace narrows::gateway
