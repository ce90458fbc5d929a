#pragma once

#include <CLI/CLI.hpp>

/// The commands that talk to a gateway or help to set one up: run, session, credentials, key,
/// scope, connection, doctor.
namespace narrows::apps {

/// Adds them. When one is chosen, parsing runs it on standard output and standard error and leaves
/// its exit code in `exit_code`, which must outlive the parse: 0 held, 1 found wanting, 2 usage,
/// 3 could not tell; `run` gives its command's own (128 and the number for a signal).
void register_client_commands(CLI::App& app, int& exit_code);

}  // namespace narrows::apps
