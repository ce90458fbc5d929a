#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "evidence/witness.h"
#include "gateway/config/config.h"

/// witness.toml as plain data.
namespace narrows::apps {

struct WitnessConfig {
    std::string name;       ///< of the key, a URL without scheme: "witness.example.com/w1"
    std::string state_dir;  ///< nobody else may write there
    std::string key;        ///< path; default state_dir/witness.key
    gateway::Address listen{"127.0.0.1", 8460};
    std::string certificate;      ///< PEM chain; empty: plain HTTP
    std::string certificate_key;  ///< PEM
    std::vector<evidence::WitnessedLog> logs;
};

/// All mistakes at once, a line each. `path` is for messages and for what other paths are relative
/// to; no file is read.
Result<WitnessConfig> parse_witness_config(std::string_view text, const std::string& path);

}  // namespace narrows::apps
