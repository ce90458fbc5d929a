#include <iostream>
#include <string>

#include <fmt/format.h>

#include "codec/json.h"
#include "policy/scope.h"

// One JSON object a line: policy (text), action, resource, context (key to list of values; an empty
// list: absent), now (seconds since 1970, if known). Prints the reason of the decision, or "refused", a line each.
int main() {
    using namespace narrows;
    for (std::string line; std::getline(std::cin, line);) {
        const auto request = codec::json_decode(line);
        if (!request) return 2;
        const auto scope = policy::Scope::parse(request.value().text("policy"));
        if (!scope) {
            fmt::print("refused {}\n", scope.error().what);
            continue;
        }
        model::Operation operation;
        operation.effect = model::EffectClass::read;
        operation.accesses = {
            {request.value().text("action"), {{request.value().text("resource")}}}};
        for (const auto& [key, values] : *request.value().find("context")->as<codec::Map>()) {
            auto& list = operation.context[key];
            for (const codec::Value& value : *values.as<codec::List>()) {
                list.push_back(*value.as<std::string>());
            }
        }
        const auto* now = request.value().find("now");
        const auto* seconds = now == nullptr ? nullptr : now->as<std::int64_t>();
        policy::Facts facts{"agent", std::nullopt, "task", "session", std::nullopt};
        if (seconds != nullptr) facts.now = *seconds * kNsPerSecond;
        fmt::print("{}\n", model::name_of(decide(scope.value(), operation, facts).reason));
    }
    return 0;
}
