#include "base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace narrows::log {
namespace {

spdlog::logger& logger() {
    static const auto instance = spdlog::stderr_color_mt("narrows");
    return *instance;
}

spdlog::level::level_enum to_spdlog(Level level) {
    switch (level) {
        case Level::debug:
            return spdlog::level::debug;
        case Level::info:
            return spdlog::level::info;
        case Level::warn:
            return spdlog::level::warn;
        case Level::error:
            return spdlog::level::err;
    }
    return spdlog::level::err;
}

bool json_lines = false;

std::string json_escaped(std::string_view line) {
    std::string out;
    for (const char c : line) {
        if (c == '"' || c == '\\') {
            out.push_back('\\');
        }
        if (static_cast<unsigned char>(c) < 0x20) {
            out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
        } else {
            out.push_back(c);
        }
    }
    return out;
}

}  // namespace

void configure(Level least, bool json) {
    json_lines = json;
    logger().set_level(to_spdlog(least));
    logger().set_pattern(json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","line":"%v"})"
                              : "%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %v",
                         spdlog::pattern_time_type::utc);
}

void write(Level level, std::string_view line) {
    const std::string text = json_lines ? json_escaped(line) : std::string(line);
    logger().log(to_spdlog(level), spdlog::string_view_t(text.data(), text.size()));
}

}  // namespace narrows::log
