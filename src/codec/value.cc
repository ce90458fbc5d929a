#include "codec/value.h"

namespace narrows::codec {

const Value* Value::find(std::string_view key) const {
    const Map* map = as<Map>();
    if (map == nullptr) {
        return nullptr;
    }
    const auto at = map->find(key);
    return at == map->end() ? nullptr : &at->second;
}

std::string Value::text(std::string_view key, std::string_view otherwise) const {
    const Value* member = find(key);
    const std::string* text = member == nullptr ? nullptr : member->as<std::string>();
    const Bytes* not_utf8 = member == nullptr ? nullptr : member->as<Bytes>();
    if (not_utf8 != nullptr) {
        return to_string(*not_utf8);
    }
    return text == nullptr ? std::string(otherwise) : *text;
}

std::int64_t Value::number(std::string_view key, std::int64_t otherwise) const {
    const Value* member = find(key);
    const std::int64_t* number = member == nullptr ? nullptr : member->as<std::int64_t>();
    return number == nullptr ? otherwise : *number;
}

bool Value::truth(std::string_view key, bool otherwise) const {
    const Value* member = find(key);
    const bool* truth = member == nullptr ? nullptr : member->as<bool>();
    return truth == nullptr ? otherwise : *truth;
}

std::map<std::string, std::string, std::less<>> text_members(const Value* map) {
    std::map<std::string, std::string, std::less<>> texts;
    const Map* members = map == nullptr ? nullptr : map->as<Map>();
    if (members == nullptr) {
        return texts;
    }
    for (const auto& [key, value] : *members) {
        if (const auto* text = value.as<std::string>()) {
            texts.emplace(key, *text);
        }
    }
    return texts;
}

}  // namespace narrows::codec
