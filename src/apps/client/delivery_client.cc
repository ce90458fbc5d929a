#include "apps/client/delivery_client.h"

#include <cstdlib>

#include "apps/client/output.h"
#include "codec/json.h"
#include "codec/text.h"
#include "gateway/own_loop_fetch.h"

namespace narrows::client {
namespace {

constexpr std::size_t kDeliveryMax = 16 * 1024;
constexpr std::size_t kAnswerMax = 2 * 1024 * 1024;
constexpr std::string_view kCredentials = "/credentials";

Result<codec::Value> ask(const Delivery& delivery, const std::string& url) {
    const std::size_t scheme = url.find("://");
    const std::size_t path = scheme == std::string::npos ? scheme : url.find('/', scheme + 3);
    if (path == std::string::npos) {
        return fail(ErrorCode::invalid, "the credentials URL has no path; start a new session");
    }
    NARROWS_TRY(upstream::Target target,
                upstream::parse_endpoint_url(std::string_view(url).substr(0, path)));
    upstream::FetchRequest request;
    request.head = {
        "GET", url.substr(path), {{"Host", target.authority()}, {"Authorization", delivery.token}}};
    request.target = std::move(target);
    request.response_bytes_max = kAnswerMax;
    NARROWS_TRY(const auto client, gateway::Fetches().for_ca(""));
    NARROWS_TRY(const upstream::FetchResponse response, client->fetch(request));
    NARROWS_TRY(codec::Value answer, codec::json_decode(response.body.text()));
    if (response.head.status != 200) {
        return fail(ErrorCode::denied,
                    "the gateway says no: " + answer.text("message", "it did not say why"));
    }
    return answer;
}

}  // namespace

Result<Delivery> read_delivery(const std::string& file) {
    Delivery delivery;
    if (file.empty()) {
        const char* url = std::getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
        const char* token = std::getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN");
        delivery = {url == nullptr ? "" : url, token == nullptr ? "" : token};
    } else {
        NARROWS_TRY(const std::string text, read_text(file, kDeliveryMax));
        NARROWS_TRY(const codec::Value value, codec::json_decode(text));
        delivery = {value.text("credentials_url"), value.text("authorization_token")};
    }
    if (!delivery.url.ends_with(kCredentials) || delivery.token.empty()) {
        return fail(ErrorCode::invalid,
                    "this is not inside a session: AWS_CONTAINER_CREDENTIALS_FULL_URI and "
                    "AWS_CONTAINER_AUTHORIZATION_TOKEN are not set by Narrows; start it with "
                    "`narrows run`");
    }
    return delivery;
}

Result<codec::Value> fetch_credentials(const Delivery& delivery, const std::string& connection) {
    const std::string below = connection.empty() ? "" : "/" + codec::percent_encode(connection);
    return ask(delivery, delivery.url + below);
}

Result<codec::Value> fetch_own_session(const Delivery& delivery) {
    const std::string base = delivery.url.substr(0, delivery.url.size() - kCredentials.size());
    return ask(delivery, base + "/session");
}

}  // namespace narrows::client
