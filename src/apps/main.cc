#include <iostream>

#include <CLI/CLI.hpp>

#include "apps/client/client_commands.h"
#include "apps/custody/custody_commands.h"
#include "apps/reconcile/reconcile_command.h"
#include "apps/recording/recording_commands.h"
#include "apps/recording/scope_history.h"
#include "apps/witness/witness_commands.h"
#include "base/log.h"
#include "gateway/gateway.h"
#include "gateway/recorder_process.h"
#include "gateway/signer_process.h"
#include "gateway/supervisor.h"

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

int told(const Error& error) {
    log::error("{}", error.what);
    return exit_code_of(error.code);
}

int exit_code_of(const Result<int>& ended) {
    return ended.has_value() ? ended.value() : told(ended.error());
}
int exit_code_of(const Result<void>& done) {
    return done.has_value() ? 0 : told(done.error());
}

void add_options(CLI::App& command, gateway::GatewayOptions& options) {
    command.add_option("--config", options.config, "narrows.toml")->required();
    command.add_flag("--accept-corruption", options.accept_corruption,
                     "put corrupt stretches of the journal aside, declare them and go on");
    command.add_flag("--accept-rollback", options.accept_rollback,
                     "start although an anchor knows more than this data directory, or another "
                     "log; put on record");
    command.add_flag("--json", options.json_log, "log one JSON object a line");
}

/// The command that people type, and those of the processes that it consists of.
void register_gateway_commands(CLI::App& app, gateway::GatewayOptions& options, int& code) {
    const auto run = [&options, &code](auto work) {
        return [&options, &code, work] {
            log::configure(log::Level::info, options.json_log);
            code = exit_code_of(work());
        };
    };
    CLI::App* whole = app.add_subcommand("gateway", "Runs the boundary");
    add_options(*whole, options);
    whole->callback(run([&options] { return gateway::supervise(options); }));
    CLI::App* boundary = app.add_subcommand("boundary", "")->group("");
    add_options(*boundary, options);
    boundary->callback(run([&options] { return gateway::run_gateway(options); }));
    CLI::App* recorder = app.add_subcommand("recorder", "")->group("");
    add_options(*recorder, options);
    recorder->callback(run([&options] { return gateway::run_recorder(options); }));
    CLI::App* signer = app.add_subcommand("signer", "")->group("");
    signer->add_flag("--json", options.json_log, "");
    signer->callback(run([] { return gateway::run_signer(); }));
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{
        "Narrows: AI agents reach AWS only through here, and every operation is on record"};
    app.require_subcommand(1);
    int code = 0;

    gateway::GatewayOptions options;
    register_gateway_commands(app, options, code);
    apps::register_recording_commands(app, code);
    apps::register_reconcile_command(app, code);
    apps::register_client_commands(app, code);
    apps::register_scope_history(app, code);
    apps::register_custody_commands(app, code);
    apps::register_witness_commands(app, code);

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        const int asked_for_help = app.exit(error);
        return asked_for_help == 0 ? 0 : 2;
    }
    return code;
}
