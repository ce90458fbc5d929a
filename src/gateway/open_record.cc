#include "gateway/open_record.h"

#include "codec/text.h"

namespace narrows::gateway {
namespace {

codec::Map connection_value(const session::Connection& granted) {
    codec::Map value;
    value.emplace("name", granted.name);
    value.emplace("type", granted.type);
    value.emplace("account", granted.account);
    value.emplace("partition", granted.partition);
    value.emplace("regions", codec::List(granted.regions.begin(), granted.regions.end()));
    value.emplace("role_arn", granted.role_arn);
    value.emplace("endpoint", granted.endpoint);
    value.emplace("scope", granted.scope.text());
    value.emplace("scope_sha256", granted.scope.digest_hex());
    value.emplace("session_policy", granted.session_policy);
    value.emplace("enforced_again", granted.enforced_again);
    value.emplace("key_id", granted.key_id);
    codec::Map keys(granted.partition_keys.begin(), granted.partition_keys.end());
    if (!keys.empty()) value.emplace("partition_keys", std::move(keys));
    codec::List egress;
    for (const session::Egress& rule : granted.egress) {
        egress.emplace_back(rule.host + ":" + std::to_string(rule.port));
    }
    value.emplace("egress", std::move(egress));
    const std::vector<std::string>& named = granted.unsigned_operations;
    value.emplace("unsigned", codec::List(named.begin(), named.end()));
    return value;
}

codec::List connections_value(const session::Terms& terms) {
    codec::List connections;
    for (const session::Connection& granted : terms.connections) {
        connections.emplace_back(connection_value(granted));
    }
    return connections;
}

codec::Map task_value(const Task& task) {
    codec::Map value;
    value.emplace("id", task.id);
    value.emplace("title", task.title);
    value.emplace("reason", task.reason);
    value.emplace("link", task.link);
    value.emplace("requested_by", task.requested_by);
    return value;
}

codec::Map digests(const Runtime& runtime, const Settings& settings) {
    codec::Map value;
    value.emplace("catalogue", runtime.services->catalogue_digest);
    value.emplace("binary", runtime.binary_sha256);
    value.emplace("config", codec::hex(settings.config.digest));
    return value;
}

codec::Map& group(codec::Map& payload, const char* provenance) {
    const auto at = payload.try_emplace(provenance, codec::Map{}).first;
    return *at->second.as<codec::Map>();
}

codec::Map grant_value(const identity::Authority& authority) {
    codec::Map value;
    value.emplace("sha256", codec::hex(authority.grant_sha256));
    codec::List grants;
    for (const identity::Grant& grant : authority.grants) {
        grants.emplace_back(identity::to_value(grant));
    }
    value.emplace("grants", std::move(grants));
    return value;
}

}  // namespace

codec::Map open_payload(const Runtime& runtime, const Start& start,
                        const identity::Authority& authority, const Settings& settings,
                        const session::Terms& terms) {
    codec::Map observed;
    observed.emplace("session", terms.id.value());
    observed.emplace("kind", "session");
    observed.emplace("started_at", terms.started_at);
    observed.emplace("expires_at", terms.expires_at);
    observed.emplace("self_started", authority.self_started);
    observed.emplace("connections", connections_value(terms));
    observed.emplace("grant", grant_value(authority));
    observed.emplace("enforcement", enforcement());
    observed.emplace("digests", digests(runtime, settings));
    codec::Map payload;
    payload.emplace("observed", std::move(observed));
    codec::Map& verified = group(payload, "verified");
    verified.emplace("agent", identity::to_value(start.agent));
    if (start.launcher) {
        verified.emplace("launcher", identity::to_value(*start.launcher));
    }
    group(payload, start.launcher ? "attested" : "stated").emplace("task", task_value(start.task));
    group(payload, "stated")
        .emplace("principal", start.principal.empty() ? "none" : start.principal);
    return payload;
}

codec::Value complete_open(const Runtime& runtime, codec::Map payload, model::PartNo part,
                           model::PartNo predecessor) {
    codec::Map& observed = group(payload, "observed");
    observed.insert_or_assign("part", part.value());
    observed.insert_or_assign("predecessor", predecessor.value() == 0
                                                 ? codec::Value()
                                                 : codec::Value(predecessor.value()));
    codec::Map gateway;
    gateway.emplace("name", runtime.name);
    gateway.emplace("version", runtime.version);
    gateway.emplace("boot", runtime.boot);
    observed.insert_or_assign("gateway", std::move(gateway));
    return payload;
}

codec::Map own_open_payload(const Runtime& runtime, const std::string& kind) {
    codec::Map observed;
    observed.emplace("session", "");
    observed.emplace("kind", kind);
    observed.emplace("started_at", runtime.clock.wall());
    codec::Map payload;
    payload.emplace("observed", std::move(observed));
    return payload;
}

namespace {

std::vector<std::string> texts_of(const codec::Value& value, std::string_view key) {
    std::vector<std::string> texts;
    const codec::Value* listed = value.find(key);
    if (listed != nullptr && listed->as<codec::List>() != nullptr) {
        for (const codec::Value& each : *listed->as<codec::List>()) {
            const std::string* text = each.as<std::string>();
            texts.push_back(text == nullptr ? std::string() : *text);
        }
    }
    return texts;
}

Result<session::Connection> connection_from(const Settings& settings, const codec::Value& value) {
    const Connection* configured = settings.config.connection(value.text("name"));
    if (configured == nullptr) {
        return fail(ErrorCode::not_found,
                    "connection " + value.text("name") + " is not configured any more");
    }
    if (configured->account != value.text("account") ||
        configured->role_arn != value.text("role_arn")) {
        return fail(ErrorCode::denied,
                    "connection " + value.text("name") + " leads to another account or role now");
    }
    NARROWS_TRY(policy::Scope scope, policy::Scope::parse(value.text("scope")));
    std::vector<session::Egress> egress;
    egress.reserve(configured->egress.size());
    for (const EgressRule& rule : configured->egress) {
        egress.push_back({rule.host, rule.port});
    }
    std::string key_id = value.text("key_id");
    return session::Connection{value.text("name"),
                               value.text("type"),
                               value.text("account"),
                               value.text("partition"),
                               texts_of(value, "regions"),
                               value.text("role_arn"),
                               configured->external_id,
                               configured->profile,
                               configured->endpoint,
                               std::move(egress),
                               {configured->budget.bytes_mib << 20, configured->budget.in_flight,
                                configured->budget.per_second},
                               std::move(scope),
                               value.text("session_policy"),
                               value.truth("enforced_again"),
                               std::move(key_id),
                               codec::text_members(value.find("partition_keys")),
                               texts_of(value, "unsigned")};
}

/// The grants of the configuration in force that still cover the session.
Result<identity::Authority> authority_now(const Settings& settings, const session::Terms& terms,
                                          const codec::Value& verified) {
    identity::StartRequest request;
    request.agent = terms.agent;
    const codec::Value* launcher = verified.find("launcher");
    if (launcher != nullptr) {
        request.launcher = launcher->text("id");
    }
    request.principal = terms.principal;
    for (const session::Connection& granted : terms.connections) {
        request.connections.push_back(granted.name);
    }
    request.lifetime_s = (terms.expires_at - terms.started_at) / kNsPerSecond;
    return identity::authorise_start(settings.registry, request);
}

}  // namespace

Result<session::Terms> terms_from_open(const Runtime& runtime, const Settings& settings,
                                       const codec::Value& payload) {
    const codec::Value* observed = payload.find("observed");
    const codec::Value* verified = payload.find("verified");
    const codec::Map* whole = payload.as<codec::Map>();
    const codec::Value* listed = observed == nullptr ? nullptr : observed->find("connections");
    if (whole == nullptr || verified == nullptr || listed == nullptr ||
        listed->as<codec::List>() == nullptr) {
        return fail(ErrorCode::corrupt, "an OPEN record does not have the form of one");
    }
    session::Terms terms;
    terms.id = model::SessionId(observed->text("session"));
    const codec::Value* agent = verified->find("agent");
    terms.agent = agent == nullptr ? std::string() : agent->text("id");
    const codec::Value* stated = payload.find("stated");
    const std::string principal = stated == nullptr ? "none" : stated->text("principal", "none");
    terms.principal = principal == "none" ? std::string() : principal;
    for (const char* provenance : {"attested", "stated"}) {
        const codec::Value* group_value = payload.find(provenance);
        const codec::Value* task = group_value == nullptr ? nullptr : group_value->find("task");
        if (task != nullptr) {
            terms.task_id = task->text("id");
        }
    }
    terms.started_at = observed->number("started_at");
    terms.expires_at = observed->number("expires_at");
    for (const codec::Value& value : *listed->as<codec::List>()) {
        NARROWS_TRY(session::Connection granted, connection_from(settings, value));
        terms.connections.push_back(std::move(granted));
    }
    NARROWS_TRY(const identity::Authority authority, authority_now(settings, terms, *verified));
    terms.open = *whole;
    codec::Map& now = group(terms.open, "observed");
    now.insert_or_assign("connections", connections_value(terms));
    now.insert_or_assign("grant", grant_value(authority));
    now.insert_or_assign("digests", digests(runtime, settings));
    return terms;
}

}  // namespace narrows::gateway
