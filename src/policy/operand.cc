#include "policy/operand.h"

#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>

#include <arpa/inet.h>

#include "codec/text.h"

namespace narrows::policy {
namespace {

// Takes `digits` decimal digits off the front.
std::optional<int> take_digits(std::string_view& text, std::size_t digits) {
    if (text.size() < digits) return std::nullopt;
    int value = 0;
    const char* end = text.data() + digits;
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || stop != end || value < 0) return std::nullopt;
    text.remove_prefix(digits);
    return value;
}

bool take(std::string_view& text, char wanted) {
    if (text.empty() || text.front() != wanted) return false;
    text.remove_prefix(1);
    return true;
}

std::optional<std::int64_t> take_day(std::string_view& text) {
    const auto year = take_digits(text, 4);
    if (!year || !take(text, '-')) return std::nullopt;
    const auto month = take_digits(text, 2);
    if (!month || !take(text, '-')) return std::nullopt;
    const auto day = take_digits(text, 2);
    if (!day) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year{*year},
                                           std::chrono::month(static_cast<unsigned>(*month)),
                                           std::chrono::day(static_cast<unsigned>(*day))};
    if (!date.ok()) return std::nullopt;
    return std::chrono::sys_days{date}.time_since_epoch().count() * std::int64_t{86'400'000};
}

// hh:mm, hh:mm:ss or hh:mm:ss.fraction.
std::optional<std::int64_t> take_time(std::string_view& text) {
    const auto hour = take_digits(text, 2);
    if (!hour || *hour > 23 || !take(text, ':')) return std::nullopt;
    const auto minute = take_digits(text, 2);
    if (!minute || *minute > 59) return std::nullopt;
    std::int64_t result = (*hour * 60 + *minute) * std::int64_t{60'000};
    if (!take(text, ':')) return result;
    const auto second = take_digits(text, 2);
    if (!second || *second > 59) return std::nullopt;
    result += *second * std::int64_t{1000};
    if (!take(text, '.')) return result;
    int scale = 100;
    std::size_t digits = 0;
    while (!text.empty() && text.front() >= '0' && text.front() <= '9' && ++digits <= 9) {
        result += (text.front() - '0') * scale;
        scale /= 10;
        text.remove_prefix(1);
    }
    if (digits == 0) return std::nullopt;
    return result;
}

// Z, +hh:mm or -hh:mm, as milliseconds to subtract.
std::optional<std::int64_t> take_offset(std::string_view& text) {
    if (take(text, 'Z')) return 0;
    const bool west = !text.empty() && text.front() == '-';
    if (!west && (text.empty() || text.front() != '+')) return std::nullopt;
    text.remove_prefix(1);
    const auto hour = take_digits(text, 2);
    if (!hour || *hour > 23) return std::nullopt;
    take(text, ':');
    const auto minute = take_digits(text, 2);
    if (!minute || *minute > 59) return std::nullopt;
    const std::int64_t offset = (*hour * 60 + *minute) * std::int64_t{60'000};
    return west ? -offset : offset;
}

Truth order(Compare wanted, double difference) {
    switch (wanted) {
        case Compare::equal:
            return truth(difference == 0);
        case Compare::less:
            return truth(difference < 0);
        case Compare::less_equal:
            return truth(difference <= 0);
        case Compare::greater:
            return truth(difference > 0);
        case Compare::greater_equal:
            return truth(difference >= 0);
    }
    return Truth::unknown;
}

Truth compare_text(const Operator& op, const Template& wanted, const std::string& value,
                   const Keys& keys) {
    Resolved resolved = wanted.resolve(keys);
    const bool matches = op.fold_case
                             ? resolved.pattern.lower().matches(text_of(codec::lower(value)))
                             : resolved.pattern.matches(text_of(value));
    if (!matches) return Truth::no;
    return resolved.known ? Truth::yes : Truth::unknown;
}

Truth compare_bytes(const Bytes& wanted, const std::string& value) {
    const Result<Bytes> bytes = codec::unbase64(value);
    return bytes ? truth(bytes.value() == wanted) : Truth::unknown;
}

std::string not_a(std::string_view text, std::string_view what) {
    return "\"" + codec::printable(text) + "\" is not " + std::string(what);
}

template <class T>
Result<Operand> operand_or(std::optional<T> value, std::string_view text, std::string_view what) {
    if (!value) return fail(ErrorCode::invalid, not_a(text, what));
    return Operand(*std::move(value));
}

}  // namespace

std::optional<double> parse_number(std::string_view text) {
    double value = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || stop != end || !std::isfinite(value)) return std::nullopt;
    return value;
}

