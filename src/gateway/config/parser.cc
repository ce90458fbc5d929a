#include "gateway/config/parser.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "codec/json.h"
#include "codec/text.h"
#include "gateway/config/rules.h"
#include "identity/jwks.h"

namespace narrows::gateway {

std::string Parser::resolved(const std::string& path) const {
    if (path.empty() || path.find("://") != std::string::npos) {
        return path;
    }
    const std::filesystem::path folder = std::filesystem::path(config_.path).parent_path();
    return (folder / path).lexically_normal().string();
}

Result<std::string> Parser::read(const std::string& path) {
    NARROWS_TRY(auto text, read_(resolved(path)));
    if (text.size() > kConfigFileMax) {
        return fail(ErrorCode::invalid, "the file is larger than 1 MiB");
    }
    config_.files[path] = crypto::sha256(text);
    return text;
}

bool Parser::take_name(const char* kind, const std::string& name) {
    return names_.insert(std::string(kind) + " " + name).second;
}

Section Parser::section_or_empty(Section& root, const char* key) {
    auto section = root.table(key);
    return section ? *section : Section(problems_, empty_, key);
}

void Parser::document(const toml::table& table) {
    Section root(problems_, table, "");
    if (!root.has("gateway")) {
        root.refuse("gateway", "is missing; add [gateway] with a name and a data_dir");
    } else if (auto section = root.table("gateway")) {
        gateway(*section);
    }
    listen(section_or_empty(root, "listen"));
    ca(section_or_empty(root, "ca"));
    recording(section_or_empty(root, "recording"));
    retention(section_or_empty(root, "retention"));
    evidence(section_or_empty(root, "evidence"));
    if (auto section = root.table("archive")) archive(*section);
    limits(section_or_empty(root, "limits"));
    processes(section_or_empty(root, "processes"));
    for (const Section& each : root.tables("anchor")) anchor(each);
    if (config_.evidence.anchor_required && config_.anchors.empty()) {
        root.refuse("evidence", "demands an anchor where none is listed; add an [[anchor]]");
    }
    for (const Section& each : root.tables("issuer")) issuer(each);
    for (const Section& each : root.tables("launcher")) launcher(each);
    for (const Section& each : root.tables("reviewer")) reviewer(each);
    for (const Section& each : root.tables("agent")) agent(each);
    for (const Section& each : root.tables("connection")) connection(each);
    for (const Section& each : root.tables("grant")) grant(each);
    root.finish();
}

void Parser::gateway(Section section) {
    GatewaySection& to = config_.gateway;
    to.name = section.required("name", rules::id);
    to.data_dir = resolved(section.text("data_dir", to.data_dir, rules::not_empty));
    to.group_key = resolved(section.text("group_key", "", rules::not_empty));
    if (to.group_key.empty()) {
        to.group_key = to.data_dir + "/group.key";
    }
    section.finish();
}

void Parser::listen(Section section) {
    ListenSection& to = config_.listen;
    const auto agents = section.text("agents", to_string(to.agents), rules::address);
    const auto operators = section.text("operator", to_string(to.operators), rules::address);
    to.agents = rules::parse_address(agents).value_or(to.agents);
    to.operators = rules::parse_address(operators).value_or(to.operators);
    if (to.agents == to.operators) {
        section.refuse("operator", "is the agents' address too; give the operator another port");
    }
    if (section.has("names")) {
        to.names = section.texts("names", rules::host_name);
    } else {
        section.texts("names", rules::host_name);
    }
    section.finish();
}

void Parser::ca(Section section) {
    CaSection& to = config_.ca;
    to.certificate = resolved(section.text("certificate", "", rules::not_empty));
    to.key = resolved(section.text("key", "", rules::not_empty));
    to.years = static_cast<int>(section.number("years", 10, 1, 10));
    if (to.certificate.empty() != to.key.empty()) {
        section.refuse(to.key.empty() ? "key" : "certificate",
                       "is missing; give certificate and key, or neither to let the gateway make "
                       "its own CA");
    }
    section.finish();
}

void Parser::recording(Section section) {
    RecordingSection& to = config_.recording;
    const std::string result = section.text("result", "held", [](std::string_view text) {
        return text == "held" || text == "durable" ? "" : "is not a mode; write held or durable";
    });
    to.result = result == "durable" ? ResultMode::durable : ResultMode::held;
    const auto mib = [&](const char* key, std::uint32_t otherwise, std::uint64_t least) {
        return static_cast<std::uint32_t>(section.number(key, otherwise, least, 1024 * 1024));
    };
    to.segment_mib = mib("segment_mib", to.segment_mib, 1);
    to.reserve_mib = mib("reserve_mib", to.reserve_mib, 16);
    to.reviewers = section.texts("reviewers", rules::age_recipient);
    to.body_reviewers = section.texts("body_reviewers", rules::age_recipient);
    to.custodians = section.texts("custodians", rules::age_recipient);
    section.finish();
}

void Parser::retention(Section section) {
    constexpr std::int64_t kMost = 36'500LL * 24 * 3600;
    RetentionSection& to = config_.retention;
    to.operations_s = section.duration_s("operations", to.operations_s, kMost);
    to.bodies_s = section.duration_s("bodies", to.bodies_s, kMost);
    to.secrets_s = section.duration_s("secrets", to.secrets_s, kMost);
    to.officers = section.texts("officers", rules::officer_key);
    if (to.officers.size() > kOfficersMax) {
        section.refuse("officers", "lists more than 16; shorten the list");
    }
    section.finish();
}

void Parser::evidence(Section section) {
    constexpr std::int64_t kEveryMost = 3600;
    constexpr std::int64_t kAgeMost = 7 * 24 * 3600;
    EvidenceSection& to = config_.evidence;
    to.anchor_every_s = section.duration_s("anchor_every", to.anchor_every_s, kEveryMost);
    to.anchor_age_max_s = section.duration_s("anchor_age_max", to.anchor_age_max_s, kAgeMost);
    to.anchor_required = section.flag("anchor_required", false);
    to.log_key = log_key(section);
    if (to.anchor_age_max_s <= to.anchor_every_s) {
        section.refuse("anchor_age_max",
                       "is no more than anchor_every, so the alarm would never be over; raise it");
    }
    section.finish();
}

KmsKey Parser::log_key(Section& section) {
    const std::string where = section.text("log_key", "", rules::kms_key);
    KmsKey to = rules::parse_kms_key(where).value_or(KmsKey());
    to.endpoint = section.text("log_key_endpoint", "", rules::endpoint);
    to.ca = resolved(section.text("log_key_ca", "", rules::not_empty));
    to.credentials = resolved(section.text("log_key_credentials", "", rules::not_empty));
    to.profile = section.text("log_key_profile", "", rules::not_empty);
    if (where.empty() && !(to.endpoint + to.ca + to.credentials + to.profile).empty()) {
        section.refuse("log_key", "is missing; the settings below it are of a key in AWS KMS");
    }
    return to;
}

void Parser::anchor(Section section) {
    AnchorSection to;
    to.name = section.required("name", rules::id);
    to.type = section.required("type", [](std::string_view text) {
        return text == "directory" || text == "s3" || text == "witness"
                   ? ""
                   : "is not a type of anchor; write directory, s3 or witness";
    });
    if (to.type == "directory") {
        to.path = resolved(section.required("path", rules::not_empty));
    } else if (to.type == "s3") {
        to.s3 = s3_place(section);
        to.retention_days = days(section, "retention_days");
    } else {
        to.url = section.required("url", rules::submission_prefix);
        to.key = section.required("key", rules::witness_key);
        to.ca = resolved(section.text("ca", "", rules::not_empty));
    }
    if (!take_name("anchor", to.name)) {
        section.refuse("name", "stands in another [[anchor]] too; rename one");
    }
    if (!to.key.empty() && !take_name("witness key", to.key)) {
        section.refuse("key", "stands in another [[anchor]] too; a witness is listed once");
    }
    if (config_.anchors.size() == kAnchorsMax) {
        section.refuse("name", "is one anchor too many; at most 16 may be listed");
    }
    section.finish();
    config_.anchors.push_back(std::move(to));
}

std::uint32_t Parser::days(Section& section, std::string_view key) {
    constexpr std::uint64_t kHundredYears = 36'500;
    return static_cast<std::uint32_t>(section.number(key, 0, 0, kHundredYears));
}

S3Place Parser::s3_place(Section& section) {
    S3Place to;
    to.bucket = section.required("bucket", rules::bucket);
    to.prefix = section.text("prefix", "", rules::key_prefix);
    to.region = section.required("region", rules::region);
    to.endpoint = section.text("endpoint", "", rules::endpoint);
    to.ca = resolved(section.text("ca", "", rules::not_empty));
    to.credentials = resolved(section.text("credentials", "", rules::not_empty));
    to.profile = section.text("profile", "", rules::not_empty);
    to.path_style = section.flag("path_style", !to.endpoint.empty());
    return to;
}

void Parser::archive(Section section) {
    constexpr std::int64_t kEveryMost = 24 * 3600;
    constexpr std::int64_t kAgeMost = 30 * 24 * 3600;
    constexpr std::int64_t kForMost = 1'000'000 * std::int64_t{3600};
    constexpr std::uint64_t kMibMost = std::uint64_t{1} << 30;
    constexpr std::uint64_t kPartMibLeast = 5;  // as S3 has it
    constexpr std::uint64_t kPartMibMost = 5 * 1024;
    ArchiveSection& to = config_.archive;
    to.type = section.required("type", [](std::string_view text) {
        return text == "directory" || text == "s3"
                   ? ""
                   : "is not a type of archive; write directory or s3";
    });
    if (to.type == "directory") {
        to.path = resolved(section.required("path", rules::not_empty));
        if ((to.path + "/").starts_with(config_.gateway.data_dir + "/")) {
            section.refuse("path", "lies in data_dir; what takes the one takes the other along");
        }
    } else {
        to.s3 = s3_place(section);
        to.retention_days = days(section, "retention_days");
        to.key_retention_days = days(section, "key_retention_days");
        to.legal_hold = section.flag("legal_hold", false);
        to.part_mib = static_cast<std::uint32_t>(
            section.number("part_mib", to.part_mib, kPartMibLeast, kPartMibMost));
    }
    to.every_s = section.duration_s("every", to.every_s, kEveryMost);
    to.age_max_s = section.duration_s("age_max", to.age_max_s, kAgeMost);
    to.keep_local_mib = section.number("keep_local_mib", to.keep_local_mib, 0, kMibMost);
    to.keep_local_for_s = section.duration_s("keep_local_for", to.keep_local_for_s, kForMost);
    if (to.age_max_s <= to.every_s) {
        section.refuse("age_max",
                       "is no more than every, so the alarm would never be over; raise it");
    }
    section.finish();
}

void Parser::limits(Section section) {
    LimitsSection& to = config_.limits;
    const auto bound = [&](const char* key, std::uint32_t& value, std::uint64_t most) {
        value = static_cast<std::uint32_t>(section.number(key, value, 1, most));
    };
    bound("body_mib", to.body_mib, 1024);
    bound("operations", to.operations, 1'000'000);
    bound("lobby_mib", to.lobby_mib, 1024 * 1024);
    bound("header_kib", to.header_kib, 1024);
    bound("clock_skew_s", to.clock_skew_s, 900);
    section.finish();
}

void Parser::processes(Section section) {
    ProcessesSection& to = config_.processes;
    to.gateway = section.text("gateway", to.gateway, rules::id);
    to.recorder = section.text("recorder", to.recorder, rules::id);
    to.signer = section.text("signer", to.signer, rules::id);
    if (to.gateway == to.signer || to.recorder == to.signer) {
        section.refuse("signer", "is another process's user too; give the signer one of its own");
    }
    if (to.gateway == to.recorder) {
        section.refuse("recorder", "is the gateway's user too; give the recorder one of its own");
    }
    section.finish();
}

void Parser::issuer(Section section) {
    identity::Issuer to;
    to.name = section.required("name", rules::id);
    to.url = section.required("issuer", rules::not_empty);
    to.audience = section.required("audience", rules::not_empty);
    const std::string keys = section.required("jwks", rules::jwks);
    to.jwks = resolved(keys);
    if (!take_name("issuer", to.name) || !take_name("issuer url", to.url)) {
        section.refuse("name", "or its issuer stands in another [[issuer]] too; remove one");
    }
    if (!keys.empty() && keys.find("://") == std::string::npos) {
        const auto text = read(keys);
        const auto parsed = text ? identity::parse_jwks(text.value())
                                 : decltype(identity::parse_jwks(""))(text.error());
        if (!parsed) {
            section.refuse("jwks", "cannot be used: " + parsed.error().what);
        }
    }
    section.finish();
    config_.issuers.push_back(std::move(to));
}

std::vector<identity::ClaimRule> Parser::claims(Section& section) {
    std::vector<identity::ClaimRule> out;
    if (auto table = section.table("claims")) {
        for (auto& [claim, pattern] : table->members()) {
            out.push_back({std::move(claim), std::move(pattern)});
        }
    }
    return out;
}

identity::Enrolment Parser::enrolment(Section& section, bool may_have_public_key) {
    identity::Enrolment to;
    if (const auto bytes = codec::unhex(section.text("key_sha256", "", rules::sha256));
        bytes && bytes.value().size() == 32) {
        to.key_sha256.emplace();
        std::copy(bytes.value().begin(), bytes.value().end(), to.key_sha256->begin());
    }
    if (may_have_public_key) {
        const auto bytes = codec::unbase64(section.text("public_key", "", rules::ed25519));
        if (bytes && bytes.value().size() == 32) {
            to.public_key.emplace();
            std::copy(bytes.value().begin(), bytes.value().end(), to.public_key->begin());
        }
    }
    to.issuer = section.text("issuer", "", rules::id);
    to.claims = claims(section);
    check_enrolment(section, to, may_have_public_key);
    return to;
}

void Parser::check_enrolment(Section& section, const identity::Enrolment& enrolment,
                             bool public_key) {
    const int ways = (section.has("key_sha256") ? 1 : 0) + (section.has("public_key") ? 1 : 0) +
                     (section.has("issuer") ? 1 : 0);
    if (ways != 1) {
        section.refuse("id", public_key ? "proves itself in no or several ways; give one of "
                                          "key_sha256, public_key or issuer with claims"
                                        : "proves itself in no or several ways; give one of "
                                          "key_sha256 or issuer with claims");
    }
    if (!section.has("issuer")) {
        if (!enrolment.claims.empty()) {
            section.refuse("claims", "stand without an issuer; add issuer or remove them");
        }
        return;
    }
    const bool known = std::any_of(
        config_.issuers.begin(), config_.issuers.end(),
        [&](const identity::Issuer& issuer) { return issuer.name == enrolment.issuer; });
    if (!known) {
        section.refuse("issuer", "is not the name of an [[issuer]]; add it or correct the name");
    }
    const bool binds = std::any_of(
        enrolment.claims.begin(), enrolment.claims.end(), [](const identity::ClaimRule& rule) {
            return rule.pattern.find_first_not_of('*') != std::string::npos;
        });
    if (!binds) {
        section.refuse("claims",
                       "let any token of the issuer pass; add a claim that only this "
                       "one has, such as sub");
    }
}

void Parser::launcher(Section section) {
    identity::Launcher to;
    to.id = section.required("id", rules::id);
    to.enrolment = enrolment(section, false);
    if (!take_name("launcher", to.id)) {
        section.refuse("id", "stands in another [[launcher]] too; rename one");
    }
    if (to.enrolment.key_sha256 && !take_name("key", codec::hex(*to.enrolment.key_sha256))) {
        section.refuse("key_sha256", "is enrolled elsewhere too; give each its own key");
    }
    section.finish();
    config_.launchers.push_back(std::move(to));
}

void Parser::reviewer(Section section) {
    identity::Launcher to;
    to.id = section.required("id", rules::id);
    to.enrolment = enrolment(section, false);
    to.reviewer = true;
    if (!take_name("reviewer", to.id) || names_.contains("launcher " + to.id)) {
        section.refuse("id", "stands in another [[reviewer]] or a [[launcher]] too; rename one");
    }
    if (to.enrolment.key_sha256 && !take_name("key", codec::hex(*to.enrolment.key_sha256))) {
        section.refuse("key_sha256", "is enrolled elsewhere too; give each its own key");
    }
    section.finish();
    config_.launchers.push_back(std::move(to));
}

void Parser::agent(Section section) {
    identity::Agent to;
    to.id = section.required("id", rules::id);
    to.enrolment = enrolment(section, true);
    if (!take_name("agent", to.id)) {
        section.refuse("id", "stands in another [[agent]] too; rename one");
    }
    if (to.enrolment.key_sha256 && !take_name("key", codec::hex(*to.enrolment.key_sha256))) {
        section.refuse("key_sha256", "is enrolled elsewhere too; give each its own key");
    }
    section.finish();
    config_.agents.push_back(std::move(to));
}

ScopeFile Parser::scope(Section& section) {
    ScopeFile to;
    to.path = section.required("scope", rules::not_empty);
    if (to.path.empty()) {
        return to;
    }
    auto text = read(to.path);
    if (!text) {
        section.refuse("scope", "cannot be read: " + text.error().what);
        return to;
    }
    to.text = std::move(text).value();
    to.sha256 = crypto::sha256(to.text);
    const auto policy = codec::json_decode(to.text);
    if (!policy || policy.value().as<codec::Map>() == nullptr) {
        section.refuse("scope", "is not an IAM policy document: " +
                                    (policy ? "not a JSON object" : policy.error().what));
    }
    return to;
}

Budget Parser::budget(Section& section) {
    Budget to;
    if (auto table = section.table("budget")) {
        constexpr std::uint64_t kMost = 0xFFFFFFFF;
        to.bytes_mib = table->number("bytes_mib", to.bytes_mib, 1, kMost);
        to.in_flight =
            static_cast<std::uint32_t>(table->number("in_flight", to.in_flight, 1, kMost));
        to.per_second = static_cast<std::uint32_t>(table->number("per_second", 0, 1, kMost));
        table->finish();
    }
    return to;
}

void Parser::check_role(Section& section, const Connection& connection) {
    const std::string start =
        "arn:" + connection.partition + ":iam::" + connection.account + ":role/";
    if (!connection.role_arn.starts_with(start) || connection.role_arn.size() == start.size()) {
        section.refuse("role_arn",
                       "is not a role of the connection's account and partition; it "
                       "begins with " +
                           start);
    }
}

std::map<std::string, std::string, std::less<>> Parser::partition_keys(Section& section) {
    std::map<std::string, std::string, std::less<>> to;
    if (auto table = section.table("partition_keys")) {
        for (auto& [name, attribute] : table->members()) {
            const std::string why = rules::dynamodb_table(name);
            if (!why.empty() || attribute.empty()) {
                table->refuse(name, why.empty() ? "names no attribute" : why);
            }
            to.emplace(std::move(name), std::move(attribute));
        }
    }
    return to;
}

void Parser::connection(Section section) {
    Connection to;
    to.name = section.required("name", rules::id);
    to.type = section.text("type", "aws", [](std::string_view text) {
        return text == "aws" ? "" : "is not a type of connection; write aws";
    });
    to.account = section.required("account", rules::account);
    to.partition = section.text("partition", "aws", rules::partition);
    to.regions = section.texts("regions", rules::region);
    if (to.regions.empty()) {
        section.refuse("regions", "names no region; list those that may be used");
    }
    to.role_arn = section.required("role_arn", rules::anything);
    check_role(section, to);
    to.external_id = section.text("external_id", "", rules::not_empty);
    to.profile = section.text("profile", "", rules::not_empty);
    to.endpoint = section.text("endpoint", "", rules::endpoint);
    to.egress = rules::parse_egress(section.texts("egress", rules::egress));
    to.unsigned_operations = section.texts("unsigned", rules::unsigned_operation);
    to.scope = scope(section);
    to.budget = budget(section);
    to.partition_keys = partition_keys(section);
    if (!take_name("connection", to.name)) {
        section.refuse("name", "stands in another [[connection]] too; rename one");
    }
    section.finish();
    config_.connections.push_back(std::move(to));
}

void Parser::grant(Section section) {
    identity::Grant to;
    to.agent = section.required("agent", rules::id);
    to.connections = section.texts("connections", rules::id);
    to.launchers = section.texts("launchers", rules::id);
    to.principals = section.texts("principals", rules::anything);
    to.lifetime_max_s =
        section.duration_s("lifetime_max", identity::kLifetimeMaxS, identity::kLifetimeMaxS);
    to.self_start = section.flag("self_start", false);
    check_grant(section, to);
    section.finish();
    config_.grants.push_back(std::move(to));
}

void Parser::check_grant(Section& section, const identity::Grant& grant) {
    const auto check = [&](const char* key, const char* kind, const std::string& name) {
        if (!name.empty() && !names_.contains(std::string(kind) + " " + name)) {
            section.refuse(key, fmt::format("names \"{}\", and there is no [[{}]] of that name; "
                                            "add it or correct the name",
                                            codec::printable(name), kind));
        }
    };
    check("agent", "agent", grant.agent);
    for (const std::string& name : grant.connections) check("connections", "connection", name);
    for (const std::string& name : grant.launchers) check("launchers", "launcher", name);
    if (grant.connections.empty()) {
        section.refuse("connections", "grants no connection; list at least one");
    }
    if (grant.launchers.empty() && !grant.self_start) {
        section.refuse("launchers",
                       "lets nobody start a session; list launchers, or set "
                       "self_start = true to let the agent start its own");
    }
}

}  // namespace narrows::gateway
