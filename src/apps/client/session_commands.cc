#include <cstdlib>
#include <memory>

#include <fmt/ostream.h>

#include "apps/client/commands.h"
#include "apps/client/delivery_client.h"
#include "apps/client/delivery_folder.h"
#include "codec/text.h"

namespace narrows::client {
namespace {

using Run = int (*)(const SessionOptions&, const Output&);

std::string connections_of(const codec::Value& session) {
    std::string out;
    const codec::Value* value = session.find("connections");
    const codec::List* list = value == nullptr ? nullptr : value->as<codec::List>();
    for (const codec::Value& each : list == nullptr ? codec::List() : *list) {
        const std::string* name = each.as<std::string>();
        out += (out.empty() ? "" : ",") + (name == nullptr ? std::string("?") : *name);
    }
    return out;
}

void print_line(const Output& to, const codec::Value& session) {
    const auto text = [&](const char* name) { return codec::printable(session.text(name)); };
    fmt::print(to.out, "{}  {}  until {}  {}  {} for {}  {}\n", text("session"),
               session.truth("active") ? paint(to, Paint::green, "active") : "over  ",
               text("expires_at"), codec::printable(connections_of(session)), text("agent"),
               text("principal"), text("task"));
}

/// The gateway counts while it can see; what it has recorded it cannot read.
std::string findings_words(const codec::Value& session) {
    return fmt::format(
        "{} in its answers since the gateway started; which, and all of earlier "
        "starts, only a reviewer's key tells: narrows recording show {} --key FILE",
        session.number("findings"), session.text("session"));
}

/// The sessions of the gateway's answer; refused if that has none.
Result<codec::List> active_sessions(const SessionOptions& options) {
    NARROWS_TRY(const Operator gateway, Operator::make(options.to));
    NARROWS_TRY(const codec::Value answer, gateway.sessions());
    const codec::Value* value = answer.find("sessions");
    const codec::List* list = value == nullptr ? nullptr : value->as<codec::List>();
    if (list == nullptr) {
        return fail(ErrorCode::unavailable, "the gateway's answer has no list of sessions");
    }
    return *list;
}

int over(const SessionOptions& options, const Output& to, const char* verb) {
    const Result<Operator> gateway = Operator::make(options.to);
    if (!gateway) {
        return failed(to, gateway.error());
    }
    const Result<void> done = gateway.value().over(options.session, verb, options.exit_status);
    if (!done) {
        return operator_failed(to, done.error());
    }
    if (to.json) {
        print_json(to, codec::Map{{"session", options.session}, {"ended", true}, {"how", verb}});
    } else {
        fmt::print(to.out, "session {} is over; nothing passes any more\n", options.session);
    }
    return kHeld;
}

Result<identity::Environment> variables_of(const SessionOptions& options,
                                           const StartedSession& session) {
    if (options.folder.empty()) {
        return plain_environment(session);
    }
    NARROWS_TRY(const DeliveryFolder folder, DeliveryFolder::make_kept(options.folder));
    return lay_out(session, folder, this_program());
}

/// From inside the session: what it may do, in the words that decide.
int show_own_session(const Output& to) {
    const Result<Delivery> delivery = read_delivery("");
    if (!delivery) {
        return failed(to, delivery.error());
    }
    const Result<codec::Value> session = fetch_own_session(delivery.value());
    if (!session) {
        return operator_failed(to, session.error());
    }
    if (to.json) {
        print_json(to, session.value());
        return kHeld;
    }
    const auto text = [](const codec::Value& from, const char* name) {
        return codec::printable(from.text(name));
    };
    fmt::print(to.out, "session {} of agent {} until {}\n", text(session.value(), "session"),
               text(session.value(), "agent"), text(session.value(), "expires_at"));
    const codec::Value* value = session.value().find("connections");
    const codec::List* list = value == nullptr ? nullptr : value->as<codec::List>();
    for (const codec::Value& each : list == nullptr ? codec::List() : *list) {
        fmt::print(to.out, "connection {} allows:\n", text(each, "name"));
        for (const std::string_view line : codec::split(each.text("scope"), '\n')) {
            fmt::print(to.out, "  {}\n", codec::printable(line));
        }
    }
    return kHeld;
}

CLI::App* add(CLI::App* to, const char* name, const char* about, Run run, int& exit_code,
              const std::shared_ptr<SessionOptions>& options, const std::shared_ptr<bool>& json) {
    CLI::App* command = to->add_subcommand(name, about);
    add_operator_options(*command, options->to);
    command->add_flag("--json", *json, "one JSON object a line");
    command->callback(
        [run, options, json, &exit_code] { exit_code = run(*options, standard_output(*json)); });
    return command;
}

}  // namespace

int run_session_start(const SessionOptions& options, const Output& to) {
    const Result<Operator> gateway = Operator::make(options.to);
    if (!gateway) {
        return failed(to, gateway.error());
    }
    const Result<codec::Value> answer = gateway.value().start(options.start);
    if (!answer) {
        return operator_failed(to, answer.error());
    }
    const Result<StartedSession> session = parse_started(answer.value());
    if (!session) {
        return failed(to, session.error(), kCannotTell);
    }
    const Result<identity::Environment> variables = variables_of(options, session.value());
    if (!variables) {
        // Best effort: whoever asked did not get the session, and it expires by itself.
        (void)gateway.value().over(session.value().session, "end", std::nullopt);
        return failed(to, variables.error());
    }
    if (!to.json) {
        to.out << shell_exports(variables.value()) << std::flush;
        return kHeld;
    }
    codec::Value line = answer.value();
    codec::Map environment;
    for (const auto& [name, value] : variables.value().set) {
        environment.emplace(name, value);
    }
    line.as<codec::Map>()->emplace("environment", std::move(environment));
    print_json(to, line);
    return kHeld;
}

int run_session_end(const SessionOptions& options, const Output& to) {
    return over(options, to, "end");
}

int run_session_kill(const SessionOptions& options, const Output& to) {
    return over(options, to, "kill");
}

int run_session_list(const SessionOptions& options, const Output& to) {
    const Result<codec::List> sessions = active_sessions(options);
    if (!sessions) {
        return operator_failed(to, sessions.error());
    }
    for (const codec::Value& session : sessions.value()) {
        if (to.json) {
            print_json(to, session);
        } else {
            print_line(to, session);
        }
    }
    if (sessions.value().empty() && !to.json) {
        fmt::print(to.err, "no session is active; `narrows recording list` has those that were\n");
    }
    return kHeld;
}

int run_session_show(const SessionOptions& options, const Output& to) {
    const char* own = std::getenv("NARROWS_SESSION");
    if (own != nullptr && (options.session.empty() || options.session == own)) {
        return show_own_session(to);
    }
    if (options.session.empty()) {
        return failed(to,
                      {ErrorCode::invalid, "say which session; `narrows session list` has them"});
    }
    const Result<codec::List> sessions = active_sessions(options);
    if (!sessions) {
        return operator_failed(to, sessions.error());
    }
    for (const codec::Value& session : sessions.value()) {
        if (session.text("session") != options.session) {
            continue;
        }
        if (to.json) {
            print_json(to, session);
            return kHeld;
        }
        const auto line = [&](const char* name, const std::string& text) {
            fmt::print(to.out, "{:<12} {}\n", name, codec::printable(text));
        };
        line("session", session.text("session"));
        line("agent", session.text("agent"));
        line("for", session.text("principal"));
        line("task", session.text("task"));
        line("connections", connections_of(session));
        line("started", session.text("started_at"));
        line("until", session.text("expires_at"));
        line("active", session.truth("active") ? "yes" : "no");
        line("findings", findings_words(session));
        return kHeld;
    }
    return failed(to,
                  {ErrorCode::not_found,
                   fmt::format("session {} is not active on this gateway; what it did is on "
                               "record: narrows recording show {} --config narrows.toml",
                               options.session, options.session)},
                  kWanting);
}

void register_session(CLI::App& app, int& exit_code) {
    const auto options = std::make_shared<SessionOptions>();
    const auto json = std::make_shared<bool>(false);
    CLI::App* session = app.add_subcommand("session", "start, see and end sessions");
    session->require_subcommand(1);
    CLI::App* start = add(session, "start", "a session's variables for a shell (eval) or as JSON",
                          run_session_start, exit_code, options, json);
    add_agent_options(*start, options->to);
    add_start_options(*start, options->start);
    start->add_option("--folder", options->folder,
                      "made new, for certificates and profiles; without it no proxy mode");
    CLI::App* end = add(session, "end", "end a session", run_session_end, exit_code, options, json);
    end->add_option("--exit-status", options->exit_status, "of the work, for the record");
    add(session, "list", "the active sessions", run_session_list, exit_code, options, json);
    CLI::App* show =
        add(session, "show", "an active session", run_session_show, exit_code, options, json);
    CLI::App* kill = add(session, "kill", "end a session against its will", run_session_kill,
                         exit_code, options, json);
    register_presign(*session, exit_code);
    for (CLI::App* command : {end, kill}) {
        command->add_option("session", options->session, "the session's id")->required();
    }
    show->add_option("session", options->session, "its id; inside a session, else its own");
}

}  // namespace narrows::client
