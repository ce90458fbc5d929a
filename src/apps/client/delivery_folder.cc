#include "apps/client/delivery_folder.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apps/client/output.h"
#include "codec/json.h"

namespace narrows::client {
namespace {

constexpr std::size_t kRootsMax = 16 * 1024 * 1024;
constexpr const char* kRootPlaces[] = {
    "/etc/ssl/certs/ca-certificates.crt",  // Debian, Ubuntu, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",    // Amazon Linux, Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",              // openSUSE
    "/etc/ssl/cert.pem",                   // BSDs
};

std::string temporary_root() {
    for (const char* name : {"XDG_RUNTIME_DIR", "TMPDIR"}) {
        const char* value = std::getenv(name);
        if (value != nullptr && *value == '/' && access(value, W_OK | X_OK) == 0) {
            return value;
        }
    }
    return "/tmp";
}

Error failed_call(const std::string& path, const char* what) {
    return {ErrorCode::io, fmt::format("{} {}: {}", path, what, std::strerror(errno))};
}

/// For a shell, whatever stands in the text.
std::string shell_quoted(std::string_view text) {
    std::string out = "'";
    for (const char c : text) {
        out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    }
    return out + "'";
}

identity::DeliveryInput input_of(const StartedSession& session) {
    identity::DeliveryInput input;
    input.region = session.regions.front();
    input.endpoint_url = session.endpoint_url;
    input.container_url = session.container_url;
    input.authorization_token = session.authorization_token;
    input.session = session.session;
    return input;
}

/// In the place of an API key of Bedrock's, if there was one: whoever has none signs. SDKs send it
/// over https alone, so Bedrock has an endpoint of its own, by the gateway's usual name here.
void set_bearer(identity::Environment& to, const StartedSession& session) {
    if (session.bearer_token.empty() || std::getenv("AWS_BEARER_TOKEN_BEDROCK") == nullptr) {
        return;
    }
    std::string authority = session.endpoint_url.substr(session.endpoint_url.find("://") + 3);
    if (authority.starts_with("127.0.0.1:")) {
        authority.replace(0, authority.find(':'), "localhost");
    }
    to.set["AWS_BEARER_TOKEN_BEDROCK"] = session.bearer_token;
    to.set["AWS_ENDPOINT_URL_BEDROCK"] = "https://" + authority;
    to.set["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"] = "https://" + authority;
}

/// SDKs split the line as a shell would; only double quotes are understood everywhere.
std::string process_argument(const std::string& text) {
    const bool plain = text.find_first_of(" \t\"'\\") == std::string::npos;
    return plain ? text : "\"" + text + "\"";
}

}  // namespace

Result<DeliveryFolder> DeliveryFolder::make_temporary() {
    std::string path = temporary_root() + "/narrows-XXXXXX";
    if (mkdtemp(path.data()) == nullptr) {
        return fail(failed_call(path, "could not be made"));
    }
    return DeliveryFolder(std::move(path), false);
}

Result<DeliveryFolder> DeliveryFolder::make_kept(const std::string& path) {
    std::error_code error;
    const std::filesystem::path whole = std::filesystem::absolute(path, error);
    if (error || mkdir(whole.c_str(), 0700) != 0) {
        return fail(ErrorCode::invalid,
                    fmt::format("{} must not exist yet, in a folder that does: {}", path,
                                std::strerror(errno)));
    }
    return DeliveryFolder(whole.string(), true);
}

DeliveryFolder::DeliveryFolder(DeliveryFolder&& other) noexcept
    : path_(std::exchange(other.path_, std::string())), keep_(other.keep_) {}

DeliveryFolder::~DeliveryFolder() {
    if (!path_.empty() && !keep_) {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
}

Result<void> DeliveryFolder::write(std::string_view name, std::string_view text) const {
    const std::string path = file(name);
    const int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor < 0) {
        return fail(failed_call(path, "could not be made"));
    }
    while (!text.empty()) {
        const ssize_t size = ::write(descriptor, text.data(), text.size());
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) {
            const Error error = failed_call(path, "could not be written");
            close(descriptor);
            return fail(error);
        }
        text.remove_prefix(static_cast<std::size_t>(size));
    }
    close(descriptor);
    return ok();
}

