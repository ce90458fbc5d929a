#pragma once

#include <string_view>

#include <fmt/format.h>

/// The process's own log: one line an event, on standard error. It says what Narrows did; what
/// peers said stands in records, never here. No secrets.
namespace narrows::log {

enum class Level { debug, info, warn, error };

/// `json` writes one JSON object a line instead of text.
void configure(Level least, bool json);
void write(Level level, std::string_view line);

template <class... Args>
void debug(fmt::format_string<Args...> text, Args&&... args) {
    write(Level::debug, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> text, Args&&... args) {
    write(Level::info, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void warn(fmt::format_string<Args...> text, Args&&... args) {
    write(Level::warn, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void error(fmt::format_string<Args...> text, Args&&... args) {
    write(Level::error, fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace narrows::log
