#include "apps/client/connection_terms.h"

#include <fmt/format.h>

#include "policy/session_policy.h"
#include "protocols/aws/catalogue/catalogue.h"

namespace narrows::client {
namespace {

constexpr const char* kAgent = "connection-check";
constexpr const char* kSession = "ns-connection-check";

Result<upstream::AssumeRole> assume_role_of(const gateway::Connection& connection,
                                            std::vector<std::string>& gateway_only) {
    NARROWS_TRY(const policy::Scope scope, policy::Scope::parse(connection.scope.text));
    policy::Facts facts;
    facts.agent = kAgent;
    facts.task_id = kAgent;
    facts.session_id = kSession;
    NARROWS_TRY(const policy::SessionPolicy compiled,
                policy::session_policy(scope, {connection.account, connection.regions}, &facts));
    gateway_only = compiled.notes;
    upstream::AssumeRole ask;
    ask.role_arn = connection.role_arn;
    ask.role_session_name = upstream::random_role_session_name();
    ask.policy = compiled.json;
    ask.duration_s = upstream::kDurationMin_s;
    ask.external_id = connection.external_id;
    ask.source_identity = upstream::session_name_value(kAgent);
    ask.tags = upstream::session_tags(kSession, kAgent, "", kAgent);
    return ask;
}

Trial not_held(const Error& error, std::string remedy) {
    Trial trial;
    trial.what = error.what;
    trial.remedy = std::move(remedy);
    trial.could_not_tell = error.code == ErrorCode::unavailable ||
                           error.code == ErrorCode::timeout || error.code == ErrorCode::io ||
                           error.code == ErrorCode::closed;
    return trial;
}

std::string role_remedy(const gateway::Connection& connection, const std::string& config_path) {
    return fmt::format(
        "The trust policy of {} must let the gateway's host do sts:AssumeRole, "
        "sts:SetSourceIdentity and sts:TagSession (tag keys narrows-*){}; the host's own policy "
        "must allow the same on that role. `narrows connection iam {} --config {}` prints both",
        connection.role_arn,
        connection.external_id.empty() ? "" : " with the connection's external id", connection.name,
        config_path);
}

}  // namespace

std::string sts_region(const gateway::Connection& connection) {
    return connection.regions.empty() ? "us-east-1" : connection.regions.front();
}

Result<upstream::Target> sts_target(const gateway::Connection& connection) {
    if (!connection.endpoint.empty()) {
        return upstream::choose_target("", connection.endpoint);
    }
    const aws::Catalogue& catalogue = aws::Catalogue::embedded();
    const std::optional<aws::Service> sts = catalogue.service("sts");
    if (!sts) {
        return fail(ErrorCode::unsupported, "the catalogue of this program has no STS");
    }
    NARROWS_TRY(const aws::Endpoint endpoint,
                catalogue.endpoint(*sts, connection.partition, sts_region(connection)));
    return upstream::choose_target(endpoint.host, "");
}

Trial try_connection(upstream::HttpFetch& fetch, const gateway::Connection& connection,
                     const std::string& config_path) {
    const Result<upstream::Target> sts = sts_target(connection);
    if (!sts) {
        return not_held(sts.error(), "Correct the connection's partition, regions or endpoint");
    }
    const std::string region = sts_region(connection);
    upstream::CredentialChain chain(upstream::system_host(), fetch, system_clock(),
                                    {region, sts.value()});
    const Result<upstream::HostCredentials> base = chain.get(connection.profile);
    if (!base) {
        return not_held(base.error(),
                        "Give the gateway's host credentials: an instance or task role, a web "
                        "identity, a profile, or variables");
    }
    if (connection.role_arn.empty()) {
        return not_held({ErrorCode::invalid,
                         "the connection names no role: the host's own "
                         "credentials would be used unscoped by AWS"},
                        "Set role_arn, so that AWS enforces the scope a second time");
    }
    Trial trial;
    const Result<upstream::AssumeRole> ask = assume_role_of(connection, trial.gateway_only);
    if (!ask) {
        return not_held(ask.error(),
                        fmt::format("`narrows scope check {}` says more", connection.scope.path));
    }
    Result<upstream::AssumedRole> role = upstream::assume_role(
        fetch, sts.value(), region, base.value().credentials, ask.value(), system_clock().wall());
    if (!role) {
        return not_held(role.error(), role.error().code == ErrorCode::unavailable
                                          ? "Try again; check the way from this host to STS"
                                          : role_remedy(connection, config_path));
    }
    trial.assumed = std::move(role.value());
    trial.source = base.value().source;
    trial.session_policy_size = ask.value().policy.size();
    return trial;
}

}  // namespace narrows::client
