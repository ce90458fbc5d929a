#include "http/message.h"

#include <algorithm>

namespace narrows::http {

std::string_view header(const Headers& headers, std::string_view name) {
    const auto at = std::find_if(headers.begin(), headers.end(), [&](const auto& field) {
        return codec::iequals(field.name, name);
    });
    return at == headers.end() ? std::string_view() : std::string_view(at->value);
}

std::size_t count(const Headers& headers, std::string_view name) {
    return static_cast<std::size_t>(
        std::count_if(headers.begin(), headers.end(),
                      [&](const auto& field) { return codec::iequals(field.name, name); }));
}

void remove(Headers& headers, std::string_view name) {
    std::erase_if(headers, [&](const auto& field) { return codec::iequals(field.name, name); });
}

void set(Headers& headers, std::string_view name, std::string value) {
    remove(headers, name);
    headers.push_back({std::string(name), std::move(value)});
}

}  // namespace narrows::http
