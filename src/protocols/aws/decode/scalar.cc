#include "protocols/aws/decode/scalar.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "codec/json.h"
#include "codec/text.h"

namespace narrows::aws {
namespace {

using codec::Value;

constexpr std::size_t kQuotedMax = 64;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_alpha(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// `form`: 'd' stands for a digit, 'a' for a letter, everything else for itself.
bool has_form(std::string_view text, std::string_view form) {
    if (text.size() != form.size()) return false;
    for (std::size_t i = 0; i < form.size(); ++i) {
        const bool fits = form[i] == 'd'   ? is_digit(text[i])
                          : form[i] == 'a' ? is_alpha(text[i])
                                           : text[i] == form[i];
        if (!fits) return false;
    }
    return true;
}

/// Takes "." and digits off the front, if they are there.
void skip_fraction(std::string_view& text) {
    if (!text.starts_with('.')) return;
    std::size_t end = 1;
    while (end < text.size() && is_digit(text[end])) ++end;
    if (end > 1) text.remove_prefix(end);
}

bool is_iso8601(std::string_view text) {
    constexpr std::string_view kSeconds = "dddd-dd-ddTdd:dd:dd";
    if (!has_form(text.substr(0, kSeconds.size()), kSeconds)) return false;
    text.remove_prefix(kSeconds.size());
    skip_fraction(text);
    return text == "Z" || has_form(text, "+dd:dd") || has_form(text, "-dd:dd");
}

bool is_unix_seconds(std::string_view text) {
    if (text.starts_with('-')) text.remove_prefix(1);
    std::size_t digits = 0;
    while (digits < text.size() && is_digit(text[digits])) ++digits;
    if (digits == 0 || digits > 15) return false;
    text.remove_prefix(digits);
    skip_fraction(text);
    return text.empty();
}

Result<Value> integer(std::string_view text, bool wide, const Where& where) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) {
        return fail(misfit(where, "is no whole number that fits"));
    }
    using Narrow = std::numeric_limits<std::int32_t>;
    if (!wide && (value < Narrow::min() || value > Narrow::max())) {
        return fail(misfit(where, "does not fit in 32 bits"));
    }
    return Value(value);
}

Result<Value> real(std::string_view text, const Where& where) {
    if (text == "NaN" || text == "Infinity" || text == "-Infinity") return Value(text);
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
        return fail(misfit(where, "is no number that fits"));
    }
    return Value(value);
}

Result<Value> text_value(Member member, std::string_view text, const Where& where) {
    if (!codec::is_utf8(text)) return fail(misfit(where, "is not UTF-8"));
    if (!member.json_value() || member.location() != Location::header) return Value(text);
    const auto raw = codec::unbase64(text);
    if (!raw) return fail(misfit(where, "is no base64 text"));
    auto document = codec::json_decode(as_text(raw.value()));
    if (!document) return fail(misfit(where, "is no JSON document in base64"));
    return std::move(document.value());
}

}  // namespace

std::string quoted(std::string_view name) {
    const bool cut = name.size() > kQuotedMax;
    return "\"" + codec::printable(name.substr(0, kQuotedMax)) + (cut ? "…\"" : "\"");
}

Error undeclared(const Where& where, std::string_view kind, std::string_view name) {
    const std::string place = where.text();
    return {ErrorCode::invalid, "the request has a " + std::string(kind) + " " + quoted(name) +
                                    (place.empty() ? "" : " in " + place) +
                                    " that the operation's model does not declare; leave it out"};
}

bool is_scalar(ShapeKind kind) {
    return kind != ShapeKind::structure && kind != ShapeKind::list && kind != ShapeKind::map &&
           kind != ShapeKind::document;
}

bool is_timestamp(std::string_view text, TimestampFormat format) {
    switch (format) {
        case TimestampFormat::iso8601:
            return is_iso8601(text);
        case TimestampFormat::unix_seconds:
            return is_unix_seconds(text);
        case TimestampFormat::rfc822:
            return has_form(text, "aaa, dd aaa dddd dd:dd:dd GMT");
        case TimestampFormat::by_protocol:
            break;
    }
    return false;
}

Result<Value> scalar_from_text(Member member, std::string_view text, TimestampFormat otherwise,
                               const Where& where) {
    switch (member.shape().kind()) {
        case ShapeKind::string:
            return text_value(member, text, where);
        case ShapeKind::boolean:
            if (text == "true") return Value(true);
            if (text == "false") return Value(false);
            return fail(misfit(where, "is neither true nor false"));
        case ShapeKind::integer:
            return integer(text, false, where);
        case ShapeKind::long_integer:
            return integer(text, true, where);
        case ShapeKind::float_number:
        case ShapeKind::double_number:
            return real(text, where);
        case ShapeKind::blob: {
            auto bytes = codec::unbase64(text);
            if (!bytes) return fail(misfit(where, "is no base64 text"));
            return Value(std::move(bytes.value()));
        }
        case ShapeKind::timestamp: {
            const auto own = member.timestamp_format();
            const auto format = own == TimestampFormat::by_protocol ? otherwise : own;
            if (is_timestamp(text, format)) return Value(text);
            return fail(misfit(where, "is no timestamp in the form the model asks for"));
        }
        default:
            return fail(misfit(where, "is one text where the model has a structure"));
    }
}

}  // namespace narrows::aws
