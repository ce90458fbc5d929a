#include "http/message.h"

#include <algorithm>
#include <array>

namespace narrows::http {
namespace {

/// Fields that may stand once only: a second one is how two readers are made to disagree.
constexpr std::array<std::string_view, 9> kSingletons = {
    "host",         "authorization",        "proxy-authorization",  "x-amz-date",  "date",
    "content-type", "x-amz-security-token", "x-amz-content-sha256", "x-amz-target"};

/// What Connection may name (RFC 9110 section 7.6.1). Naming any other field asks for its removal
/// on the way, after it was decided upon: "Connection: content-length", "Connection: x-amz-date".
constexpr std::array<std::string_view, 5> kConnectionOptions = {"close", "keep-alive", "te",
                                                                "upgrade", "http2-settings"};

bool names_other_fields(const Headers& headers) {
    for (const codec::Pair& field : headers) {
        if (!codec::iequals(field.name, "connection")) {
            continue;
        }
        for (const std::string_view option : codec::split(field.value, ',')) {
            const auto is_option = [name = codec::trim(option)](std::string_view known) {
                return name.empty() || codec::iequals(name, known);
            };
            if (std::none_of(kConnectionOptions.begin(), kConnectionOptions.end(), is_option)) {
                return true;
            }
        }
    }
    return false;
}

}  // namespace

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

const char* why_ambiguous(const Headers& headers, bool is_request) {
    const std::size_t lengths = count(headers, "content-length");
    const std::string_view length = header(headers, "content-length");
    if (lengths > 1 || (lengths == 1 && (length.empty() || length.size() > 18 ||
                                         length.find_first_not_of("0123456789") != length.npos))) {
        return "Content-Length is not one plain number";
    }
    const std::size_t encodings = count(headers, "transfer-encoding");
    if (encodings > 1 ||
        (encodings == 1 && !codec::iequals(header(headers, "transfer-encoding"), "chunked"))) {
        return "the only Transfer-Encoding spoken here is chunked";
    }
    if (lengths + encodings > 1) {
        return "Content-Length and Transfer-Encoding together";
    }
    for (const std::string_view name : kSingletons) {
        if (is_request && count(headers, name) > 1) {
            return "a field that may stand once stands twice";
        }
    }
    if (is_request && names_other_fields(headers)) {
        return "Connection names a field that it must not take away";
    }
    return nullptr;
}

}  // namespace narrows::http
