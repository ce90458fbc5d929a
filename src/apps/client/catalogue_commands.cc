#include <algorithm>
#include <memory>
#include <set>

#include <fmt/ostream.h>

#include "apps/client/commands.h"
#include "protocols/aws/catalogue/catalogue.h"
#include "protocols/aws/decode/swap.h"

namespace narrows::client {
namespace {

/// How far the catalogue reaches, counted over its operations.
struct Coverage {
    std::uint64_t with_action = 0;
    std::uint64_t with_types = 0;  ///< asked on named resources
    std::uint64_t bound = 0;       ///< of these, every hole of every ARN has what fills it
    std::uint64_t with_keys = 0;
    std::uint64_t with_secrets = 0;
    std::uint64_t returns_credentials = 0;
};

/// Every hole is filled, by a parameter or the connection; one without a name is the whole ARN.
bool is_bound(aws::ResourceRule rule) {
    std::set<std::string_view> filled = {"Partition", "Region", "Account"};
    for (const aws::Hole hole : rule.holes()) filled.insert(hole.name());
    const std::string_view arn = rule.arn();
    bool all = true;
    for (std::size_t at = arn.find("${"); at != std::string_view::npos;
         at = arn.find("${", at + 1)) {
        all &= filled.contains(arn.substr(at + 2, arn.find('}', at) - at - 2));
    }
    return all || filled.contains("");
}

/// Keys that a parameter may fill.
bool has_keys(aws::AccessRule access) {
    const auto rules = access.conditions();
    return std::any_of(rules.begin(), rules.end(), [](aws::ConditionRule rule) {
        return rule.from() != aws::ConditionFrom::absent;
    });
}

void count(aws::Operation operation, Coverage& to) {
    bool types = false;
    bool bound = true;
    bool keys = false;
    for (const aws::AccessRule access : operation.accesses()) {
        keys |= has_keys(access);
        for (const aws::ResourceRule rule : access.resources()) {
            types |= rule.arn() != "*";
            bound &= rule.arn() == "*" || is_bound(rule);
        }
    }
    to.with_action += operation.no_action() ? 0 : 1;
    to.with_types += types ? 1 : 0;
    to.bound += types && bound ? 1 : 0;
    to.with_keys += keys ? 1 : 0;
    to.with_secrets +=
        operation.secret_inputs().empty() && operation.secret_outputs().empty() ? 0 : 1;
    to.returns_credentials += operation.returns_credentials() ? 1 : 0;
}

}  // namespace

int run_catalogue_info(const Output& to) {
    const aws::Catalogue& catalogue = aws::Catalogue::embedded();
    const aws::Info info = catalogue.info();
    Coverage coverage;
    for (const aws::Service service : catalogue.services()) {
        for (const aws::Operation operation : service.operations()) count(operation, coverage);
    }
    codec::List more;
    for (const std::string_view model : info.more_models) more.emplace_back(model);
    const codec::Map line{{"models_version", info.models_version},
                          {"more_models", more},
                          {"iam_data_version", info.iam_data_version},
                          {"digest", info.digest},
                          {"services", std::uint64_t{info.services}},
                          {"operations", std::uint64_t{info.operations}},
                          {"actions", std::uint64_t{info.actions}},
                          {"with_action", coverage.with_action},
                          {"with_typed_resources", coverage.with_types},
                          {"all_resources_bound", coverage.bound},
                          {"with_condition_keys", coverage.with_keys},
                          {"with_secret_values", coverage.with_secrets},
                          {"return_credentials", coverage.returns_credentials}};
    if (to.json) {
        print_json(to, line);
        return kHeld;
    }
    fmt::print(to.out, "service models   botocore {}\n", info.models_version);
    for (const std::string_view model : info.more_models) {
        fmt::print(to.out, "                 {}\n", model);
    }
    fmt::print(to.out, "IAM data         iam-data {}\n", info.iam_data_version);
    fmt::print(to.out, "digest           {}\n", info.digest);
    fmt::print(to.out, "services         {}\noperations       {}\nIAM actions      {}\n",
               info.services, info.operations, info.actions);
    fmt::print(to.out, "operations with an IAM action              {}\n", coverage.with_action);
    fmt::print(to.out, "  that ask for named resources             {}\n", coverage.with_types);
    fmt::print(to.out, "    all of which the request names         {}\n", coverage.bound);
    fmt::print(to.out, "  with condition keys from the request     {}\n", coverage.with_keys);
    fmt::print(to.out, "  with secret values                       {}\n", coverage.with_secrets);
    fmt::print(to.out, "  that answer with credentials             {}\n",
               coverage.returns_credentials);
    return kHeld;
}

/// Every operation that answers with credentials, tokens or signed URLs, and what is done with it.
int run_catalogue_credentials(const Output& to) {
    for (const aws::Service service : aws::Catalogue::embedded().services()) {
        for (const aws::Operation operation : service.operations()) {
            if (!operation.returns_credentials()) continue;
            const bool swapped = aws::swaps_credentials(operation);
            const std::string_view why =
                swapped ? "the agent gets the gateway's in their place" : aws::why_never(operation);
            if (to.json) {
                print_json(to, codec::Map{{"service", service.id()},
                                          {"operation", operation.name()},
                                          {"swapped", swapped},
                                          {"why", why}});
            } else {
                fmt::print(to.out, "{:<8} {}:{}\n", swapped ? "swapped" : "denied", service.id(),
                           operation.name());
            }
        }
    }
    return kHeld;
}

void register_catalogue(CLI::App& app, int& exit_code) {
    const auto json = std::make_shared<bool>(false);
    CLI::App* catalogue = app.add_subcommand("catalogue", "what this program knows of AWS");
    catalogue->require_subcommand(1);
    CLI::App* info = catalogue->add_subcommand("info", "versions of the models, and coverage");
    info->add_flag("--json", *json, "one JSON object");
    info->callback([json, &exit_code] { exit_code = run_catalogue_info(standard_output(*json)); });
    CLI::App* credentials = catalogue->add_subcommand(
        "credentials", "operations that answer with credentials: swapped, or denied");
    credentials->add_flag("--json", *json, "one JSON object a line");
    credentials->callback(
        [json, &exit_code] { exit_code = run_catalogue_credentials(standard_output(*json)); });
}

}  // namespace narrows::client
