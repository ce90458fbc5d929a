#include "reconcile/actors.h"

#include "codec/json.h"
#include "codec/text.h"
#include "reconcile/makers.h"

namespace narrows::reconcile {
namespace {

using codec::Value;

constexpr std::string_view kPods = "pods.eks.amazonaws.com";
constexpr std::string_view kTagMark = ":tag/";
constexpr std::size_t kPolicyBytesMax = 64 * 1024;  // AWS takes 2,048 characters

/// All values of a member that is one text or a list of them.
std::vector<std::string> words_of(const Value& map, std::string_view name) {
    const Value* found = map.find(name);
    return found == nullptr ? std::vector<std::string>() : texts_at(*found, "");
}

const codec::List& list_of(const Value* value) {
    static const codec::List kNone;
    const codec::List* list = value == nullptr ? nullptr : value->as<codec::List>();
    return list == nullptr ? kNone : *list;
}

std::string web_actor(std::string_view role, std::string_view provider, std::string_view subject) {
    std::string out = std::string(role) + "@oidc/" + provider_name(provider);
    return subject.empty() ? out : out.append("#").append(subject);
}

/// Those that a statement asks for by StringEquals; empty: it does not.
std::vector<std::string> subjects_of(const Value& statement, std::string_view provider) {
    const Value* condition = statement.find("Condition");
    const Value* equals = condition == nullptr ? nullptr : condition->find("StringEquals");
    return equals == nullptr ? std::vector<std::string>()
                             : words_of(*equals, provider_name(provider) + ":sub");
}

void web_actors_of(std::string_view role, const Value& statement, std::vector<std::string>& out) {
    const Value* principal = statement.find("Principal");
    if (statement.text("Effect") != "Allow" || principal == nullptr) {
        return;
    }
    for (const std::string& provider : words_of(*principal, "Federated")) {
        const auto subjects = subjects_of(statement, provider);
        for (const std::string& subject : subjects) {
            out.push_back(web_actor(role, provider, subject));
        }
        if (subjects.empty()) {
            out.push_back(web_actor(role, provider, ""));
        }
    }
}

std::string pod_of(const Event& event) {
    std::string cluster;
    std::string space;
    std::string account;
    for (const Value& tag : list_of(event.parameters.find("tags"))) {
        const std::string key = tag.text("key");
        std::string* const part = key == "eks-cluster-name"             ? &cluster
                                  : key == "kubernetes-namespace"       ? &space
                                  : key == "kubernetes-service-account" ? &account
                                                                        : nullptr;
        if (part != nullptr) {
            *part = tag.text("value");
        }
    }
    return pod_actor(event.assumed, cluster, space, account);
}

}  // namespace

std::string session_actor(std::string_view account, std::string_view session_name) {
    return std::string(account).append(":session/").append(session_name);
}

std::string key_actor(std::string_view key_id) {
    return std::string("key/").append(key_id);
}

std::string service_actor(std::string_view role, std::string_view service) {
    return std::string(role).append("@").append(service);
}

std::string pod_actor(std::string_view role, std::string_view cluster, std::string_view space,
                      std::string_view account) {
    if (role.empty() || cluster.empty() || space.empty() || account.empty()) {
        return {};
    }
    std::string out = service_actor(role, kPods);
    for (const std::string_view part : {cluster, space, account}) {
        out.append("/").append(part);
    }
    return out;
}

std::string tag_actor(std::string_view account, std::string_view region, std::string_view tag,
                      std::string_view value) {
    std::string out = std::string(account).append(kTagMark).append(region);
    return out.append("/").append(tag).append("=").append(value);
}

bool is_tag_actor(std::string_view actor) {
    return actor.find(kTagMark) != actor.npos;
}

std::string provider_actor(std::string_view account, std::string_view provider) {
    return std::string(account).append(":oidc/").append(provider_name(provider));
}

std::vector<std::string> web_actors(std::string_view role, std::string_view policy) {
    std::vector<std::string> out;
    const Result<Value> read = policy.size() > kPolicyBytesMax
                                   ? Result<Value>(fail(ErrorCode::exhausted, "too long"))
                                   : codec::json_decode(policy);
    const Value* statements = read.has_value() ? read.value().find("Statement") : nullptr;
    if (statements != nullptr && statements->as<codec::Map>() != nullptr) {
        web_actors_of(role, *statements, out);
    }
    for (const Value& statement : list_of(statements)) {
        web_actors_of(role, statement, out);
    }
    return out;
}

std::string provider_name(std::string_view provider) {
    for (const std::string_view before : {":oidc-provider/", "https://"}) {
        const std::size_t at = provider.find(before);
        provider = at == provider.npos ? provider : provider.substr(at + before.size());
    }
    return std::string(provider.substr(0, provider.find_last_not_of('/') + 1));
}

std::vector<std::string> receivers_of(const Event& event) {
    if (!event.provider.empty()) {
        return {web_actor(event.assumed, event.provider, event.subject),
                web_actor(event.assumed, event.provider, ""),
                provider_actor(event.assumed.substr(0, event.assumed.find(':')), event.provider)};
    }
    if (!event.is_service) {
        return {};
    }
    const std::string_view by = plain_service(event.invoked_by);
    return {by == kPods ? pod_of(event) : service_actor(event.assumed, by)};
}

std::vector<std::string> tag_actors_of(const Event& event) {
    std::vector<std::string> out;
    const Value* sets = event.parameters.find("tagSpecificationSet");
    if (event.invoked_by.empty() || sets == nullptr) {
        return out;
    }
    for (const Value& set : list_of(sets->find("items"))) {
        for (const Value& tag : list_of(set.find("tags"))) {
            const std::string key = tag.text("key");
            if (key.starts_with("aws:") && out.size() < kMadeByOneMax) {
                out.push_back(
                    tag_actor(caller_account(event), event.region, key, tag.text("value")));
            }
        }
    }
    return out;
}

std::string_view plain_service(std::string_view service) {
    constexpr std::string_view kChina = ".cn";
    return service.ends_with(kChina) ? service.substr(0, service.size() - kChina.size()) : service;
}

std::string caller_account(const Event& event) {
    return event.account.empty() ? event.principal.substr(0, event.principal.find(':'))
                                 : event.account;
}

}  // namespace narrows::reconcile
