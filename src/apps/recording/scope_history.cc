#include "apps/recording/scope_history.h"

#include <iostream>

#include <fmt/format.h>

#include "policy/operand.h"

namespace narrows::apps {
namespace {

Result<std::optional<WallNs>> time_of(const char* option, const std::string& text) {
    if (text.empty()) return std::optional<WallNs>();
    const std::optional<std::int64_t> ms = policy::parse_date(text);
    if (!ms) {
        return fail(ErrorCode::invalid,
                    fmt::format("{} {}: write a time such as 2026-11-23T06:20:00Z", option, text));
    }
    return std::optional<WallNs>(*ms * (kNsPerSecond / 1000));
}

using RunHistory = int (*)(const ScopeHistoryOptions&, std::ostream&, std::ostream&);

CLI::App* add_history(CLI::App* scope, const char* name, const char* about, RunHistory run,
                      const std::shared_ptr<ScopeHistoryOptions>& options, int& exit_code) {
    CLI::App* command = scope->add_subcommand(name, about);
    command->add_option("--data-dir", options->from.data_dir,
                        "the gateway's data directory, or a copy");
    command->add_option("--config", options->from.config,
                        "narrows.toml, to find the data directory");
    command
        ->add_option("--key", options->from.keys,
                     "an age identity file that opens what is recorded; may be given several times")
        ->allow_extra_args(false);
    command->add_flag("--json", options->from.json, "one JSON object a line");
    command
        ->add_option("--session", options->filter.sessions,
                     "an id, a beginning of one, or last; may be given several times; else all")
        ->allow_extra_args(false);
    command->add_option("--connection", options->filter.connection, "operations on this one only");
    command->add_option("--agent", options->filter.agent, "sessions of this agent only");
    command->add_option("--task-id", options->filter.task, "sessions for this task only");
    command->add_option("--since", options->since, "2026-11-23, 2026-11-23T06:20:00Z");
    command->add_option("--until", options->until, "before this time");
    command->callback(
        [run, options, &exit_code] { exit_code = run(*options, std::cout, std::cerr); });
    return command;
}

}  // namespace

Result<PastFilter> filter_of(const ScopeHistoryOptions& options) {
    PastFilter filter = options.filter;
    NARROWS_TRY(filter.since, time_of("--since", options.since));
    NARROWS_TRY(filter.until, time_of("--until", options.until));
    return filter;
}

std::vector<std::string> unseen(const PastReport& report) {
    std::vector<std::string> sentences;
    if (report.sealed > 0) {
        sentences.push_back(
            fmt::format("{} operations are sealed to other keys than were given, and not counted",
                        report.sealed));
    }
    if (report.losses > 0) {
        sentences.push_back(fmt::format(
            "{} stretches of records are missing or unreadable; what was done there is not counted",
            report.losses));
    }
    return sentences;
}

bool Enforcement::of(const policy::Past& past) {
    const auto [at, is_new] = by_session_.try_emplace(past.session, false);
    if (is_new && past.assumes_role) {
        const auto compiled = policy::session_policy(scope_, past.target, &past.facts);
        at->second = compiled && compiled.value().whole;
    }
    return at->second;
}

void register_scope_history(CLI::App& app, int& exit_code) {
    CLI::App* scope = app.get_subcommand("scope");
    const auto options = std::make_shared<ScopeHistoryOptions>();
    CLI::App* suggest = add_history(scope, "suggest",
                                    "the least scope for what recordings hold, and what of the "
                                    "granted one nobody used",
                                    run_scope_suggest, options, exit_code);
    CLI::App* simulate = add_history(scope, "simulate", "what another scope would have decided",
                                     run_scope_simulate, options, exit_code);
    suggest->add_option("--scope", options->scope,
                        "the granted scope (default: the one on record)");
    suggest->add_flag("--with-denied", options->with_denied, "allow what a scope denied, too");
    suggest->add_option("--max-statements", options->suggest.statements_max,
                        "join statements until so many are left, and say what that widens");
    suggest->add_option(
        "--max-resources", options->suggest.resources_max,
        "of an action: name folders where there are more, and say what that widens");
    suggest
        ->add_option("--condition", options->suggest.conditions,
                     "bind statements to the values that this key had, such as s3:prefix")
        ->allow_extra_args(false);
    simulate->add_option("file", options->scope, "the new scope")->required();
    simulate->add_option("--examples", options->examples, "of each change of each action");
}

}  // namespace narrows::apps
