#include <cstdlib>
#include <memory>

#include <fmt/format.h>

#include "apps/client/commands.h"
#include "apps/client/http_client.h"
#include "codec/json.h"
#include "codec/text.h"

namespace narrows::client {
namespace {

constexpr std::size_t kDeliveryMax = 16 * 1024;
constexpr std::size_t kAnswerMax = 64 * 1024;

struct Delivery {
    std::string url;  ///< "http://127.0.0.1:8400/.narrows/credentials"
    std::string token;
};

Result<Delivery> delivery_of(const CredentialsOptions& options) {
    Delivery delivery;
    if (options.delivery_file.empty()) {
        const char* url = std::getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
        const char* token = std::getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN");
        delivery = {url == nullptr ? "" : url, token == nullptr ? "" : token};
    } else {
        NARROWS_TRY(const std::string text, read_text(options.delivery_file, kDeliveryMax));
        NARROWS_TRY(const codec::Value value, codec::json_decode(text));
        delivery = {value.text("credentials_url"), value.text("authorization_token")};
    }
    if (delivery.url.empty() || delivery.token.empty()) {
        return fail(ErrorCode::invalid,
                    "this is not inside a session: AWS_CONTAINER_CREDENTIALS_FULL_URI and "
                    "AWS_CONTAINER_AUTHORIZATION_TOKEN are not set; start it with `narrows run`");
    }
    return delivery;
}

Result<codec::Value> fetch(const Delivery& delivery, const std::string& connection) {
    const std::size_t scheme = delivery.url.find("://");
    const std::size_t path =
        scheme == std::string::npos ? scheme : delivery.url.find('/', scheme + 3);
    if (path == std::string::npos) {
        return fail(ErrorCode::invalid, "the credentials URL has no path; start a new session");
    }
    NARROWS_TRY(upstream::Target target,
                upstream::parse_endpoint_url(std::string_view(delivery.url).substr(0, path)));
    const std::string below = connection.empty() ? "" : "/" + codec::percent_encode(connection);
    upstream::FetchRequest request;
    request.head = {"GET",
                    delivery.url.substr(path) + below,
                    {{"Host", target.authority()}, {"Authorization", delivery.token}}};
    request.target = std::move(target);
    request.response_bytes_max = kAnswerMax;
    NARROWS_TRY(const auto client, HttpClient::make());
    NARROWS_TRY(const upstream::FetchResponse response, client->fetch(request));
    NARROWS_TRY(codec::Value answer, codec::json_decode(response.body.text()));
    if (response.head.status != 200) {
        return fail(ErrorCode::denied, "the gateway gives no credentials: " +
                                           answer.text("message", "it did not say why"));
    }
    return answer;
}

}  // namespace

int run_credentials(const CredentialsOptions& options, const Output& to) {
    const Result<Delivery> delivery = delivery_of(options);
    if (!delivery) {
        return failed(to, delivery.error());
    }
    const Result<codec::Value> answer = fetch(delivery.value(), options.connection);
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
        [options, &exit_code] { exit_code = run_credentials(*options, standard_output(true)); });
}

}  // namespace narrows::client
