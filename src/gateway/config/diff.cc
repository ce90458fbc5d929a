#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "codec/text.h"
#include "gateway/config/config.h"

namespace narrows::gateway {
namespace {

/// What a thing of the configuration says, key by key.
using Facts = std::map<std::string, std::string>;
/// Things by name: "connection \"reports-ro\"".
using Things = std::map<std::string, Facts>;

std::string list(const std::vector<std::string>& texts) {
    return fmt::format("[{}]", fmt::join(texts, ", "));
}

std::string short_digest(ByteView digest) {
    return digest.empty() ? "none" : "sha256 " + codec::hex(digest).substr(0, 16) + "…";
}

Facts facts_of(const identity::Enrolment& enrolment) {
    std::vector<std::string> claims;
    claims.reserve(enrolment.claims.size());
    for (const auto& rule : enrolment.claims) claims.push_back(rule.claim + "=" + rule.pattern);
    return {{"key_sha256",
             short_digest(enrolment.key_sha256 ? ByteView(*enrolment.key_sha256) : ByteView())},
            {"public_key",
             enrolment.public_key ? codec::base64(*enrolment.public_key) : std::string("none")},
            {"issuer", enrolment.issuer},
            {"claims", list(claims)}};
}

Facts facts_of(const S3Place& place) {
    return {{"bucket", place.bucket},   {"prefix", place.prefix},
            {"region", place.region},   {"endpoint", place.endpoint},
            {"ca", place.ca},           {"credentials", place.credentials},
            {"profile", place.profile}, {"path_style", place.path_style ? "true" : "false"}};
}

Facts facts_of(const ArchiveSection& archive) {
    Facts facts = facts_of(archive.s3);
    facts["type"] = archive.type;
    facts["path"] = archive.path;
    facts["retention_days"] = std::to_string(archive.retention_days);
    facts["key_retention_days"] = std::to_string(archive.key_retention_days);
    facts["legal_hold"] = archive.legal_hold ? "true" : "false";
    facts["part_mib"] = std::to_string(archive.part_mib);
    facts["every"] = std::to_string(archive.every_s);
    facts["age_max"] = std::to_string(archive.age_max_s);
    facts["keep_local_mib"] = std::to_string(archive.keep_local_mib);
    facts["keep_local_for"] = std::to_string(archive.keep_local_for_s);
    return facts;
}

Facts facts_of(const AnchorSection& anchor) {
    Facts facts = facts_of(anchor.s3);
    facts["type"] = anchor.type;
    facts["path"] = anchor.path;
    facts["url"] = anchor.url;
    facts["key"] = anchor.key;
    facts["retention_days"] = std::to_string(anchor.retention_days);
    if (anchor.type != "s3") {
        facts["ca"] = anchor.ca;
    }
    return facts;
}

std::string words_of(const std::map<std::string, std::string, std::less<>>& pairs) {
    std::vector<std::string> texts;
    texts.reserve(pairs.size());
    for (const auto& [name, value] : pairs) texts.push_back(fmt::format("{} = {}", name, value));
    return list(texts);
}

Facts facts_of(const Connection& connection) {
    std::vector<std::string> egress;
    egress.reserve(connection.egress.size());
    for (const auto& rule : connection.egress) {
        egress.push_back(rule.host + ":" + std::to_string(rule.port));
    }
    const Budget& budget = connection.budget;
    return {{"type", connection.type},
            {"account", connection.account},
            {"partition", connection.partition},
            {"regions", list(connection.regions)},
            {"role_arn", connection.role_arn},
            {"external_id", connection.external_id},
            {"profile", connection.profile},
            {"scope", connection.scope.path + " (" + short_digest(connection.scope.sha256) + ")"},
            {"endpoint", connection.endpoint},
            {"egress", list(egress)},
            {"unsigned", list(connection.unsigned_operations)},
            {"budget", fmt::format("{} MiB, {} in flight, {} per second", budget.bytes_mib,
                                   budget.in_flight, budget.per_second)},
            {"partition_keys", words_of(connection.partition_keys)}};
}

std::string words_of(const identity::Grant& grant) {
    return fmt::format("grant of {} to agent \"{}\" (launchers {}, principals {}, at most {} s{})",
                       list(grant.connections), grant.agent, list(grant.launchers),
                       list(grant.principals), grant.lifetime_max_s,
                       grant.self_start ? ", may start its own sessions" : "");
}

void add_settings(Things& things, const Config& config) {
    things["gateway"] = {{"name", config.gateway.name},
                         {"data_dir", config.gateway.data_dir},
                         {"group_key", config.gateway.group_key}};
    things["listen"] = {{"agents", to_string(config.listen.agents)},
                        {"operator", to_string(config.listen.operators)},
                        {"names", list(config.listen.names)}};
    things["ca"] = {{"certificate", config.ca.certificate},
                    {"key", config.ca.key},
                    {"years", std::to_string(config.ca.years)}};
    const bool durable = config.recording.result == ResultMode::durable;
    things["recording"] = {{"result", durable ? "durable" : "held"},
                           {"segment_mib", std::to_string(config.recording.segment_mib)},
                           {"reserve_mib", std::to_string(config.recording.reserve_mib)},
                           {"reviewers", list(config.recording.reviewers)},
                           {"body_reviewers", list(config.recording.body_reviewers)},
                           {"custodians", list(config.recording.custodians)}};
    things["retention"] = {{"operations", std::to_string(config.retention.operations_s)},
                           {"bodies", std::to_string(config.retention.bodies_s)},
                           {"secrets", std::to_string(config.retention.secrets_s)},
                           {"officers", list(config.retention.officers)}};
    const KmsKey& log_key = config.evidence.log_key;
    things["evidence"] = {{"log_key", log_key.arn},
                          {"log_key_endpoint", log_key.endpoint},
                          {"log_key_ca", log_key.ca},
                          {"log_key_credentials", log_key.credentials},
                          {"log_key_profile", log_key.profile},
                          {"anchor_every", std::to_string(config.evidence.anchor_every_s)},
                          {"anchor_age_max", std::to_string(config.evidence.anchor_age_max_s)},
                          {"anchor_required", config.evidence.anchor_required ? "true" : "false"}};
    things["processes"] = {{"gateway", config.processes.gateway},
                           {"recorder", config.processes.recorder},
                           {"signer", config.processes.signer}};
    things["archive"] = facts_of(config.archive);
    things["limits"] = {{"body_mib", std::to_string(config.limits.body_mib)},
                        {"operations", std::to_string(config.limits.operations)},
                        {"lobby_mib", std::to_string(config.limits.lobby_mib)},
                        {"header_kib", std::to_string(config.limits.header_kib)},
                        {"clock_skew_s", std::to_string(config.limits.clock_skew_s)}};
}

Things things_of(const Config& config) {
    Things things;
    add_settings(things, config);
    for (const auto& issuer : config.issuers) {
        // Keys that an issuer publishes in a file are trust; in the file's digest they show.
        const auto file = std::find_if(config.files.begin(), config.files.end(), [&](auto& each) {
            return issuer.jwks.ends_with(each.first);
        });
        const std::string digest = file == config.files.end() ? "" : short_digest(file->second);
        things["issuer \"" + issuer.name + "\""] = {{"issuer", issuer.url},
                                                    {"audience", issuer.audience},
                                                    {"jwks", issuer.jwks + " " + digest}};
    }
    for (const auto& each : config.anchors) {
        things["anchor \"" + each.name + "\""] = facts_of(each);
    }
    for (const auto& each : config.launchers) {
        const std::string kind = each.reviewer ? "reviewer" : "launcher";
        things[kind + " \"" + each.id + "\""] = facts_of(each.enrolment);
    }
    for (const auto& each : config.agents) {
        things["agent \"" + each.id + "\""] = facts_of(each.enrolment);
    }
    for (const auto& each : config.connections) {
        things["connection \"" + each.name + "\""] = facts_of(each);
    }
    for (const auto& grant : config.grants) things[words_of(grant)] = {};
    return things;
}

}  // namespace

std::vector<std::string> diff(const Config& before, const Config& after) {
    const Things old_things = things_of(before);
    const Things new_things = things_of(after);
    std::vector<std::string> words;
    for (const auto& [name, facts] : old_things) {
        if (!new_things.contains(name)) words.push_back(name + " was removed");
    }
    for (const auto& [name, facts] : new_things) {
        const auto old = old_things.find(name);
        if (old == old_things.end()) {
            words.push_back(name + " was added");
            continue;
        }
        for (const auto& [key, value] : facts) {
            const std::string& was = old->second.at(key);
            if (was != value) {
                words.push_back(
                    fmt::format("{}: {} changed from \"{}\" to \"{}\"", name, key, was, value));
            }
        }
    }
    return words;
}

}  // namespace narrows::gateway
