#include "codec/json.h"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include <boost/json/basic_parser_impl.hpp>

#include "codec/text.h"

namespace narrows::codec {
namespace {

namespace bj = boost::json;

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// Builds a Value from the parser's events. Returning false stops the parser; `why` says why.
class Builder {
  public:
    static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

    bool on_document_begin(bj::error_code&) { return true; }
    bool on_document_end(bj::error_code&) { return true; }
    bool on_array_begin(bj::error_code&) { return open(Value(List{})); }
    bool on_object_begin(bj::error_code&) { return open(Value(Map{})); }
    bool on_array_end(std::size_t, bj::error_code&) { return close(); }
    bool on_object_end(std::size_t, bj::error_code&) { return close(); }

    bool on_key_part(bj::string_view part, std::size_t, bj::error_code&) {
        text_.append(part.data(), part.size());
        return true;
    }
    bool on_key(bj::string_view part, std::size_t, bj::error_code& ec) {
        text_.append(part.data(), part.size());
        Level& level = levels_.back();
        level.key = std::move(text_);
        text_.clear();
        if (level.value.as<Map>()->contains(level.key)) {
            return stop(ec, "a member stands twice in one object");
        }
        return true;
    }
    bool on_string_part(bj::string_view part, std::size_t, bj::error_code&) {
        text_.append(part.data(), part.size());
        return true;
    }
    bool on_string(bj::string_view part, std::size_t, bj::error_code&) {
        text_.append(part.data(), part.size());
        std::string whole = std::move(text_);
        text_.clear();
        return add(Value(std::move(whole)));
    }
    bool on_number_part(bj::string_view part, bj::error_code&) {
        number_.append(part.data(), part.size());
        return true;
    }
    bool on_int64(std::int64_t value, bj::string_view, bj::error_code&) {
        number_.clear();
        return add(Value(value));
    }
    bool on_uint64(std::uint64_t, bj::string_view part, bj::error_code& ec) {
        return exact_double(part, ec);
    }
    bool on_double(double, bj::string_view part, bj::error_code& ec) {
        return exact_double(part, ec);
    }
    bool on_bool(bool value, bj::error_code&) { return add(Value(value)); }
    bool on_null(bj::error_code&) { return add(Value(nullptr)); }
    bool on_comment_part(bj::string_view, bj::error_code&) { return false; }
    bool on_comment(bj::string_view, bj::error_code&) { return false; }

    Value take() { return std::move(root_); }
    std::string_view why() const { return why_; }

  private:
    struct Level {
        Value value;
        std::string key;
    };

    bool stop(bj::error_code& ec, std::string_view why) {
        why_ = why;
        ec = bj::error::syntax;
        return false;
    }
    bool open(Value container) {
        levels_.push_back({std::move(container), {}});
        return true;
    }
    bool close() {
        Value done = std::move(levels_.back().value);
        levels_.pop_back();
        return add(std::move(done));
    }
    bool add(Value value) {
        if (levels_.empty()) {
            root_ = std::move(value);
            return true;
        }
        Level& level = levels_.back();
        if (auto* list = level.value.as<List>()) {
            list->push_back(std::move(value));
        } else {
            level.value.as<Map>()->emplace(std::move(level.key), std::move(value));
        }
        return true;
    }
    /// The library's own conversion may be off in the last place; from_chars is not.
    bool exact_double(bj::string_view part, bj::error_code& ec) {
        number_.append(part.data(), part.size());
        double value = 0;
        const auto [end, error] =
            std::from_chars(number_.data(), number_.data() + number_.size(), value);
        if (error != std::errc() || end != number_.data() + number_.size() ||
            !std::isfinite(value)) {
            return stop(ec, "a number is outside the range of a double");
        }
        number_.clear();
        return add(Value(value));
    }

    std::vector<Level> levels_;
    std::string text_;
    std::string number_;
    Value root_;
    std::string_view why_;
};

Result<Value> refuse(std::size_t at, std::string_view why) {
    return fail(ErrorCode::invalid,
                "the JSON text is refused at byte " + std::to_string(at) + ": " + std::string(why));
}

// ---- writing

/// The two-character escapes of RFC 8259 section 7.
std::optional<char> short_escape(char c) {
    switch (c) {
        case '"':
            return '"';
        case '\\':
            return '\\';
        case '\b':
            return 'b';
        case '\f':
            return 'f';
        case '\n':
            return 'n';
        case '\r':
            return 'r';
        case '\t':
            return 't';
        default:
            return std::nullopt;
    }
}

void put_string(std::string& out, std::string_view text) {
    out.push_back('"');
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if (const auto escape = short_escape(text[i])) {
            out.push_back('\\');
            out.push_back(*escape);
        } else if (byte < 0x20 || byte == 0x7F) {
            out += "\\u00" + hex(ByteView(&byte, 1));
        } else if (byte < 0x80) {
            out.push_back(text[i]);
        } else {
            const std::size_t size = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2;
            const std::string_view sequence = text.substr(i, size);
            const bool good = sequence.size() == size && is_utf8(sequence);
            out += good ? sequence : kReplacement;
            i += good ? size - 1 : 0;
        }
    }
    out.push_back('"');
}

void put(std::string& out, const Value& value);

struct Writer {
    std::string& out;
    void operator()(std::monostate) const { out += "null"; }
    void operator()(bool value) const { out += value ? "true" : "false"; }
    void operator()(std::int64_t value) const { out += std::to_string(value); }
    void operator()(double value) const {
        if (!std::isfinite(value)) {
            out += std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
            return;
        }
        std::array<char, 32> digits{};
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
        const std::string_view written(digits.data(),
                                       static_cast<std::size_t>(end - digits.data()));
        out += written;
        // Without a point or exponent it would read back as an integer.
        if (written.find_first_of(".e") == std::string_view::npos) out += ".0";
    }
    void operator()(const std::string& value) const { put_string(out, value); }
    void operator()(const Bytes& value) const { put_string(out, base64(value)); }
    void operator()(const List& value) const {
        out.push_back('[');
        for (std::size_t i = 0; i < value.size(); ++i) {
            if (i > 0) out.push_back(',');
            put(out, value[i]);
        }
        out.push_back(']');
    }
    void operator()(const Map& value) const {
        out.push_back('{');
        bool first = true;
        for (const auto& [key, member] : value) {
            if (!first) out.push_back(',');
            first = false;
            put_string(out, key);
            out.push_back(':');
            put(out, member);
        }
        out.push_back('}');
    }
};

void put(std::string& out, const Value& value) {
    std::visit(Writer{out}, value.variant());
}

}  // namespace

Result<Value> json_decode(std::string_view text, std::size_t* refused_at) {
    std::size_t ignored = 0;
    std::size_t& at = refused_at == nullptr ? ignored : *refused_at;
    at = 0;
    if (!is_utf8(text)) return refuse(at, "it is not UTF-8");
    bj::parse_options options;
    options.max_depth = kJsonDepthMax;
    bj::basic_parser<Builder> parser(options);
    bj::error_code error;
    at = parser.write_some(false, text.data(), text.size(), error);
    if (error) {
        const std::string_view why = parser.handler().why();
        return refuse(at, why.empty() ? error.message() : std::string(why));
    }
    if (at != text.size()) return refuse(at, "bytes follow the document");
    return parser.handler().take();
}

std::string json_encode(const Value& value) {
    std::string out;
    put(out, value);
    return out;
}

}  // namespace narrows::codec
