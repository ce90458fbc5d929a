#include "apps/client/doctor.h"

#include <algorithm>
#include <memory>

#include <fmt/ostream.h>

#include "apps/client/commands.h"
#include "codec/text.h"
#include "gateway/own_loop_fetch.h"

namespace narrows::client {
namespace {

void print(const Output& to, const Check& check) {
    if (to.json) {
        print_json(to, codec::Map{{"health", name_of(check.health)},
                                  {"subject", check.subject},
                                  {"what", check.what},
                                  {"why", check.why},
                                  {"do", check.remedy}});
        return;
    }
    const Paint colour = check.health == Health::good  ? Paint::green
                         : check.health == Health::bad ? Paint::red
                                                       : Paint::yellow;
    fmt::print(to.out, "{} {}: {}\n",
               paint(to, colour, fmt::format("{:<7}", name_of(check.health))),
               codec::printable(check.subject), codec::printable(check.what));
    if (check.health != Health::good) {
        fmt::print(to.out, "        why: {}\n        do:  {}\n", codec::printable(check.why),
                   codec::printable(check.remedy));
    }
}

int exit_code_of(const Checks& checks) {
    const auto any = [&](Health health) {
        return std::any_of(checks.begin(), checks.end(),
                           [&](const Check& check) { return check.health == health; });
    };
    return any(Health::bad) ? kWanting : any(Health::unknown) ? kCannotTell : kHeld;
}

Checks check_host(const std::string& path, upstream::HttpFetch& fetch) {
    Checks checks;
    const Result<gateway::Config> config = gateway::load_config(path);
    if (!config) {
        checks.push_back({Health::bad, "configuration", config.error().what,
                          "The gateway does not start with it", "Correct it, then run this again"});
        return checks;
    }
    checks.push_back({Health::good, "configuration", path + " is consistent", "", ""});
    check_scopes(config.value(), checks);
    check_data_dir(config.value(), checks);
    check_key_files(config.value(), checks);
    check_processes(config.value(), checks);
    check_ca(config.value(), checks);
    check_anchors(config.value(), checks);
    check_ports(config.value(), fetch, checks);
    check_connections(config.value(), fetch, checks);
    return checks;
}

}  // namespace

const char* name_of(Health health) {
    switch (health) {
        case Health::good:
            return "good";
        case Health::odd:
            return "odd";
        case Health::bad:
            return "bad";
        case Health::unknown:
            return "unknown";
    }
    return "unknown";
}

int run_doctor(const DoctorOptions& options, const Output& to) {
    if (options.config.empty() != options.in_sandbox) {
        return failed(to, {ErrorCode::invalid,
                           "say where: --config narrows.toml on the gateway's host, --in-sandbox "
                           "where an agent works"});
    }
    const auto client = gateway::Fetches().for_ca("");
    if (!client) {
        return failed(to, client.error(), kCannotTell);
    }
    Checks checks;
    if (options.in_sandbox) {
        check_sandbox(*client.value(), checks);
    } else {
        checks = check_host(options.config, *client.value());
    }
    for (const Check& check : checks) {
        print(to, check);
    }
    return exit_code_of(checks);
}

void register_doctor(CLI::App& app, int& exit_code) {
    const auto options = std::make_shared<DoctorOptions>();
    const auto json = std::make_shared<bool>(false);
    CLI::App* command =
        app.add_subcommand("doctor", "what is missing, what leaks past the boundary");
    command->add_option("--config", options->config, "narrows.toml, on the gateway's host");
    command->add_flag("--in-sandbox", options->in_sandbox, "look from where an agent works");
    command->add_flag("--json", *json, "one JSON object a line");
    command->callback(
        [options, json, &exit_code] { exit_code = run_doctor(*options, standard_output(*json)); });
}

}  // namespace narrows::client