std::optional<bool> parse_boolean(std::string_view text) {
    if (codec::iequals(text, "true")) return true;
    if (codec::iequals(text, "false")) return false;
    return std::nullopt;
}

std::optional<std::int64_t> parse_date(std::string_view text) {
    constexpr double kSecondsMax = 1e12;
    if (text.find_first_not_of("0123456789.") == std::string_view::npos) {
        const auto seconds = parse_number(text);
        if (!seconds || *seconds > kSecondsMax) return std::nullopt;
        return static_cast<std::int64_t>(std::llround(*seconds * 1000));
    }
    const auto day = take_day(text);
    if (!day || text.empty()) return day;
    if (!take(text, 'T')) return std::nullopt;
    const auto time = take_time(text);
    if (!time) return std::nullopt;
    const auto offset = take_offset(text);
    if (!offset || !text.empty()) return std::nullopt;
    return *day + *time - *offset;
}

std::optional<Network> parse_network(std::string_view text) {
    const std::size_t slash = text.find('/');
    const std::string address(text.substr(0, slash));
    Network network;
    network.v6 = address.find(':') != std::string::npos;
    const int family = network.v6 ? AF_INET6 : AF_INET;
    if (address.find('\0') != std::string::npos) return std::nullopt;
    if (inet_pton(family, address.c_str(), network.address.data()) != 1) return std::nullopt;
    const unsigned bits = network.v6 ? 128 : 32;
    network.prefix = bits;
    if (slash == std::string_view::npos) return network;
    const std::string_view length = text.substr(slash + 1);
    const char* end = length.data() + length.size();
    const auto [stop, error] = std::from_chars(length.data(), end, network.prefix);
    if (error != std::errc{} || stop != end || network.prefix > bits) return std::nullopt;
    return network;
}

bool contains(const Network& range, const Network& address) {
    if (range.v6 != address.v6 || address.prefix < range.prefix) return false;
    for (unsigned bit = 0; bit < range.prefix; ++bit) {
        const auto mask = static_cast<std::uint8_t>(0x80U >> (bit % 8));
        if (((range.address[bit / 8] ^ address.address[bit / 8]) & mask) != 0) return false;
    }
    return true;
}

Result<Operand> parse_operand(const Operator& op, std::string_view text, Variables variables) {
    switch (op.kind) {
        case Kind::string: {
            NARROWS_TRY(Template value, Template::parse(text, variables, op.wildcards));
            return Operand(std::move(value));
        }
        case Kind::arn: {
            NARROWS_TRY(NamePattern value, NamePattern::parse_operand(text, variables));
            return Operand(std::move(value));
        }
        case Kind::numeric:
            return operand_or(parse_number(text), text, "a number");
        case Kind::date:
            return operand_or(parse_date(text), text,
                              "a date: write 2026-11-23T06:20:00Z or seconds since 1970");
        case Kind::boolean:
        case Kind::null:
            return operand_or(parse_boolean(text), text, "true or false");
        case Kind::ip:
            return operand_or(parse_network(text), text,
                              "an address or a range such as 203.0.113.0/24 or 2001:db8::/32");
        case Kind::binary: {
            Result<Bytes> bytes = codec::unbase64(text);
            if (!bytes) return fail(ErrorCode::invalid, not_a(text, "base64"));
            return Operand(std::move(bytes).value());
        }
    }
    return fail(ErrorCode::invalid, not_a(text, "a value of this operator"));
}

Truth compare(const Operator& op, const Operand& operand, const std::string& value,
              const Keys& keys) {
    if (const auto* text = std::get_if<Template>(&operand)) {
        return compare_text(op, *text, value, keys);
    }
    if (const auto* arn = std::get_if<NamePattern>(&operand)) {
        if (!value.starts_with("arn:")) return Truth::unknown;
        return arn->matches({value, true}, keys);
    }
    if (const auto* number = std::get_if<double>(&operand)) {
        const auto asked = parse_number(value);
        return asked ? order(op.compare, *asked - *number) : Truth::unknown;
    }
    if (const auto* date = std::get_if<std::int64_t>(&operand)) {
        const auto asked = parse_date(value);
        return asked ? order(op.compare, static_cast<double>(*asked - *date)) : Truth::unknown;
    }
    if (const auto* flag = std::get_if<bool>(&operand)) {
        const auto asked = parse_boolean(value);
        return asked ? truth(*asked == *flag) : Truth::unknown;
    }
    if (const auto* bytes = std::get_if<Bytes>(&operand)) return compare_bytes(*bytes, value);
    const auto asked = parse_network(value);
    if (!asked) return Truth::unknown;
    return truth(contains(std::get<Network>(operand), *asked));
}

}  // namespace narrows::policy
