#pragma once

#include <ostream>
#include <string>

#include "apps/recording/recording_commands.h"
#include "apps/verify/verify_command.h"
#include "base/result.h"
#include "review/sessions.h"

/// What the recording commands share.
namespace narrows::apps {

/// Where the recordings lie, from --data-dir or from the configuration.
Result<std::string> data_dir_of(const RecordingOptions& options);

struct Chosen {
    std::string data_dir;
    review::SessionSummary session;
};
Result<Chosen> choose_session(const RecordingOptions& options);

}  // namespace narrows::apps
