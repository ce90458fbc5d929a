#include <cstdlib>

#include <fmt/format.h>
#include <unistd.h>

#include "apps/client/doctor.h"

namespace narrows::client {
namespace {

constexpr std::int64_t kProbeTimeoutMs = 2000;
constexpr const char* kPast = "An agent can get AWS credentials or reach AWS without a record";

struct Way {
    const char* what;
    upstream::Target target;
    const char* method;
    const char* path;
    const char* remedy;
};

/// Link-local addresses are AWS's metadata and credential services:
/// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
const Way kWays[] = {
    {"EC2 instance metadata",
     {"169.254.169.254", 80, false, true},
     "PUT",
     "/latest/api/token",
     "Block 169.254.169.254 for the agent, or set the hop limit to 1 and run it in a container"},
    {"EC2 instance metadata by IPv6",
     {"fd00:ec2::254", 80, false, true},
     "PUT",
     "/latest/api/token",
     "Block fd00:ec2::254 for the agent"},
    {"ECS task credentials",
     {"169.254.170.2", 80, false, true},
     "GET",
     "/v2/credentials",
     "Block 169.254.170.2 for the agent"},
    {"EKS pod identity",
     {"169.254.170.23", 80, false, true},
     "GET",
     "/v1/credentials",
     "Block 169.254.170.23 for the agent, or take the pod identity association away"},
    {"AWS STS directly",
     {"sts.us-east-1.amazonaws.com", 443, true, false},
     "GET",
     "/",
     "Allow the agent's network nothing but the gateway"},
    {"AWS S3 directly",
     {"s3.us-east-1.amazonaws.com", 443, true, false},
     "GET",
     "/",
     "Allow the agent's network nothing but the gateway"},
    {"the internet directly",
     {"example.com", 443, true, false},
     "GET",
     "/",
     "Allow the agent's network nothing but the gateway; its egress list names what else it needs"},
};

void check_way(upstream::HttpFetch& fetch, const Way& way, Checks& to) {
    upstream::FetchRequest request;
    request.target = way.target;
    request.head = {way.method, way.path, {{"Host", way.target.authority()}}};
    if (request.head.method == "PUT") {
        request.head.headers.push_back({"X-aws-ec2-metadata-token-ttl-seconds", "1"});
    }
    request.timeout_ms = kProbeTimeoutMs;
    const auto response = fetch.fetch(request);
    if (!response) {
        to.push_back({Health::good, way.what, way.target.authority() + " is not reached", "", ""});
        return;
    }
    to.push_back(
        {Health::bad, way.what,
         fmt::format("{} answers ({})", way.target.authority(), response.value().head.status),
         kPast, way.remedy});
}

std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string() : std::string(value);
}

void check_variable(const char* name, const char* remedy, Checks& to) {
    if (!variable(name).empty()) {
        to.push_back({Health::bad, "environment", fmt::format("{} is set", name), kPast, remedy});
    }
}

void check_environment(Checks& to) {
    const std::size_t before = to.size();
    const bool own = variable("AWS_SESSION_TOKEN").starts_with("nrw_session_");
    if (!own) {
        check_variable("AWS_ACCESS_KEY_ID", "Unset it; `narrows run` sets the session's own", to);
    }
    for (const char* name :
         {"AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
          "AWS_BEARER_TOKEN_BEDROCK", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"}) {
        check_variable(name, "Unset it; start the agent with `narrows run`", to);
    }
    for (const char* name : {"NARROWS_LAUNCHER_KEY", "NARROWS_AGENT_KEY", "NARROWS_AGENT_TOKEN"}) {
        check_variable(name, "Unset it: with it an agent could start sessions of its own", to);
    }
    if (variable("AWS_ENDPOINT_URL").empty() && variable("HTTPS_PROXY").empty()) {
        to.push_back({Health::bad, "environment",
                      "neither AWS_ENDPOINT_URL nor HTTPS_PROXY leads to a gateway",
                      "Clients here go to AWS directly", "Start the agent with `narrows run`"});
    }
    if (to.size() == before) {
        to.push_back({Health::good, "environment", "leads to the gateway alone", "", ""});
    }
}

void check_files(Checks& to) {
    const std::string home = variable("HOME");
    const std::size_t before = to.size();
    for (const char* name : {"/.aws/credentials", "/.aws/config", "/.aws/sso/cache",
                             "/.aws/login/cache", "/.aws/cli/cache"}) {
        const std::string path = home + name;
        if (!home.empty() && access(path.c_str(), R_OK) == 0) {
            to.push_back({Health::bad, "AWS files", path + " can be read from here", kPast,
                          "Run the agent as a user, or in a container, that does not have it"});
        }
    }
    if (to.size() == before) {
        to.push_back({Health::good, "AWS files", "none can be read from here", "", ""});
    }
}

}  // namespace

void check_sandbox(upstream::HttpFetch& fetch, Checks& to) {
    check_environment(to);
    check_files(to);
    for (const Way& way : kWays) {
        check_way(fetch, way, to);
    }
}

}  // namespace narrows::client
