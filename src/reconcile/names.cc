#include "reconcile/names.h"

#include <algorithm>
#include <charconv>
#include <chrono>

#include "codec/text.h"

namespace narrows::reconcile {
namespace {

constexpr std::string_view kFolder = "AWSLogs/";
constexpr std::string_view kSuffix = ".json.gz";
constexpr std::string_view kBackfill = "_backfill";

std::optional<int> digits(std::string_view text, std::size_t at, std::size_t count) {
    if (at + count > text.size()) {
        return std::nullopt;
    }
    int number = 0;
    const char* const begin = text.data() + at;
    const auto [end, error] = std::from_chars(begin, begin + count, number);
    const bool all = error == std::errc() && end == begin + count && *begin != '-';
    return all ? std::optional(number) : std::nullopt;
}

std::optional<WallNs> wall_of(std::optional<int> year, std::optional<int> month,
                              std::optional<int> day, std::optional<int> hour,
                              std::optional<int> minute, std::optional<int> second) {
    if (!year || !month || !day || !hour || !minute || !second) {
        return std::nullopt;
    }
    const std::chrono::year_month_day date{std::chrono::year(*year),
                                           std::chrono::month(static_cast<unsigned>(*month)),
                                           std::chrono::day(static_cast<unsigned>(*day))};
    const bool is_time = *hour < 24 && *minute < 60 && *second < 61;
    if (!date.ok() || !is_time || *year < 1970 || *year > 2200) {
        return std::nullopt;
    }
    const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
    return (((days * 24 + *hour) * 60 + *minute) * 60 + *second) * kNsPerSecond;
}

/// "20261126T0228Z" or "20261126T022802Z".
std::optional<WallNs> parse_basic(std::string_view text) {
    const bool has_seconds = text.size() == 16;
    const bool formed = (text.size() == 14 || has_seconds) && text[8] == 'T' && text.ends_with('Z');
    if (!formed) {
        return std::nullopt;
    }
    return wall_of(digits(text, 0, 4), digits(text, 4, 2), digits(text, 6, 2), digits(text, 9, 2),
                   digits(text, 11, 2), has_seconds ? digits(text, 13, 2) : std::optional(0));
}

std::optional<FileName> log_name(FileName name, std::string_view file) {
    const auto fields = codec::split(file, '_');
    if (fields.size() != 5) {
        return std::nullopt;
    }
    const auto time = parse_basic(fields[3]);
    name.time = time.value_or(0);
    return time ? std::optional(std::move(name)) : std::nullopt;
}

std::optional<FileName> digest_name(FileName name, std::string_view folder, std::string_view file) {
    const bool is_backfill = file.ends_with(kBackfill);
    if (is_backfill) {
        file.remove_suffix(kBackfill.size());
    }
    const std::size_t last = file.rfind('_');
    const auto time =
        last == file.npos ? std::optional<WallNs>() : parse_basic(file.substr(last + 1));
    if (!time) {
        return std::nullopt;
    }
    name.kind = FileKind::digest;
    name.time = *time;
    name.chain.append(folder).append("/").append(file.substr(0, last));
    name.chain += is_backfill ? kBackfill : "";
    return name;
}

}  // namespace

std::string_view trail_key(std::string_view path) {
    std::size_t at = path.starts_with(kFolder) ? 0 : path.find("/AWSLogs/");
    if (at == path.npos) {
        return {};
    }
    at += path[at] == '/' ? 1 : 0;
    return path.substr(at);
}

std::optional<FileName> parse_file_name(std::string_view path) {
    const std::string_view key = trail_key(path);
    const auto folders = codec::split(key, '/');
    // An organisation's trail has its id between "AWSLogs" and the account.
    const std::size_t skip = folders.size() == 9 ? 1 : 0;
    if (folders.size() != 8 + skip || !key.ends_with(kSuffix)) {
        return std::nullopt;
    }
    const std::string_view kind = folders[2 + skip];
    std::string_view file = folders[7 + skip];
    file.remove_suffix(kSuffix.size());
    FileName name;
    name.key = key;
    name.account = folders[1 + skip];
    name.region = folders[3 + skip];
    if (kind == "CloudTrail") {
        return log_name(std::move(name), file);
    }
    const std::string folder = name.account + "/" + name.region;
    return kind == "CloudTrail-Digest" ? digest_name(std::move(name), folder, file) : std::nullopt;
}

}  // namespace narrows::reconcile
