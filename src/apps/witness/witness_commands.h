#pragma once

#include <CLI/CLI.hpp>

namespace narrows::apps {

/// Adds `narrows witness`. When it is chosen, parsing runs it and leaves its exit code in
/// `exit_code`, which must outlive the parse.
void register_witness_commands(CLI::App& app, int& exit_code);

}  // namespace narrows::apps
