#include "identity/delivery.h"

#include <algorithm>
#include <array>

#include "codec/json.h"
#include "codec/text.h"

namespace narrows::identity {
namespace {

using Variables = std::map<std::string, std::string>;

/// What would lead an SDK to other credentials, another endpoint or past the proxy. Those that
/// environment() sets are in `set`, which comes after.
constexpr std::array kUnset = {
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_SIGV4A_SIGNING_REGION_SET",
    "AWS_AUTH_SCHEME_PREFERENCE",
    "AWS_ENDPOINT_URL",
    "ALL_PROXY",
    "all_proxy",
};
constexpr std::array kUnsetPrefixes = {"AWS_ENDPOINT_URL_", "AWS_BEARER_TOKEN_"};

void set_if(Variables& to, std::initializer_list<const char*> names, const std::string& value) {
    if (value.empty()) return;
    for (const char* name : names) {
        to[name] = value;
    }
}

/// The host of scheme://host:port, an IPv6 literal without its brackets.
std::string host_of(std::string_view url) {
    const std::size_t scheme = url.find("://");
    url.remove_prefix(scheme == std::string_view::npos ? 0 : scheme + 3);
    url = url.substr(0, url.find('/'));
    if (url.starts_with('[')) {
        return std::string(url.substr(1, url.find(']') - 1));
    }
    return std::string(url.substr(0, url.find(':')));
}

void set_credentials(Variables& to, const DeliveryInput& input) {
    set_if(to, {"AWS_CONTAINER_CREDENTIALS_FULL_URI"}, input.container_url);
    set_if(to, {"AWS_CONTAINER_AUTHORIZATION_TOKEN"}, input.authorization_token);
    if (input.keys != nullptr) {
        to["AWS_ACCESS_KEY_ID"] = input.keys->access_key_id;
        to["AWS_SECRET_ACCESS_KEY"] = std::string(input.keys->secret_access_key.text());
        to["AWS_SESSION_TOKEN"] = input.keys->session_token;
    }
    // The caller's own files would come before the container's credentials in every SDK's chain.
    to["AWS_CONFIG_FILE"] = input.config_path.empty() ? "/dev/null" : input.config_path;
    to["AWS_SHARED_CREDENTIALS_FILE"] = "/dev/null";
    to["AWS_EC2_METADATA_DISABLED"] = "true";
}

void set_proxy(Variables& to, const DeliveryInput& input) {
    if (input.proxy_url.empty()) return;
    std::string url = input.proxy_url;
    const std::size_t at = url.find("://");
    if (!input.proxy_user.empty() && at != std::string::npos) {
        url.insert(at + 3, codec::percent_encode(input.proxy_user) + ":" +
                               codec::percent_encode(input.proxy_token) + "@");
    }
    set_if(to, {"HTTPS_PROXY", "https_proxy"}, url);
    std::string direct = "localhost,127.0.0.1,::1";
    for (const std::string& address : {input.endpoint_url, input.proxy_url, input.container_url}) {
        const std::string host = host_of(address);
        const bool known = ("," + direct + ",").find("," + host + ",") != std::string::npos;
        if (!host.empty() && !known) direct += "," + host;
    }
    set_if(to, {"NO_PROXY", "no_proxy"}, direct);
    // Node's fetch heeds the proxy variables only if told so; its AWS SDK uses the endpoint.
    to["NODE_USE_ENV_PROXY"] = "1";
}

void set_trust(Variables& to, const DeliveryInput& input) {
    // These replace a runtime's roots, so the bundle holds the system's roots too.
    set_if(to,
           {"AWS_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
            "GIT_SSL_CAINFO", "PIP_CERT", "CARGO_HTTP_CAINFO", "NIX_SSL_CERT_FILE"},
           input.ca_bundle_path);
    // These add to a runtime's roots.
    set_if(to, {"NODE_EXTRA_CA_CERTS", "DENO_CERT"}, input.ca_path);
}

void set_switches(Variables& to, const DeliveryInput& input) {
    set_if(to, {"AWS_REGION", "AWS_DEFAULT_REGION"}, input.region);
    set_if(to, {"AWS_ENDPOINT_URL"}, input.endpoint_url);
    set_if(to, {"AWS_SDK_UA_APP_ID", "NARROWS_SESSION"}, input.session);
    to["AWS_DISABLE_HOST_PREFIX_INJECTION"] = "true";
    to["AWS_S3_DISABLE_EXPRESS_SESSION_AUTH"] = "true";
    to["AWS_ACCOUNT_ID_ENDPOINT_MODE"] = "disabled";
}

codec::Map credentials_map(const Credentials& credentials, const char* token_name) {
    return {{"AccessKeyId", credentials.access_key_id},
            {"SecretAccessKey", credentials.secret_access_key.text()},
            {token_name, credentials.session_token},
            {"Expiration", rfc3339(credentials.expires)}};
}

bool is_one_line(std::string_view text) {
    return std::none_of(text.begin(), text.end(),
                        [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

}  // namespace

std::string container_credentials_json(const Credentials& credentials) {
    return codec::json_encode(credentials_map(credentials, "Token"));
}

std::string credential_process_json(const Credentials& credentials) {
    codec::Map map = credentials_map(credentials, "SessionToken");
    map.emplace("Version", 1);
    return codec::json_encode(map);
}

bool Environment::drops(std::string_view name) const {
    return std::find(unset.begin(), unset.end(), name) != unset.end() ||
           std::any_of(unset_prefixes.begin(), unset_prefixes.end(),
                       [&](const std::string& prefix) { return name.starts_with(prefix); });
}

Environment environment(const DeliveryInput& input) {
    Environment out;
    out.unset.assign(kUnset.begin(), kUnset.end());
    out.unset_prefixes.assign(kUnsetPrefixes.begin(), kUnsetPrefixes.end());
    set_switches(out.set, input);
    set_credentials(out.set, input);
    set_proxy(out.set, input);
    set_trust(out.set, input);
    return out;
}

Result<std::string> profiles_text(const std::vector<Profile>& profiles,
                                  std::string_view endpoint_url, std::string_view ca_bundle_path) {
    std::string text;
    const auto line = [&](std::string_view key, std::string_view value) {
        if (!value.empty()) text.append(key).append(" = ").append(value).append("\n");
    };
    const auto section = [&](const std::string& title, const Profile& profile) {
        text += "[" + title + "]\n";
        line("region", profile.region);
        line("endpoint_url", endpoint_url);
        line("ca_bundle", ca_bundle_path);
        line("credential_process", profile.credential_process);
        line("account_id_endpoint_mode", "disabled");
        line("disable_host_prefix_injection", "true");
        text += "\n";
    };
    for (const Profile& profile : profiles) {
        const bool plain =
            is_one_line(profile.name + profile.region + profile.credential_process) &&
            profile.name.find(']') == std::string::npos && !profile.name.empty();
        if (!plain) {
            return fail(ErrorCode::invalid,
                        "a profile's name, region or command does not fit on a line of an AWS "
                        "configuration file");
        }
        if (&profile == &profiles.front()) section("default", profile);
        section("profile " + profile.name, profile);
    }
    if (!is_one_line(endpoint_url) || !is_one_line(ca_bundle_path)) {
        return fail(ErrorCode::invalid, "the endpoint or CA bundle does not fit on one line");
    }
    return text;
}

}  // namespace narrows::identity