std::string credential_process_line(const std::string& program, const std::string& delivery_file,
                                    const std::string& connection) {
    return fmt::format("{} credentials --connection {} --delivery-file {}",
                       process_argument(program), process_argument(connection),
                       process_argument(delivery_file));
}

std::string system_roots() {
    const char* own = std::getenv("SSL_CERT_FILE");
    if (own != nullptr && access(own, R_OK) == 0) {
        return own;
    }
    for (const char* place : kRootPlaces) {
        if (access(place, R_OK) == 0) {
            return place;
        }
    }
    return {};
}

Result<identity::Environment> lay_out(const StartedSession& session, const DeliveryFolder& folder,
                                      const std::string& program) {
    const std::string roots = system_roots();
    std::string bundle;
    if (!roots.empty()) {
        NARROWS_TRY(bundle, read_text(roots, kRootsMax));
    }
    bundle += "\n" + session.ca_pem;
    NARROWS_TRY(folder.write("ca.pem", session.ca_pem));
    NARROWS_TRY(folder.write("bundle.pem", bundle));
    NARROWS_TRY(folder.write(
        kDeliveryFile,
        codec::json_encode(codec::Map{{"credentials_url", session.container_url},
                                      {"authorization_token", session.authorization_token}})));
    std::vector<identity::Profile> profiles;
    for (std::size_t i = 0; i < session.credentials.size(); ++i) {
        const std::string& name = session.credentials[i].connection;
        profiles.push_back({name, session.regions[i],
                            credential_process_line(program, folder.file(kDeliveryFile), name)});
    }
    NARROWS_TRY(const std::string config,
                identity::profiles_text(profiles, session.endpoint_url, folder.file("bundle.pem")));
    NARROWS_TRY(folder.write("aws-config", config));
    identity::DeliveryInput input = input_of(session);
    input.proxy_url = session.proxy_url;
    input.proxy_user = session.proxy_user;
    input.proxy_token = session.proxy_token;
    input.ca_bundle_path = folder.file("bundle.pem");
    input.ca_path = folder.file("ca.pem");
    input.config_path = folder.file("aws-config");
    if (session.credentials.size() == 1) {
        input.keys = &session.credentials.front();
    }
    identity::Environment variables = identity::environment(input);
    set_bearer(variables, session);
    return variables;
}

identity::Environment plain_environment(const StartedSession& session) {
    identity::DeliveryInput input = input_of(session);
    input.keys = &session.credentials.front();
    return identity::environment(input);
}

std::vector<std::string> child_environment(const std::vector<std::string>& current,
                                           const identity::Environment& change) {
    std::vector<std::string> out;
    for (const std::string& entry : current) {
        const std::string_view name = std::string_view(entry).substr(0, entry.find('='));
        const bool goes = change.drops(name) || name.starts_with("NARROWS_") ||
                          change.set.contains(std::string(name));
        if (!goes) {
            out.push_back(entry);
        }
    }
    for (const auto& [name, value] : change.set) {
        out.push_back(fmt::format("{}={}", name, value));
    }
    return out;
}

std::string shell_exports(const identity::Environment& change) {
    std::string out;
    for (const std::string& name : change.unset) {
        if (!change.set.contains(name)) {
            out += "unset " + name + "\n";
        }
    }
    for (const std::string& prefix : change.unset_prefixes) {
        // A shell has no `unset PREFIX*`: the names it knows are asked for.
        out +=
            fmt::format("unset $(env | sed -n 's/^\\({}[A-Za-z0-9_]*\\)=.*/\\1/p') || :\n", prefix);
    }
    for (const auto& [name, value] : change.set) {
        out += "export " + name + "=" + shell_quoted(value) + "\n";
    }
    return out;
}

std::string this_program() {
    std::error_code error;
    const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
    return error ? std::string("narrows") : path.string();
}

}  // namespace narrows::client
