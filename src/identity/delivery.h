#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "identity/mint.h"

/// The documents and variables by which unmodified SDKs find the gateway and their credentials.
/// Pure functions. Sources: AWS SDKs and Tools reference guide (container credential provider,
/// process credential provider, service-specific endpoints), docs/clients.md.
namespace narrows::identity {

/// The answer of a container credentials endpoint. AccountId is left out on purpose: with it SDKs
/// would build account-based endpoint names.
std::string container_credentials_json(const Credentials& credentials);
/// What a credential_process prints.
std::string credential_process_json(const Credentials& credentials);

/// One session's way to the gateway. Empty fields leave their variables out.
struct DeliveryInput {
    std::string region;                 ///< the connection's first region
    std::string endpoint_url;           ///< "http://127.0.0.1:8400": endpoint mode
    std::string proxy_url;              ///< "http://127.0.0.1:8400", without user: proxy mode
    std::string proxy_user;             ///< the access key id
    std::string proxy_token;            ///< TokenUse::proxy
    std::string container_url;          ///< AWS_CONTAINER_CREDENTIALS_FULL_URI
    std::string authorization_token;    ///< TokenUse::delivery
    const Credentials* keys = nullptr;  ///< set: static variables too (SDKs prefer these)
    std::string ca_bundle_path;         ///< the system's roots and the gateway's CA
    std::string ca_path;                ///< the gateway's CA alone, for variables that add
    std::string config_path;            ///< of profiles_text; empty: no profiles
    std::string session;                ///< becomes the SDKs' app id
};

/// A change of environment: first unset, then set.
struct Environment {
    std::map<std::string, std::string> set;
    std::vector<std::string> unset;
    std::vector<std::string> unset_prefixes;  ///< every variable that begins so

    /// Whether a variable of the caller's environment is to go.
    bool drops(std::string_view name) const;
};
Environment environment(const DeliveryInput& input);

struct Profile {
    std::string name;  ///< the connection; the first of a list becomes [default] too
    std::string region;
    std::string credential_process;  ///< the command line
};
/// An AWS configuration file with one profile per connection. Names, regions and commands are the
/// gateway's own; line breaks in them are refused.
Result<std::string> profiles_text(const std::vector<Profile>& profiles,
                                  std::string_view endpoint_url, std::string_view ca_bundle_path);

}  // namespace narrows::identity
