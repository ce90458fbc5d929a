#include <algorithm>

#include "codec/json.h"
#include "codec/text.h"
#include "protocols/aws/upstream/sources.h"

namespace narrows::upstream {
namespace {

constexpr std::int64_t kMetadataTimeout_ms = 2000;
constexpr std::string_view kEcsHost = "http://169.254.170.2";
constexpr std::string_view kMetadataUrl = "http://169.254.169.254";

/// Moves a text member into a Secret and wipes what it came from.
Secret take_secret(codec::Value& document, std::string_view name) {
    auto* map = document.as<codec::Map>();
    if (map == nullptr) return Secret();
    const auto found = map->find(name);
    if (found == map->end()) return Secret();
    auto* text = found->second.as<std::string>();
    if (text == nullptr) return Secret();
    Secret out{std::string_view(*text)};
    wipe(text->data(), text->size());
    return out;
}

std::optional<WallNs> parse_expiration(std::string_view text) {
    std::string iso;
    for (const char c : text) {
        if (c != '-' && c != ':') iso.push_back(c);
    }
    return sigv4::parse_iso_basic(iso);
}

/// The document that ECS, EKS Pod Identity and IMDS share.
Found read_document(const FetchResponse& response, std::string source) {
    auto decoded = codec::json_decode(response.body.text());
    if (!decoded) {
        return fail(ErrorCode::invalid, source + " answered with something else than JSON");
    }
    codec::Value& document = decoded.value();
    HostCredentials out;
    out.credentials.access_key_id = document.text("AccessKeyId");
    out.credentials.secret_access_key = take_secret(document, "SecretAccessKey");
    out.credentials.session_token = take_secret(document, "Token");
    const auto expires_at = parse_expiration(document.text("Expiration"));
    if (out.credentials.access_key_id.empty() || out.credentials.secret_access_key.empty() ||
        out.credentials.session_token.empty() || !expires_at) {
        return fail(ErrorCode::invalid,
                    source + " answered without key id, secret, token or expiration");
    }
    out.expires_at = *expires_at;
    out.source = std::move(source);
    return std::optional(std::move(out));
}

Result<FetchResponse> request(const SourceContext& context, const Target& target,
                              std::string method, std::string path, http::Headers headers) {
    headers.insert(headers.begin(), {"Host", target.authority()});
    FetchRequest ask{target, {std::move(method), std::move(path), std::move(headers)}, Secret()};
    ask.timeout_ms = kMetadataTimeout_ms;
    return context.fetch.fetch(ask);
}

bool is_visible(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f && c != '#'; });
}

/// Over plain HTTP the token may go only to this host or to the link's credential services.
bool may_be_plain(const Target& target) {
    static constexpr std::string_view kAllowed[] = {
        "localhost", "127.0.0.1", "::1", "169.254.170.2", "169.254.170.23", "fd00:ec2::23"};
    return target.tls || std::ranges::find(kAllowed, target.host) != std::end(kAllowed);
}

Result<std::optional<Secret>> container_token(const Host& host) {
    if (const auto path = host.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")) {
        NARROWS_TRY(Secret content, host.read_file(*path));
        std::string_view text = content.text();
        while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
        return std::optional<Secret>(Secret(text));
    }
    if (const auto token = host.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN")) {
        return std::optional<Secret>(Secret(std::string_view(*token)));
    }
    return std::optional<Secret>();
}

/// The URL to ask, or nothing if the host is no container with credentials.
std::optional<std::string> container_url(const Host& host) {
    if (const auto path = host.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")) {
        return std::string(kEcsHost) + *path;
    }
    return host.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
}

}  // namespace

Found from_container(const SourceContext& context) {
    const auto url = container_url(context.host);
    if (!url) return std::optional<HostCredentials>();
    const std::size_t authority = url->find("://");
    const std::size_t slash = authority == std::string::npos
                                  ? url->size()
                                  : std::min(url->find('/', authority + 3), url->size());
    NARROWS_TRY(const Target target, parse_endpoint_url(url->substr(0, slash)));
    const std::string path = slash < url->size() ? url->substr(slash) : "/";
    if (!is_visible(path) || !may_be_plain(target)) {
        return fail(ErrorCode::invalid,
                    "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor an address of this "
                    "host or of its container service");
    }
    NARROWS_TRY(const auto token, container_token(context.host));
    http::Headers headers = {{"Accept", "application/json"}};
    if (token) {
        if (!std::ranges::all_of(token->text(), [](char c) { return c >= 0x20 && c < 0x7f; })) {
            return fail(ErrorCode::invalid,
                        "the container's authorization token holds a line "
                        "break or another control character");
        }
        headers.push_back({"Authorization", std::string(token->text())});
    }
    NARROWS_TRY(const FetchResponse response,
                request(context, target, "GET", path, std::move(headers)));
    if (response.head.status != 200) {
        return fail(ErrorCode::unavailable, "the container's credential service answered " +
                                                std::to_string(response.head.status));
    }
    return read_document(response, "container");
}

Found from_instance_metadata(const SourceContext& context) {
    const auto disabled = context.host.variable("AWS_EC2_METADATA_DISABLED");
    if (disabled && codec::iequals(*disabled, "true")) return std::optional<HostCredentials>();
    const auto named = context.host.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    NARROWS_TRY(const Target target,
                parse_endpoint_url(named ? std::string_view(*named) : kMetadataUrl));
    const auto first = request(context, target, "PUT", "/latest/api/token",
                               {{"X-aws-ec2-metadata-token-ttl-seconds", "21600"}});
    // No answer means that this is no EC2 instance.
    if (!first) return std::optional<HostCredentials>();
    if (first.value().head.status != 200 || !is_visible(first.value().body.text())) {
        return fail(ErrorCode::unavailable, "the instance metadata service gives no session token");
    }
    const http::Headers token = {
        {"X-aws-ec2-metadata-token", std::string(first.value().body.text())}};
    const std::string path = "/latest/meta-data/iam/security-credentials/";
    NARROWS_TRY(const FetchResponse list, request(context, target, "GET", path, token));
    if (list.head.status == 404) return std::optional<HostCredentials>();
    const std::string role(codec::trim(list.body.text().substr(0, list.body.text().find('\n'))));
    if (list.head.status != 200 || role.empty() || codec::percent_encode(role, "+=,@") != role) {
        return fail(ErrorCode::invalid, "the instance metadata service names no valid role");
    }
    NARROWS_TRY(const FetchResponse response, request(context, target, "GET", path + role, token));
    if (response.head.status != 200) {
        return fail(ErrorCode::unavailable, "the instance metadata service answered " +
                                                std::to_string(response.head.status) +
                                                " for its role");
    }
    return read_document(response, "imds role " + role);
}

}  // namespace narrows::upstream
