#include "base/rfc3339.h"

#include <algorithm>
#include <array>
#include <chrono>

namespace narrows {
namespace {

/// The six numbers of "2026-11-26T02:28:02", or nothing.
std::optional<std::array<int, 6>> date_numbers(std::string_view text) {
    static constexpr std::string_view kForm = "0000-00-00T00:00:00";
    std::array<int, 6> numbers{};
    std::size_t field = 0;
    if (text.size() != kForm.size()) {
        return std::nullopt;
    }
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool is_digit = text[i] >= '0' && text[i] <= '9';
        if (kForm[i] == '0' ? !is_digit : text[i] != kForm[i]) {
            return std::nullopt;
        }
        if (is_digit) {
            numbers[field] = numbers[field] * 10 + (text[i] - '0');
        } else {
            ++field;
        }
    }
    return numbers;
}

/// ".250", or nothing.
bool is_fraction(std::string_view text) {
    return text.empty() ||
           (text.size() > 1 && text[0] == '.' &&
            std::all_of(text.begin() + 1, text.end(), [](char c) { return c >= '0' && c <= '9'; }));
}

}  // namespace

std::optional<WallNs> parse_rfc3339(std::string_view text) {
    constexpr std::size_t kSeconds = 19;
    const bool formed = text.size() > kSeconds && text.ends_with('Z') &&
                        is_fraction(text.substr(kSeconds, text.size() - kSeconds - 1));
    const auto numbers = formed ? date_numbers(text.substr(0, kSeconds)) : std::nullopt;
    if (!numbers) {
        return std::nullopt;
    }
    const auto [year, month, day, hour, minute, second] = *numbers;
    const std::chrono::year_month_day date{std::chrono::year(year),
                                           std::chrono::month(static_cast<unsigned>(month)),
                                           std::chrono::day(static_cast<unsigned>(day))};
    const bool is_time = hour < 24 && minute < 60 && second < 61;
    if (!date.ok() || !is_time || year < 1970 || year > 2200) {
        return std::nullopt;
    }
    const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
    return (((days * 24 + hour) * 60 + minute) * 60 + second) * kNsPerSecond;
}

}  // namespace narrows
