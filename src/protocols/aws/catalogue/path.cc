#include "protocols/aws/catalogue/path.h"

#include <utility>

#include <fmt/format.h>

namespace narrows::aws {
namespace {

using codec::List;
using codec::Map;
using codec::Value;

struct Step {
    enum Kind { member, elements, values, keys } kind;
    std::string_view name;
};

/// The first step of a path; shortens `path` by it.
Step take_step(std::string_view& path) {
    const auto take = [&](std::size_t size, Step step) {
        path.remove_prefix(size);
        return step;
    };
    if (path.starts_with("[]")) return take(2, {Step::elements, {}});
    if (path.starts_with("{@}")) return take(3, {Step::keys, {}});
    if (path.starts_with("{}")) return take(2, {Step::values, {}});
    if (path.starts_with('.')) path.remove_prefix(1);
    const std::size_t end = std::min(path.find_first_of(".[{"), path.size());
    return take(end, {Step::member, path.substr(0, end)});
}

void advance(const Value& from, const Step& step, std::vector<const Value*>& to) {
    if (step.kind == Step::member) {
        if (const Value* found = from.find(step.name)) to.push_back(found);
    } else if (const List* list = from.as<List>(); list && step.kind == Step::elements) {
        for (const Value& element : *list) to.push_back(&element);
    } else if (const Map* map = from.as<Map>(); map && step.kind == Step::values) {
        for (const auto& [key, value] : *map) to.push_back(&value);
    }
}

std::string text_of(const Value& value) {
    if (const auto* text = value.as<std::string>()) return *text;
    if (const auto* truth = value.as<bool>()) return *truth ? "true" : "false";
    if (const auto* number = value.as<std::int64_t>()) return std::to_string(*number);
    if (const auto* number = value.as<double>()) return fmt::format("{}", *number);
    return {};
}

bool is_plain(const Value& value) {
    return value.as<std::string>() || value.as<bool>() || value.as<std::int64_t>() ||
           value.as<double>();
}

}  // namespace

std::vector<const Value*> nodes_at(const Value& from, std::string_view path) {
    std::vector<const Value*> nodes{&from};
    while (!path.empty() && !nodes.empty()) {
        const Step step = take_step(path);
        std::vector<const Value*> next;
        for (const Value* node : nodes) advance(*node, step, next);
        nodes = std::move(next);
    }
    return nodes;
}

std::vector<std::string> values_at(const Value& from, std::string_view path) {
    static constexpr std::string_view kKeys = "{@}";
    std::vector<std::string> values;
    const bool keys = path.ends_with(kKeys);
    if (keys) path.remove_suffix(kKeys.size());
    for (const Value* node : nodes_at(from, path)) {
        if (const Map* map = node->as<Map>(); map && keys) {
            for (const auto& [key, value] : *map) values.push_back(key);
        } else if (!keys && is_plain(*node)) {
            values.push_back(text_of(*node));
        }
    }
    return values;
}

}  // namespace narrows::aws
