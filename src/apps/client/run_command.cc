#include <memory>

#include <fmt/ostream.h>
#include <unistd.h>

#include "apps/client/child.h"
#include "apps/client/commands.h"
#include "apps/client/delivery_folder.h"
#include "codec/text.h"

namespace narrows::client {
namespace {

std::vector<std::string> own_environment() {
    std::vector<std::string> out;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        out.emplace_back(*entry);
    }
    return out;
}

/// The command's exit status. Whatever goes wrong before it runs is an error.
Result<int> run_in(const StartedSession& session, const RunOptions& options,
                   const SignalHold& signals, const Output& to) {
    NARROWS_TRY(const DeliveryFolder folder, DeliveryFolder::make_temporary());
    NARROWS_TRY(const identity::Environment change, lay_out(session, folder, this_program()));
    if (!options.quiet) {
        fmt::print(to.err, "narrows: session {} until {}; every operation is recorded\n",
                   codec::printable(session.session), codec::printable(session.expires_at));
    }
    to.out.flush();
    if (const std::optional<int> signal = signals.pending()) {
        return 128 + *signal;
    }
    std::string why_not_run;
    NARROWS_TRY(const int status,
                run_child(options.command, child_environment(own_environment(), change), signals,
                          why_not_run));
    if (!why_not_run.empty()) {
        fmt::print(to.err, "narrows: {}\n", codec::printable(why_not_run));
    }
    return status;
}

}  // namespace

int run_run(const RunOptions& options, const Output& to) {
    const Result<Operator> gateway = Operator::make(options.to);
    if (!gateway) {
        return failed(to, gateway.error());
    }
    const SignalHold signals;
    const Result<codec::Value> answer = gateway.value().start(options.start);
    if (!answer) {
        return operator_failed(to, answer.error());
    }
    const Result<StartedSession> session = parse_started(answer.value());
    if (!session) {
        return failed(to, session.error(), kCannotTell);
    }
    const Result<int> status = run_in(session.value(), options, signals, to);
    const int exit_code = status ? status.value() : failed(to, status.error(), kCannotTell);
    const Result<void> ended = gateway.value().over(
        session.value().session, "end", status ? std::optional<int>(status.value()) : std::nullopt);
    if (!ended) {
        fmt::print(to.err, "narrows: session {} was not ended by this command: {}\n",
                   codec::printable(session.value().session), codec::printable(ended.error().what));
    }
    return exit_code;
}

void register_run(CLI::App& app, int& exit_code) {
    const auto options = std::make_shared<RunOptions>();
    CLI::App* command = app.add_subcommand("run", "start a session, run a command in it, end it");
    add_operator_options(*command, options->to);
    add_agent_options(*command, options->to);
    add_start_options(*command, options->start);
    command->add_flag("--quiet", options->quiet, "no line about the session");
    command->add_option("command", options->command, "after --: the command and its arguments")
        ->required();
    command->callback(
        [options, &exit_code] { exit_code = run_run(*options, standard_output(false)); });
}

}  // namespace narrows::client
