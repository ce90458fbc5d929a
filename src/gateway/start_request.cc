#include "gateway/start_request.h"

#include <set>

#include "codec/json.h"

namespace narrows::gateway {
namespace {

constexpr std::size_t kTextMax = 4096;

/// The text at a member, bounded; absent is empty.
Result<std::string> text_at(const codec::Value& map, const char* key) {
    const codec::Value* member = map.find(key);
    if (member == nullptr || member->is_null()) {
        return std::string();
    }
    const std::string* text = member->as<std::string>();
    if (text == nullptr || text->size() > kTextMax) {
        return fail(ErrorCode::invalid, std::string(key) + " must be text of at most 4096 bytes");
    }
    return *text;
}

Result<void> only_known(const codec::Value& map, const std::set<std::string_view>& known) {
    const codec::Map* members = map.as<codec::Map>();
    if (members == nullptr) {
        return fail(ErrorCode::invalid, "a JSON object is expected");
    }
    for (const auto& [key, value] : *members) {
        if (!known.contains(key)) {
            return fail(ErrorCode::invalid, "the request has a member that is not known here");
        }
    }
    return ok();
}

Result<Task> task_of(const codec::Value& body) {
    const codec::Value* value = body.find("task");
    if (value == nullptr) {
        return fail(ErrorCode::invalid, "no task, no session: give task.title and task.reason");
    }
    NARROWS_TRY(only_known(*value, {"id", "title", "reason", "link", "requested_by"}));
    Task task;
    NARROWS_TRY(task.id, text_at(*value, "id"));
    NARROWS_TRY(task.title, text_at(*value, "title"));
    NARROWS_TRY(task.reason, text_at(*value, "reason"));
    NARROWS_TRY(task.link, text_at(*value, "link"));
    NARROWS_TRY(task.requested_by, text_at(*value, "requested_by"));
    if (task.title.empty()) {
        return fail(ErrorCode::invalid, "no task, no session: task.title is empty");
    }
    return task;
}

Result<std::vector<std::string>> connections_of(const codec::Value& body) {
    const codec::Value* value = body.find("connections");
    const codec::List* list = value == nullptr ? nullptr : value->as<codec::List>();
    if (list == nullptr || list->empty() || list->size() > 16) {
        return fail(ErrorCode::invalid, "connections must be a list of 1 to 16 names");
    }
    std::vector<std::string> names;
    for (const codec::Value& entry : *list) {
        const std::string* name = entry.as<std::string>();
        if (name == nullptr) {
            return fail(ErrorCode::invalid, "connections must be names");
        }
        names.push_back(*name);
    }
    return names;
}

}  // namespace

Result<Start> prove_start(identity::Authenticator& authenticator, const std::string& launcher_key,
                          const std::string& text) {
    // Nothing that a stranger sends is looked into.
    Start start;
    if (!launcher_key.empty()) {
        NARROWS_TRY(identity::Identity launcher, authenticator.launcher(launcher_key));
        start.launcher = std::move(launcher);
    }
    NARROWS_TRY(const codec::Value body, codec::json_decode(text));
    NARROWS_TRY(only_known(body, {"agent", "agent_key", "agent_token", "task", "principal",
                                  "connections", "lifetime_s"}));
    NARROWS_TRY(start.task, task_of(body));
    NARROWS_TRY(start.principal, text_at(body, "principal"));
    NARROWS_TRY(start.connections, connections_of(body));
    start.lifetime_s = body.number("lifetime_s", 0);
    NARROWS_TRY(const std::string agent, text_at(body, "agent"));
    NARROWS_TRY(const std::string key, text_at(body, "agent_key"));
    const codec::Value* token = body.find("agent_token");
    const std::string* token_text = token == nullptr ? nullptr : token->as<std::string>();
    if (key.empty() == (token_text == nullptr)) {
        return fail(ErrorCode::invalid,
                    "the agent proves itself by exactly one of agent_key and agent_token");
    }
    NARROWS_TRY(start.agent, authenticator.agent(agent, key.empty() ? *token_text : key));
    return start;
}

}  // namespace narrows::gateway
