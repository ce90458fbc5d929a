#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <ctime>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "apps/client/connection_terms.h"
#include "apps/client/doctor.h"
#include "codec/json.h"

namespace narrows::client {
namespace {

constexpr std::int64_t kTimeoutMs = 5000;
constexpr std::int64_t kSkewS = 60;  ///< AWS refuses signatures beyond 300

Result<upstream::FetchResponse> get(upstream::HttpFetch& fetch, const upstream::Target& target,
                                    const std::string& path) {
    upstream::FetchRequest request;
    request.target = target;
    request.head = {"GET", path, {{"Host", target.authority()}}};
    request.timeout_ms = kTimeoutMs;
    return fetch.fetch(request);
}

bool is_loopback(const std::string& host) {
    return host.starts_with("127.") || host == "::1" || host == "localhost";
}

/// Where this host reaches one of the gateway's own listeners.
upstream::Target local_target(const gateway::Address& address) {
    const bool any = address.host == "0.0.0.0" || address.host == "::";
    return {any ? "127.0.0.1" : address.host, address.port, false, true};
}

void check_anchor(const codec::Value& anchor, Checks& to) {
    const std::string subject = "anchor " + anchor.text("name");
    const std::string trouble = anchor.text("trouble");
    const codec::Value* contradicts = anchor.find("contradicts");
    if (contradicts != nullptr && contradicts->as<bool>() != nullptr && *contradicts->as<bool>()) {
        to.push_back({Health::bad, subject, trouble,
                      "The data directory was rolled back or runs twice, or the anchor does; no "
                      "session is opened",
                      "Find the other gateway or the newest copy before anything else"});
    } else if (!trouble.empty()) {
        to.push_back({Health::odd, subject, trouble, "What it does not hold, it cannot vouch for",
                      "Repair it; the gateway tries again by itself"});
    } else {
        to.push_back({Health::good, subject,
                      fmt::format("holds {} entries, {} s ago", anchor.number("entries"),
                                  anchor.number("age_s")),
                      "", ""});
    }
}

void check_archive(const codec::Value& archive, Checks& to) {
    const std::string what =
        fmt::format("{} has {} entries of the log; {} segments wait here, {} bytes",
                    archive.text("store"), archive.number("entries"),
                    archive.number("backlog_segments"), archive.number("backlog_bytes"));
    const std::string trouble = archive.text("trouble");
    const codec::Value* age = archive.find("age_s");
    if (!trouble.empty()) {
        to.push_back({Health::odd, "archive", what + ". " + trouble,
                      "What waits is nowhere but here, and fills the disk",
                      "Repair it; the gateway tries again by itself"});
    } else if (age == nullptr || age->is_null()) {
        to.push_back({Health::odd, "archive", what + ". Its first round is not over yet",
                      "What waits is nowhere but here", "Ask again in a minute"});
    } else {
        to.push_back({Health::good, "archive",
                      fmt::format("{}, {} s ago", what, archive.number("age_s")), "", ""});
    }
}

/// What the gateway says of its evidence: anchors and alarms.
void check_evidence(const codec::Value& health, Checks& to) {
    const codec::Value* anchors = health.find("anchors");
    const codec::Value* alarms = health.find("alarms");
    if (anchors == nullptr || anchors->as<codec::List>() == nullptr || alarms == nullptr ||
        alarms->as<codec::List>() == nullptr) {
        return;
    }
    for (const codec::Value& anchor : *anchors->as<codec::List>()) {
        check_anchor(anchor, to);
    }
    const codec::Value* archive = health.find("archive");
    if (archive != nullptr && archive->as<codec::Map>() != nullptr) {
        check_archive(*archive, to);
    }
    for (const codec::Value& alarm : *alarms->as<codec::List>()) {
        to.push_back({Health::bad, "alarm", alarm.text("what") + ": " + alarm.text("why"),
                      "It is on record and in the evidence log", "See to its cause"});
    }
}

void check_health(const gateway::Config& config, upstream::HttpFetch& fetch, Checks& to) {
    const std::string at = gateway::to_string(config.listen.operators);
    const auto response = get(fetch, local_target(config.listen.operators), "/healthz");
    if (!response) {
        to.push_back({Health::odd, "gateway", fmt::format("nothing answers at {}", at),
                      "Without it no agent reaches AWS",
                      fmt::format("narrows gateway --config {}", config.path)});
        return;
    }
    const Result<codec::Value> said = codec::json_decode(response.value().body.text());
    const codec::Value health = said ? said.value() : codec::Value();
    if (health.text("status") != "ok") {
        to.push_back({Health::bad, "gateway",
                      fmt::format("{} says: {} {}", at, health.text("status", "no Narrows gateway"),
                                  health.text("why")),
                      "It refuses what it cannot record",
                      "Free space or repair the disk under data_dir, then restart the gateway"});
    } else if (health.text("journal") != "ok") {
        to.push_back({Health::odd, "gateway",
                      fmt::format("{} is up; its journal: {} {}", at, health.text("journal"),
                                  health.text("why")),
                      "No new session is opened in this state", "Free space under data_dir"});
    } else {
        to.push_back({Health::good, "gateway", at + " is up and records", "", ""});
    }
    if (health.text("evidence_log", "ok") != "ok") {
        to.push_back(
            {Health::bad, "evidence log", health.text("evidence_log"),
             "What is recorded now is not under a signed checkpoint",
             "Repair what it names: the disk under data_dir, or the way to AWS KMS; the gateway "
             "tries again by itself"});
    }
    check_evidence(health, to);
}

std::int64_t skew_of(const upstream::FetchResponse& response, std::string_view& date) {
    date = http::header(response.head.headers, "date");
    std::tm time{};
    if (date.empty() ||
        strptime(std::string(date).c_str(), "%a, %d %b %Y %H:%M:%S", &time) == nullptr) {
        date = {};
        return 0;
    }
    return system_clock().wall() / kNsPerSecond - std::int64_t{timegm(&time)};
}

void check_clock(const std::string& authority, const upstream::FetchResponse& response,
                 Checks& to) {
    std::string_view date;
    const std::int64_t skew = skew_of(response, date);
    if (date.empty()) {
        return;
    }
    const std::string what =
        fmt::format("{} s {} {}", std::abs(skew), skew < 0 ? "behind" : "ahead of", authority);
    if (std::abs(skew) > kSkewS) {
        to.push_back({Health::bad, "clock", what,
                      "AWS refuses signatures that are off by more than five minutes, and records "
                      "carry this clock's time",
                      "Synchronise the clock (chrony, systemd-timesyncd)"});
    } else {
        to.push_back({Health::good, "clock", what, "", ""});
    }
}

void check_endpoint(upstream::HttpFetch& fetch, const upstream::Target& target, Checks& to) {
    const auto response = get(fetch, target, "/");
    const std::string authority = target.authority();
    if (!response) {
        to.push_back({Health::bad, "endpoint",
                      fmt::format("{} is not reached: {}", authority, response.error().what),
                      "The gateway assumes roles there",
                      "Open the way (security group, route, VPC endpoint, DNS), or set the "
                      "connection's endpoint"});
        return;
    }
    to.push_back({Health::good, "endpoint", authority + " answers", "", ""});
    check_clock(authority, response.value(), to);
}

void check_credentials(upstream::HttpFetch& fetch, const gateway::Connection& connection,
                       const upstream::Target& sts, Checks& to) {
    upstream::CredentialChain chain(upstream::system_host(), fetch, system_clock(),
                                    {sts_region(connection), sts});
    const auto found = chain.get(connection.profile);
    const std::string subject = connection.profile.empty()
                                    ? std::string("credentials")
                                    : "credentials of profile " + connection.profile;
    if (!found) {
        to.push_back({Health::bad, subject, found.error().what,
                      "With them the gateway assumes the connections' roles",
                      "Give this host a role, a web identity, a profile or variables"});
    } else {
        to.push_back({Health::good, subject, "found: " + found.value().source, "", ""});
    }
}

}  // namespace

void check_ports(const gateway::Config& config, upstream::HttpFetch& fetch, Checks& to) {
    check_health(config, fetch, to);
    if (!is_loopback(config.listen.operators.host)) {
        to.push_back({Health::odd, "operator port",
                      gateway::to_string(config.listen.operators) + " is open to other hosts",
                      "Launchers' keys pass there without TLS",
                      "Listen on 127.0.0.1 and put a TLS proxy before it, or keep the network "
                      "private"});
    }
}

void check_connections(const gateway::Config& config, upstream::HttpFetch& fetch, Checks& to) {
    std::map<std::string, bool> profiles;
    std::map<std::string, bool> endpoints;
    for (const gateway::Connection& connection : config.connections) {
        const Result<upstream::Target> sts = sts_target(connection);
        if (!sts) {
            to.push_back({Health::bad, "connection " + connection.name, sts.error().what,
                          "The gateway cannot tell where to send it",
                          "Correct its partition, regions or endpoint"});
            continue;
        }
        if (connection.role_arn.empty()) {
            to.push_back({Health::odd, "connection " + connection.name, "names no role",
                          "AWS does not enforce the scope a second time", "Set role_arn"});
        }
        if (endpoints.emplace(sts.value().authority(), true).second) {
            check_endpoint(fetch, sts.value(), to);
        }
        if (profiles.emplace(connection.profile, true).second) {
            check_credentials(fetch, connection, sts.value(), to);
        }
    }
}

}  // namespace narrows::client
