#pragma once

#include <memory>
#include <string>

#include "gateway/runtime.h"

namespace narrows::gateway {

inline constexpr const char* kVersion = "0.1.0";

/// Builds a Runtime from a configuration: keys, CA, journal (with recovery), evidence log, Signer,
/// adapters. Listens nowhere yet. Blocking; nothing runs on the loops before it returns. Errors say
/// what to do. `corruption` accepted: corrupt stretches are put aside and declared.
Result<std::unique_ptr<Runtime>> boot(Config config, const Clock& clock, std::size_t threads,
                                      bool accept_corruption);

/// What boot recovered and the first coroutine must declare: RECOVERY, outcomes of interrupted
/// operations, CLOSE of interrupted parts, parts of sessions that go on; then CONFIG.
net::Task<Result<void>> declare_start(Runtime& runtime);

/// Scopes must compile before anything is granted.
Result<void> check_scopes(const Config& config);

/// CONFIG: a configuration about to be in force and what changed, a sentence each. Durable.
net::Task<Result<void>> record_config(Runtime& runtime, std::shared_ptr<const Settings> settings,
                                      std::vector<std::string> changes);

}  // namespace narrows::gateway
