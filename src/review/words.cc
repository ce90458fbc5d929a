#include "review/words.h"

#include <fmt/format.h>

#include "codec/json.h"

namespace narrows::review {

using codec::Value;

const Value& member(const Value& map, std::string_view name) {
    static const Value none;
    const Value* found = map.find(name);
    return found == nullptr ? none : *found;
}

Sourced sourced(const Value& payload, std::string_view name) {
    for (const char* group : {"verified", "observed", "attested", "stated", "derived"}) {
        const Value* found = member(payload, group).find(name);
        if (found != nullptr && !found->is_null()) {
            return {found, group};
        }
    }
    return {};
}

Claim claim_of(const Value& open, std::string_view name) {
    const Sourced found = sourced(open, name);
    if (found.value == nullptr) {
        return {};
    }
    if (const std::string* text = found.value->as<std::string>()) {
        return {*text, found.provenance};
    }
    std::string words = found.value->text("title", found.value->text("id"));
    if (words.empty()) {
        words = codec::json_encode(*found.value);
    }
    return {std::move(words), found.provenance};
}

std::string operation_name(const Value& intent) {
    const Value& derived = member(intent, "derived");
    const std::string service = derived.text("service");
    if (!service.empty()) {
        return service + ":" + derived.text("operation");
    }
    const Value& request = member(member(intent, "observed"), "request");
    return fmt::format("not recognised: {} {}", request.text("method"), request.text("target"));
}

std::string enforcement_words(const Value& open) {
    const Value& enforcement = member(member(open, "observed"), "enforcement");
    std::string words = enforcement.text("words");
    const std::string level = enforcement.text("level");
    if (!words.empty()) {
        return words;
    }
    if (level.empty()) {
        return "The recording does not say whether the agent could have gone around the gateway.";
    }
    return fmt::format("Enforcement level: {}.", level);
}

std::string short_parameters(const Value& intent, std::size_t size_max) {
    const Value& parameters = member(member(intent, "derived"), "parameters");
    const codec::Map* map = parameters.as<codec::Map>();
    std::string line;
    if (map == nullptr) {
        return line;
    }
    for (const auto& [name, value] : *map) {
        const std::string* text = value.as<std::string>();
        std::string shown = text != nullptr ? *text : codec::json_encode(value);
        if (shown.size() > 60) {
            shown = shown.substr(0, 57) + "...";
        }
        line += fmt::format("{}{}={}", line.empty() ? "" : " ", name, shown);
        if (line.size() > size_max) {
            return line.substr(0, size_max - 3) + "...";
        }
    }
    return line;
}

}  // namespace narrows::review
