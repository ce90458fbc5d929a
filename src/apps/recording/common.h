#pragma once

#include <ostream>
#include <string>

#include "apps/recording/recording_commands.h"
#include "base/result.h"
#include "review/sessions.h"

/// What the recording commands share.
namespace narrows::apps {

inline constexpr int kExitHeld = 0;
inline constexpr int kExitWanting = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitCannotTell = 3;

/// Where the recordings lie, from --data-dir or from the configuration.
Result<std::string> data_dir_of(const RecordingOptions& options);
/// Prints the error and returns its exit code.
int failed(const Error& error, std::ostream& err);

struct Chosen {
    std::string data_dir;
    review::SessionSummary session;
};
Result<Chosen> choose_session(const RecordingOptions& options);

}  // namespace narrows::apps
