#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

#include "apps/client/launcher.h"
#include "apps/recording/recording_commands.h"

namespace narrows::apps {

struct ReconcileOptions {
    RecordingOptions recordings;  ///< where they are, keys, --json, how S3 is reached
    std::string cloudtrail;       ///< a folder, or "s3://bucket/prefix"
    std::string public_keys;      ///< a file; empty: none
    std::string state;            ///< a folder that is kept; empty: none
    std::vector<std::string> covers;
    std::string settle = "1h";
    std::vector<std::string> regions;
    std::vector<std::string> gateways;
    std::vector<std::string> buckets;
    std::vector<std::string> kms_keys;
    bool again = false;
    bool record = false;              ///< the verdict goes into the gateway's log
    client::OperatorOptions gateway;  ///< of `record`
};

/// Seconds of "90s", "15m", "24h"; at most a week.
std::optional<std::int64_t> duration_s(std::string_view text);

/// Returns the process's exit code: 0 all agreed, 1 found wanting, 2 usage, 3 could not tell.
int run_reconcile(const ReconcileOptions& options, std::ostream& out, std::ostream& err);

/// Adds `reconcile`; as register_recording_commands.
void register_reconcile_command(CLI::App& app, int& exit_code);

}  // namespace narrows::apps
