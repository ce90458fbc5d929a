#include <iostream>

#include <CLI/CLI.hpp>

#include "apps/client/client_commands.h"
#include "apps/recording/recording_commands.h"
#include "apps/witness/witness_commands.h"
#include "base/log.h"
#include "gateway/gateway.h"

namespace {

using namespace narrows;  // NOLINT: main

/// 1: the journal was found corrupt; 2: the configuration is wrong; 3: this host could not do it.
int exit_code_of(ErrorCode code) {
    switch (code) {
        case ErrorCode::corrupt:
            return 1;
        case ErrorCode::invalid:
        case ErrorCode::not_found:
            return 2;
        default:
            return 3;
    }
}

int run_gateway_command(const gateway::GatewayOptions& options) {
    const Result<void> done = gateway::run_gateway(options);
    if (!done.has_value()) {
        log::error("{}", done.error().what);
        return exit_code_of(done.error().code);
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{
        "Narrows: AI agents reach AWS only through here, and every operation is on record"};
    app.require_subcommand(1);
    int code = 0;

    gateway::GatewayOptions options;
    bool json_log = false;
    CLI::App* command = app.add_subcommand("gateway", "Runs the boundary");
    command->add_option("--config", options.config, "narrows.toml")->required();
    command->add_flag("--accept-corruption", options.accept_corruption,
                      "put corrupt stretches of the journal aside, declare them and go on");
    command->add_flag("--accept-rollback", options.accept_rollback,
                      "start although an anchor knows more than this data directory, or another "
                      "log; put on record");
    command->add_flag("--json", json_log, "log one JSON object a line");
    command->callback([&] {
        log::configure(log::Level::info, json_log);
        code = run_gateway_command(options);
    });
    apps::register_recording_commands(app, code);
    apps::register_client_commands(app, code);
    apps::register_witness_commands(app, code);

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        const int asked_for_help = app.exit(error);
        return asked_for_help == 0 ? 0 : 2;
    }
    return code;
}
