#include "codec/text.h"

#include <algorithm>
#include <array>

namespace narrows::codec {
namespace {

constexpr char kHexLower[] = "0123456789abcdef";
constexpr char kHexUpper[] = "0123456789ABCDEF";
constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kBase64Url =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

/// Groups of `bits` bits, most significant first, as characters of `alphabet`.
std::string encode_bits(ByteView bytes, std::string_view alphabet, unsigned bits) {
    std::string out;
    out.reserve((bytes.size() * 8 + bits - 1) / bits + 3);
    const unsigned mask = (1U << bits) - 1;
    unsigned held = 0;
    unsigned held_bits = 0;
    for (const std::uint8_t byte : bytes) {
        held = (held << 8) | byte;
        held_bits += 8;
        while (held_bits >= bits) {
            held_bits -= bits;
            out.push_back(alphabet[(held >> held_bits) & mask]);
        }
    }
    if (held_bits > 0) out.push_back(alphabet[(held << (bits - held_bits)) & mask]);
    return out;
}

constexpr std::array<std::int16_t, 256> inverse(std::string_view alphabet) {
    std::array<std::int16_t, 256> table{};
    for (auto& entry : table) entry = -1;
    for (std::size_t i = 0; i < alphabet.size(); ++i) {
        table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int16_t>(i);
    }
    return table;
}

/// Unpadded base64 digits. Refuses a lone last digit and bits that no encoder would have set, so
/// that every byte string has one text.
Result<Bytes> decode64(std::string_view digits, const std::array<std::int16_t, 256>& table) {
    if (digits.size() % 4 == 1) {
        return fail(ErrorCode::invalid, "the base64 text ends in the middle of a byte");
    }
    Bytes out;
    out.reserve(digits.size() * 3 / 4);
    unsigned held = 0;
    unsigned held_bits = 0;
    for (const char c : digits) {
        const int digit = table[static_cast<unsigned char>(c)];
        if (digit < 0) {
            return fail(ErrorCode::invalid,
                        "the base64 text holds a character outside its alphabet");
        }
        held = ((held << 6) | static_cast<unsigned>(digit)) & 0xFFFF;
        held_bits += 6;
        if (held_bits >= 8) {
            held_bits -= 8;
            out.push_back(static_cast<std::uint8_t>(held >> held_bits));
        }
    }
    if ((held & ((1U << held_bits) - 1)) != 0) {
        return fail(ErrorCode::invalid, "the base64 text has bits set after its last byte");
    }
    return out;
}

/// The length of the well-formed UTF-8 sequence at `i` (RFC 3629), or 0.
std::size_t utf8_length(std::string_view text, std::size_t i) {
    const auto at = [&](std::size_t k) { return static_cast<unsigned char>(text[k]); };
    const unsigned lead = at(i);
    if (lead < 0x80) return 1;
    const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || i + size > text.size()) return 0;
    for (std::size_t k = 1; k < size; ++k) {
        if ((at(i + k) & 0xC0) != 0x80) return 0;
    }
    const unsigned second = at(i + 1);
    const bool overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
    const bool surrogate = lead == 0xED && second > 0x9F;
    const bool too_high = lead == 0xF4 && second > 0x8F;
    return overlong || surrogate || too_high ? 0 : size;
}

Result<std::string> unescape(std::string_view text, bool plus_is_blank) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out.push_back(plus_is_blank && text[i] == '+' ? ' ' : text[i]);
            continue;
        }
        const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
        const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
        if (high < 0 || low < 0) {
            return fail(ErrorCode::invalid,
                        "a '%' is not followed by two hexadecimal digits; encode it as %25");
        }
        out.push_back(static_cast<char>(high * 16 + low));
        i += 2;
    }
    return out;
}

void append_escaped_byte(std::string& out, unsigned char byte) {
    out += "\\x";
    out.push_back(kHexLower[byte >> 4]);
    out.push_back(kHexLower[byte & 15]);
}

