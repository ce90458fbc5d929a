#include <memory>

#include <fmt/ostream.h>
#include <fmt/ranges.h>

#include "apps/client/commands.h"
#include "apps/client/connection_terms.h"
#include "codec/json.h"
#include "codec/text.h"
#include "gateway/own_loop_fetch.h"
#include "identity/registry.h"
#include "policy/iam.h"

namespace narrows::client {
namespace {

/// The agents that a grant lets use the connection.
std::vector<std::string> agents_of(const gateway::Config& config, const std::string& connection) {
    std::vector<std::string> out;
    for (const identity::Grant& grant : config.grants) {
        for (const std::string& each : grant.connections) {
            if (each == connection) out.push_back(grant.agent);
        }
    }
    return out;
}

codec::Value json_of(const gateway::Config& config, const gateway::Connection& connection) {
    const std::vector<std::string> agents = agents_of(config, connection.name);
    codec::List egress;
    for (const gateway::EgressRule& rule : connection.egress) {
        egress.emplace_back(fmt::format("{}:{}", rule.host, rule.port));
    }
    return codec::Map{
        {"name", connection.name},
        {"type", connection.type},
        {"account", connection.account},
        {"partition", connection.partition},
        {"regions", codec::List(connection.regions.begin(), connection.regions.end())},
        {"role_arn", connection.role_arn},
        {"scope", connection.scope.path},
        {"scope_sha256", codec::hex(connection.scope.sha256)},
        {"endpoint", connection.endpoint},
        {"egress", std::move(egress)},
        {"unsigned",
         codec::List(connection.unsigned_operations.begin(), connection.unsigned_operations.end())},
        {"agents", codec::List(agents.begin(), agents.end())}};
}

struct Found {
    gateway::Config config;
    const gateway::Connection* connection = nullptr;
};
Result<std::unique_ptr<Found>> find(const ConnectionOptions& options) {
    auto found = std::make_unique<Found>();
    NARROWS_TRY(found->config, gateway::load_config(options.config));
    found->connection = found->config.connection(options.name);
    if (found->connection == nullptr) {
        return fail(ErrorCode::not_found,
                    fmt::format("{} has no connection {}; `narrows connection list --config {}` "
                                "names them",
                                options.config, options.name, options.config));
    }
    return found;
}

policy::RoleRequest role_request(const gateway::Connection& connection,
                                 const ConnectionOptions& options) {
    const std::string account =
        fmt::format("arn:{}:iam::{}:role/", connection.partition, connection.account);
    policy::RoleRequest request{connection.role_arn, options.gateway_role, connection.external_id,
                                options.administrators};
    if (request.role_arn.empty()) request.role_arn = account + "narrows-" + connection.name;
    if (request.gateway_role_arn.empty()) request.gateway_role_arn = account + "narrows-gateway";
    if (request.administrators.empty()) {
        request.administrators = {
            fmt::format("arn:{}:iam::*:role/OrganizationAccountAccessRole", connection.partition)};
    }
    return request;
}

void print_documents(const ConnectionOptions& options, const policy::RoleRequest& request,
                     const policy::RoleDocuments& documents, const Output& to) {
    if (options.format == "json") {
        print_json(to, policy::json_of(request, documents));
    } else {
        to.out << (options.format == "terraform" ? policy::terraform_of(request, documents)
                                                 : policy::cloudformation_of(request, documents))
               << std::flush;
    }
}

void print_assumed(const Output& to, const gateway::Connection& connection, const Trial& trial) {
    const upstream::AssumedRole& role = *trial.assumed;
    if (to.json) {
        print_json(
            to, codec::Map{{"connection", connection.name},
                           {"held", true},
                           {"credentials", trial.source},
                           {"role", role.assumed_role_arn},
                           {"expires_at", rfc3339(role.expires_at)},
                           {"request_id", role.request_id},
                           {"session_policy_characters", std::uint64_t{trial.session_policy_size}},
                           {"gateway_only",
                            codec::List(trial.gateway_only.begin(), trial.gateway_only.end())},
                           {"packed_policy_percent", role.packed_policy_percent}});
        return;
    }
    fmt::print(to.out, "{}: the gateway's host can assume the role, with session policy and tags\n",
               paint(to, Paint::green, "held"));
    fmt::print(to.out, "  credentials     {}\n", codec::printable(trial.source));
    fmt::print(to.out, "  role            {}\n", codec::printable(role.assumed_role_arn));
    fmt::print(to.out, "  until           {}\n", rfc3339(role.expires_at));
    fmt::print(to.out, "  session policy  {} characters; {} % of what AWS packs\n",
               trial.session_policy_size, role.packed_policy_percent);
    for (const std::string& note : trial.gateway_only) {
        fmt::print(to.out, "  gateway only    {}\n", codec::printable(note));
    }
}

int trial_failed(const Output& to, const gateway::Connection& connection, const Trial& trial) {
    if (to.json) {
        print_json(to, codec::Map{{"connection", connection.name},
                                  {"held", false},
                                  {"what", trial.what},
                                  {"do", trial.remedy}});
    } else {
        fmt::print(to.out, "{}: {}\n  {}\n", paint(to, Paint::red, "not held"),
                   codec::printable(trial.what), codec::printable(trial.remedy));
    }
    return trial.could_not_tell ? kCannotTell : kWanting;
}

using Run = int (*)(const ConnectionOptions&, const Output&);

CLI::App* add(CLI::App* to, const char* name, const char* about, Run run, int& exit_code,
              const std::shared_ptr<ConnectionOptions>& options,
              const std::shared_ptr<bool>& json) {
    CLI::App* command = to->add_subcommand(name, about);
    command->add_option("--config", options->config, "narrows.toml")->required();
    command->add_flag("--json", *json, "one JSON object a line");
    command->callback(
        [run, options, json, &exit_code] { exit_code = run(*options, standard_output(*json)); });
    return command;
}

}  // namespace

int run_connection_list(const ConnectionOptions& options, const Output& to) {
    const Result<gateway::Config> config = gateway::load_config(options.config);
    if (!config) {
        return failed(to, config.error());
    }
    for (const gateway::Connection& each : config.value().connections) {
        if (to.json) {
            print_json(to, json_of(config.value(), each));
            continue;
        }
        fmt::print(to.out, "{}  {} {} {}  {}  scope {}  for {}\n",
                   paint(to, Paint::bold, each.name), each.type, each.account,
                   fmt::join(each.regions, ","),
                   each.role_arn.empty() ? "no role: the host's own credentials" : each.role_arn,
                   each.scope.path, fmt::join(agents_of(config.value(), each.name), ","));
    }
    return kHeld;
}

int run_connection_check(const ConnectionOptions& options, const Output& to) {
    const auto found = find(options);
    if (!found) {
        return failed(to, found.error());
    }
    const gateway::Connection& connection = *found.value()->connection;
    const auto client = gateway::Fetches().for_ca("");
    if (!client) {
        return failed(to, client.error(), kCannotTell);
    }
    const Trial trial = try_connection(*client.value(), connection, options.config);
    if (!trial.assumed) {
        return trial_failed(to, connection, trial);
    }
    print_assumed(to, connection, trial);
    return kHeld;
}

int run_connection_iam(const ConnectionOptions& options, const Output& to) {
    const auto found = find(options);
    if (!found) {
        return failed(to, found.error());
    }
    const gateway::Connection& connection = *found.value()->connection;
    const Result<policy::Scope> scope = policy::Scope::parse(connection.scope.text);
    if (!scope) {
        return failed(to, {scope.error().code, connection.scope.path + ": " + scope.error().what});
    }
    const policy::RoleRequest request = role_request(connection, options);
    if (options.gateway_role.empty()) {
        fmt::print(to.err, "narrows: --gateway-role was not given; {} stands for it\n",
                   request.gateway_role_arn);
    }
    const policy::RoleDocuments documents = policy::role_documents(scope.value(), request);
    for (const std::string& note : documents.notes) {
        fmt::print(to.err, "narrows: {}\n", codec::printable(note));
    }
    print_documents(options, request, documents, to);
    return kHeld;
}

void register_connection(CLI::App& app, int& exit_code) {
    const auto options = std::make_shared<ConnectionOptions>();
    const auto json = std::make_shared<bool>(false);
    CLI::App* connection = app.add_subcommand("connection", "the ways to resources");
    connection->require_subcommand(1);
    add(connection, "list", "the connections of a configuration", run_connection_list, exit_code,
        options, json);
    CLI::App* check = add(connection, "check", "one real AssumeRole with session policy and tags",
                          run_connection_check, exit_code, options, json);
    CLI::App* iam =
        add(connection, "iam", "the role, its boundary and the policies around it, to create",
            run_connection_iam, exit_code, options, json);
    for (CLI::App* command : {check, iam}) {
        command->add_option("name", options->name, "the connection")->required();
    }
    iam->add_option("--format", options->format, "json, cloudformation or terraform")
        ->check(CLI::IsMember({"json", "cloudformation", "terraform"}));
    iam->add_option("--administrator", options->administrators,
                    "ARN, wildcards taken, of who may still change roles and trails; may be given "
                    "several times")
        ->allow_extra_args(false);
    iam->add_option("--gateway-role", options->gateway_role,
                    "ARN of the role that the gateway's host has");
}

}  // namespace narrows::client
