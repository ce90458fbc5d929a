#include <memory>

#include "apps/client/commands.h"
#include "apps/client/delivery_client.h"

namespace narrows::client {

int run_credentials(const CredentialsOptions& options, const Output& to) {
    const Result<Delivery> delivery = read_delivery(options.delivery_file);
    if (!delivery) {
        return failed(to, delivery.error());
    }
    const Result<codec::Value> answer = fetch_credentials(delivery.value(), options.connection);
    if (!answer) {
        return failed(to, answer.error(), kCannotTell);
    }
    if (options.container) {
        print_json(to, answer.value());
        return kHeld;
    }
    print_json(to, codec::Map{{"Version", 1},
                              {"AccessKeyId", answer.value().text("AccessKeyId")},
                              {"SecretAccessKey", answer.value().text("SecretAccessKey")},
                              {"SessionToken", answer.value().text("Token")},
                              {"Expiration", answer.value().text("Expiration")}});
    return kHeld;
}

void register_credentials(CLI::App& app, int& exit_code) {
    const auto options = std::make_shared<CredentialsOptions>();
    CLI::App* command = app.add_subcommand(
        "credentials", "inside a session: its credentials, as credential_process wants them");
    command->add_option("--connection", options->connection, "else the session's first");
    command->add_option("--delivery-file", options->delivery_file,
                        "where the session's token is; else the AWS_CONTAINER_… variables");
    command->add_flag("--container", options->container,
                      "in the form of a container credentials endpoint");
    command->callback(
        [options, &exit_code] { exit_code = run_credentials(*options, standard_output(false)); });
}

}  // namespace narrows::client