/// Code points a terminal acts on or that turn the reading direction.
bool acts_on_terminal(std::string_view sequence) {
    const auto at = [&](std::size_t k) { return static_cast<unsigned char>(sequence[k]); };
    if (sequence.size() == 1) return at(0) < 0x20 || at(0) == 0x7F;
    if (sequence.size() == 2) return at(0) == 0xC2 && at(1) < 0xA0;  // C1 controls
    if (sequence.size() != 3 || at(0) != 0xE2) return false;
    const bool marks =
        at(1) == 0x80 && ((at(2) >= 0x8B && at(2) <= 0x8F) || (at(2) >= 0xA8 && at(2) <= 0xAE));
    const bool isolates = at(1) == 0x81 && at(2) >= 0xA0 && at(2) <= 0xAF;
    return marks || isolates;
}

}  // namespace

std::string hex(ByteView bytes) {
    std::string out(bytes.size() * 2, '\0');
    char* to = out.data();
    for (const std::uint8_t byte : bytes) {
        *to++ = kHexLower[byte >> 4];
        *to++ = kHexLower[byte & 15];
    }
    return out;
}

Result<Bytes> unhex(std::string_view text) {
    if (text.size() % 2 != 0) {
        return fail(ErrorCode::invalid, "the hexadecimal text has an odd number of digits");
    }
    Bytes out;
    out.reserve(text.size() / 2);
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const int high = hex_digit(text[i]);
        const int low = hex_digit(text[i + 1]);
        if (high < 0 || low < 0) {
            return fail(ErrorCode::invalid,
                        "the text holds a character that is no hexadecimal digit");
        }
        out.push_back(static_cast<std::uint8_t>(high * 16 + low));
    }
    return out;
}

std::string base64(ByteView bytes) {
    std::string out = encode_bits(bytes, kBase64, 6);
    while (out.size() % 4 != 0) out.push_back('=');
    return out;
}

Result<Bytes> unbase64(std::string_view text) {
    static constexpr auto kTable = inverse(kBase64);
    if (text.size() % 4 != 0) {
        return fail(ErrorCode::invalid, "the base64 text is not padded to a multiple of four");
    }
    for (int pad = 0; pad < 2 && text.ends_with('='); ++pad) text.remove_suffix(1);
    return decode64(text, kTable);
}

std::string base64url(ByteView bytes) {
    return encode_bits(bytes, kBase64Url, 6);
}

Result<Bytes> unbase64url(std::string_view text) {
    static constexpr auto kTable = inverse(kBase64Url);
    return decode64(text, kTable);
}

std::string base32(ByteView bytes) {
    return encode_bits(bytes, kBase32, 5);
}

std::string percent_encode(std::string_view text, std::string_view keep) {
    std::string out;
    out.reserve(text.size());
    for (const char c : text) {
        if (unreserved(c) || keep.find(c) != std::string_view::npos) {
            out.push_back(c);
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        out.push_back('%');
        out.push_back(kHexUpper[byte >> 4]);
        out.push_back(kHexUpper[byte & 15]);
    }
    return out;
}

Result<std::string> percent_decode(std::string_view text) {
    return unescape(text, false);
}

Result<std::vector<Pair>> form_decode(std::string_view text) {
    std::vector<Pair> pairs;
    if (text.empty()) return pairs;
    for (const std::string_view field : split(text, '&')) {
        const std::size_t equals = field.find('=');
        const bool bare = equals == std::string_view::npos;
        NARROWS_TRY(std::string name, unescape(field.substr(0, equals), true));
        NARROWS_TRY(std::string value, unescape(bare ? "" : field.substr(equals + 1), true));
        pairs.push_back({std::move(name), std::move(value)});
    }
    return pairs;
}

bool is_utf8(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t size = utf8_length(text, i);
        if (size == 0) return false;
        i += size;
    }
    return true;
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = lower(c);
    return out;
}

bool iequals(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trim(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    std::size_t from = 0;
    for (std::size_t at; (at = text.find(separator, from)) != std::string_view::npos;) {
        parts.push_back(text.substr(from, at - from));
        from = at + 1;
    }
    parts.push_back(text.substr(from));
    return parts;
}

std::string printable(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t size = utf8_length(text, i);
        const std::string_view sequence = text.substr(i, size == 0 ? 1 : size);
        if (size == 0 || acts_on_terminal(sequence)) {
            for (const char c : sequence) append_escaped_byte(out, static_cast<unsigned char>(c));
        } else {
            out += sequence;
        }
        i += sequence.size();
    }
    return out;
}

}  // namespace narrows::codec
