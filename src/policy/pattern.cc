#include "policy/pattern.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace narrows::policy {
namespace {

constexpr char32_t kBadByte = 0x110000;  // + the byte
constexpr char32_t kOne = 0x110100;      // `?`
constexpr char32_t kMany = 0x110101;     // `*`

// The length of the UTF-8 sequence at `at`, or 0 if there is none (RFC 3629; overlong forms and
// surrogates are let through as they are never confused with anything else).
std::size_t sequence_length(std::string_view bytes, std::size_t at) {
    const auto lead = static_cast<unsigned char>(bytes[at]);
    const std::size_t length = lead < 0x80             ? 1
                               : (lead & 0xE0) == 0xC0 ? 2
                               : (lead & 0xF0) == 0xE0 ? 3
                               : (lead & 0xF8) == 0xF0 ? 4
                                                       : 0;
    if (length == 0 || at + length > bytes.size()) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((static_cast<unsigned char>(bytes[at + i]) & 0xC0) != 0x80) return 0;
    }
    return length;
}

char32_t code_point(std::string_view sequence) {
    const auto lead = static_cast<unsigned char>(sequence[0]);
    char32_t value = sequence.size() == 1 ? lead : lead & (0x7FU >> sequence.size());
    for (std::size_t i = 1; i < sequence.size(); ++i) {
        value = (value << 6U) | (static_cast<unsigned char>(sequence[i]) & 0x3FU);
    }
    return value;
}

bool is_wildcard(char32_t token) {
    return token == kOne || token == kMany;
}

void append_token(Text& tokens, char32_t token) {
    const bool after_many = !tokens.empty() && tokens.back() == kMany;
    if (!after_many || !is_wildcard(token)) {
        tokens.push_back(token);
    } else if (token == kOne) {
        tokens.back() = kOne;
        tokens.push_back(kMany);
    }
}

bool one_matches(char32_t token, char32_t character) {
    return token == kOne || token == character;
}

}  // namespace

Text text_of(std::string_view bytes) {
    Text text;
    text.reserve(bytes.size());
    for (std::size_t at = 0; at < bytes.size();) {
        const std::size_t length = sequence_length(bytes, at);
        const char32_t value = length == 0 ? char32_t{0} : code_point(bytes.substr(at, length));
        const bool valid = length != 0 && value < kBadByte;
        text.push_back(valid ? value : kBadByte + static_cast<unsigned char>(bytes[at]));
        at += valid ? length : 1;
    }
    return text;
}

Pattern Pattern::literal(std::string_view text) {
    Pattern pattern;
    pattern.tokens_ = text_of(text);
    return pattern;
}

Pattern Pattern::glob(std::string_view text) {
    Pattern pattern;
    for (const char32_t character : text_of(text)) {
        const char32_t token = character == U'*' ? kMany : character == U'?' ? kOne : character;
        append_token(pattern.tokens_, token);
    }
    return pattern;
}

Pattern Pattern::anything() {
    return glob("*");
}

void Pattern::append(const Pattern& tail) {
    for (const char32_t token : tail.tokens_) append_token(tokens_, token);
}

Pattern Pattern::lower() const {
    Pattern result = *this;
    for (char32_t& token : result.tokens_) {
        if (token >= U'A' && token <= U'Z') token += U'a' - U'A';
    }
    return result;
}

bool Pattern::has_wildcard() const {
    for (const char32_t token : tokens_) {
        if (is_wildcard(token)) return true;
    }
    return false;
}

bool Pattern::is_anything() const {
    return tokens_.size() == 1 && tokens_[0] == kMany;
}

// Only the last `*` passed is ever extended: what an earlier one could still take, it can too.
bool Pattern::matches(std::u32string_view text) const {
    std::size_t token = 0;
    std::size_t at = 0;
    std::size_t star = Text::npos;
    std::size_t star_end = 0;
    while (at < text.size()) {
        if (token < tokens_.size() && tokens_[token] == kMany) {
            star = token++;
            star_end = at;
        } else if (token < tokens_.size() && one_matches(tokens_[token], text[at])) {
            ++token;
            ++at;
        } else if (star != Text::npos) {
            token = star + 1;
            at = ++star_end;
        } else {
            return false;
        }
    }
    while (token < tokens_.size() && tokens_[token] == kMany) ++token;
    return token == tokens_.size();
}

// A game on (position in inner, position in this): inner spells a text, this one must follow.
// Wherever inner has a wildcard, a character that stands in neither pattern is its strongest move,
// since what accepts it, accepts any; so at `*` it either spells that character and stays, or moves
// on. Positions are worked out from the ends of both patterns; a `*` of this that meets a `*` of
// inner may stay on it for as long as inner does.
bool Pattern::covers(const Pattern& inner) const {
    const std::size_t width = tokens_.size();
    std::vector<std::uint8_t> after(width + 1, 0);
    std::vector<std::uint8_t> row(width + 1, 0);
    for (std::size_t q = inner.tokens_.size() + 1; q-- > 0;) {
        const bool ended = q == inner.tokens_.size();
        const char32_t asked = ended ? 0 : inner.tokens_[q];
        for (std::size_t p = width + 1; p-- > 0;) {
            const char32_t token = p < width ? tokens_[p] : 0;
            if (p == width) {
                row[p] = ended;
            } else if (token == kMany) {
                row[p] = row[p + 1] || (!ended && after[p]);
            } else if (ended) {
                row[p] = 0;
            } else if (asked == kMany) {
                row[p] = token == kOne && after[p] && row[p + 1];
            } else {
                row[p] = (token == kOne || token == asked) && after[p + 1];
            }
        }
        std::swap(row, after);
    }
    return after[0] != 0;
}

bool Pattern::overlaps(const Pattern& other) const {
    const std::size_t width = tokens_.size();
    std::vector<std::uint8_t> after(width + 1, 0);
    std::vector<std::uint8_t> row(width + 1, 0);
    for (std::size_t q = other.tokens_.size() + 1; q-- > 0;) {
        const bool ended = q == other.tokens_.size();
        const char32_t theirs = ended ? 0 : other.tokens_[q];
        for (std::size_t p = width + 1; p-- > 0;) {
            const bool at_end = p == width;
            const char32_t ours = at_end ? 0 : tokens_[p];
            bool meets = ended && at_end;
            if (!at_end && ours == kMany) meets = row[p + 1] || (!ended && after[p]);
            if (!ended && theirs == kMany) meets = meets || after[p] || (!at_end && row[p + 1]);
            if (!ended && !at_end && !meets && ours != kMany && theirs != kMany) {
                meets = (ours == kOne || theirs == kOne || ours == theirs) && after[p + 1];
            }
            row[p] = meets;
        }
        std::swap(row, after);
    }
    return after[0] != 0;
}

}  // namespace narrows::policy
