#include "reconcile/makers.h"

#include <algorithm>
#include <utility>

#include "codec/json.h"
#include "codec/text.h"
#include "codec/xml.h"
#include "reconcile/actors.h"
#include "reconcile/events.h"
#include "reconcile/maker_table.h"

namespace narrows::reconcile {
namespace {

using codec::Value;

constexpr int kNestingMax = 32;

bool has_word(std::string_view names, std::string_view name) {
    const auto all = codec::split(names, ' ');
    return std::find(all.begin(), all.end(), name) != all.end();
}

template <class Row>
bool is_of(const Row& row, std::string_view service, std::string_view operation) {
    return row.service == service && has_word(row.operations, operation);
}

template <class Rows>
auto row_in(const Rows& rows, std::string_view service, std::string_view operation) {
    const auto found = std::find_if(
        rows.begin(), rows.end(), [&](const auto& row) { return is_of(row, service, operation); });
    return found == rows.end() ? nullptr : &*found;
}

bool is_wrapper(std::string_view name) {
    return name == "item" || name == "items" || name == "member" || name.ends_with("Result") ||
           name.ends_with("Response");
}

void collect(const Value& value, std::string_view path, int depth, std::vector<std::string>& out) {
    if (depth > kNestingMax || out.size() >= kMadeByOneMax) {
        return;
    }
    if (const auto* list = value.as<codec::List>()) {
        for (const Value& each : *list) {
            collect(each, path, depth + 1, out);
        }
        return;
    }
    if (const auto* map = value.as<codec::Map>()) {
        const std::string_view first = path.substr(0, path.find('.'));
        const std::string_view rest = path.substr(std::min(path.size(), first.size() + 1));
        for (const auto& [name, inside] : *map) {
            if (!first.empty() && codec::iequals(name, first)) {
                collect(inside, rest, depth + 1, out);
            } else if (is_wrapper(name)) {
                collect(inside, path, depth + 1, out);
            }
        }
        return;
    }
    const auto* text = value.as<std::string>();
    if (path.empty() && text != nullptr && !text->empty()) {
        out.push_back(*text);
    }
}

Value value_of(const codec::XmlElement& element) {
    if (element.children.empty()) {
        return element.text;
    }
    codec::Map map;
    for (const codec::XmlElement& child : element.children) {
        auto [at, is_new] = map.try_emplace(child.name, codec::List());
        at->second.as<codec::List>()->push_back(value_of(child));
    }
    return map;
}

std::string behind_last(std::string_view text, char separator) {
    const std::size_t last = text.rfind(separator);
    return std::string(last == text.npos ? text : text.substr(last + 1));
}

/// Of a name, of "ACCOUNT:function:NAME" or of an ARN, each with or without a qualifier.
std::string function_name(std::string_view text) {
    constexpr std::string_view kMark = "function:";
    const std::size_t mark = text.find(kMark);
    const std::string_view name = mark == text.npos ? text : text.substr(mark + kMark.size());
    return std::string(name.substr(0, name.find(':')));
}

/// A role's principal, of its ARN or its name.
std::string role_of(std::string_view text, std::string_view account) {
    return text.starts_with("arn:")
               ? principal_of(text)
               : std::string(account).append(":role/").append(behind_last(text, '/'));
}

std::vector<std::string> texts_of(const Making& by, std::string_view answered,
                                  std::string_view asked) {
    std::vector<std::string> out;
    if (!answered.empty()) {
        out = texts_at(by.answer, answered);
    }
    if (out.empty() && !asked.empty()) {
        out = texts_at(by.request, asked);
    }
    return out;
}

std::string text_of(const Making& by, std::string_view answered, std::string_view asked) {
    const auto all = texts_of(by, answered, asked);
    return all.empty() ? std::string() : all.front();
}

/// "family:3" of "arn:aws:ecs:us-east-1:123456789012:task-definition/family:3", "m" of
/// "arn:aws:states:us-east-1:123456789012:stateMachine:m"; a name is itself.
std::string plain_name(std::string_view text) {
    constexpr std::size_t kFieldsBefore = 5;
    if (!text.starts_with("arn:")) {
        return std::string(text);
    }
    for (std::size_t i = 0; i < kFieldsBefore && !text.empty(); ++i) {
        text.remove_prefix(std::min(text.size(), text.find(':') + 1));
    }
    const std::size_t kind = text.find_first_of(":/");
    return std::string(kind == text.npos ? text : text.substr(kind + 1));
}

std::string thing_of(const Making& by, std::string_view what, std::string_view name) {
    std::string out = by.account + ":" + by.region + ":";
    return out.append(what).append("/").append(plain_name(name));
}

/// Fills in `of.actor` and what goes with it; empty if it cannot be told.
void name_actor(const Maker& row, const Making& by, Made& of) {
    switch (row.form) {
        case Form::session:
            of.actor = session_actor(by.account, of.name);
            break;
        case Form::task:
            of.name = behind_last(of.name, '/');
            of.actor = session_actor(by.account, of.name);
            break;
        case Form::build:
            of.actor = session_actor(by.account, "AWSCodeBuild-" + behind_last(of.name, ':'));
            break;
        case Form::function:
            of.name = function_name(of.name);
            of.actor = session_actor(by.account, of.name);
            of.region = by.region;
            break;
        case Form::role:
            of.actor = by.account + ":role/" + of.name;
            break;
        case Form::user:
            of.actor = by.account + ":user/" + of.name;
            break;
        case Form::key:
            of.actor = key_actor(of.name);
            break;
        case Form::definition:
            of.name = plain_name(of.name);
            [[fallthrough]];
        case Form::service:
            of.is_shared = true;
            of.actor = of.role.empty() ? std::string() : service_actor(of.role, of.giver);
            break;
        case Form::shared:
            of.is_shared = true;
            of.actor = of.role.empty() ? std::string() : session_actor(by.account, row.word);
            break;
        case Form::pod:
            of.actor = pod_actor(of.role, text_of(by, "association.clusterName", "clusterName"),
                                 text_of(by, "association.namespace", "namespace"),
                                 text_of(by, "association.serviceAccount", "serviceAccount"));
            break;
        case Form::tagged:
            of.actor = tag_actor(by.account, by.region, row.word, of.name);
            break;
        case Form::provider:
            of.name = provider_name(of.name);
            of.actor = provider_actor(by.account, of.name);
            break;
        case Form::web:
            of.is_shared = true;
            of.actor = std::exchange(of.role, {});
            break;
    }
}

/// The roles that it may act in, one thing in each; of Form::web, whom the policy lets in.
std::vector<std::string> roles_of(const Maker& row, const Making& by) {
    if (row.form == Form::web) {
        return web_actors(role_of(text_of(by, "", row.asked), by.account),
                          text_of(by, "", row.roles));
    }
    std::vector<std::string> out;
    for (const std::string_view path : codec::split(row.roles, ' ')) {
        for (const std::string& name : texts_of(by, path, path)) {
            std::string role = role_of(name, by.account);
            if (std::find(out.begin(), out.end(), role) == out.end()) {
                out.push_back(std::move(role));
            }
        }
    }
    if (out.empty()) {
        const bool has_default = row.form == Form::service && !row.word.empty();
        out.push_back(has_default ? role_of(row.word, by.account) : std::string());
    }
    return out;
}

void add_made(const Maker& row, const Making& by, std::vector<Made>& out) {
    const std::vector<std::string> roles = roles_of(row, by);
    for (const std::string& name : texts_of(by, row.answered, row.asked)) {
        for (const std::string& role : roles) {
            Made of{.what = std::string(row.what),
                    .name = name,
                    .verb = std::string(row.verb),
                    .giver = std::string(row.giver),
                    .role = role,
                    .thing = thing_of(by, row.what, name)};
            name_actor(row, by, of);
            if (!of.actor.empty() && out.size() < kMadeByOneMax) {
                out.push_back(std::move(of));
            }
        }
    }
}

template <class Rows>
std::vector<Made> all_of(const Rows& rows, const Making& by) {
    std::vector<Made> out;
    for (const Maker& row : rows) {
        if (is_of(row, by.service, by.operation)) {
            add_made(row, by, out);
        }
    }
    return out;
}

}  // namespace

std::vector<Made> made_by(const Making& making) {
    return all_of(kMakers, making);
}

bool is_maker(std::string_view service, std::string_view operation) {
    return row_in(kMakers, service, operation) != nullptr;
}

Without without_role(std::string_view service, std::string_view operation) {
    const Maker* row = row_in(kMakers, service, operation);
    switch (row == nullptr ? Form::session : row->form) {
        case Form::service:
        case Form::shared:
            return Without::in_callers_name;
        case Form::definition:
            return Without::acts_in_none;
        case Form::web:
            return Without::lets_nobody_in;
        default:
            return Without::name_is_missing;
    }
}

bool makes_unnamed(std::string_view service, std::string_view operation) {
    return row_in(kUnnamed, service, operation) != nullptr;
}

std::string sets_off(const Making& making) {
    const Unnamed* row = row_in(kUnnamed, making.service, making.operation);
    if (row == nullptr || row->what.empty()) {
        return {};
    }
    const std::string name = text_of(making, row->answered, row->asked);
    return name.empty() ? std::string() : thing_of(making, row->what, name);
}

bool answer_tells(std::string_view service, std::string_view operation) {
    const Unnamed* row = row_in(kUnnamed, service, operation);
    return is_maker(service, operation) || (row != nullptr && !row->answered.empty());
}

std::vector<Made> ended_by(const Making& ending) {
    return all_of(kEnders, ending);
}

bool is_ender(std::string_view service, std::string_view operation) {
    return row_in(kEnders, service, operation) != nullptr;
}

Result<Value> read_answer(std::string_view body) {
    if (body.find_first_not_of(" \t\r\n") == body.npos) {
        return fail(ErrorCode::invalid, "the answer is empty");
    }
    if (body[body.find_first_not_of(" \t\r\n")] != '<') {
        return codec::json_decode(body);
    }
    NARROWS_TRY(const codec::XmlElement root, codec::xml_decode(body));
    return value_of(root);
}

std::vector<std::string> texts_at(const Value& value, std::string_view path) {
    std::vector<std::string> out;
    collect(value, path, 0, out);
    return out;
}

}  // namespace narrows::reconcile
