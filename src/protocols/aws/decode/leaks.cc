#include "protocols/aws/decode/leaks.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace narrows::aws {
namespace {

/// Whether something is there is known from this many bytes.
constexpr std::size_t kLook = 96;

constexpr std::size_t kKeyIdSize = 20;
constexpr std::size_t kTokenSizeMin = 80;      ///< of what follows a token's beginning, looked at
constexpr std::string_view kBegin = "BEGIN ";  ///< behind five dashes, of which there are many
constexpr std::string_view kPrivateKey = "PRIVATE KEY-----";
constexpr std::size_t kLabelMax = 24;  ///< "ENCRYPTED ", "RSA " …

struct Beginning {
    std::string_view text;
    LeakKind kind;
};
/// Beginnings of tokens:
/// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html shows AQoDYXdz…;
/// STS has made FwoGZXIvYXdz… and IQoJb3JpZ2lu… since.
constexpr std::array<Beginning, 8> kBeginnings = {{{"AKIA", LeakKind::access_key_id},
                                                   {"ASIA", LeakKind::access_key_id},
                                                   {kBegin, LeakKind::private_key},
                                                   {"X-Amz-Signature=", LeakKind::signed_url},
                                                   {"AWSAccessKeyId=", LeakKind::signed_url},
                                                   {"AQoDYXdz", LeakKind::session_token},
                                                   {"FwoGZXIvYXdz", LeakKind::session_token},
                                                   {"IQoJb3JpZ2lu", LeakKind::session_token}}};

bool is_upper_or_digit(std::uint8_t c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool is_letter_or_digit(std::uint8_t c) {
    return is_upper_or_digit(c) || (c >= 'a' && c <= 'z');
}
bool is_base64(std::uint8_t c) {
    return is_letter_or_digit(c) || c == '+' || c == '/' || c == '=' || c == '%' || c == '-' ||
           c == '_';
}

constexpr std::size_t kStride = 3;
constexpr std::size_t kPairs = 65'536;

constexpr std::size_t pair_of(std::uint8_t first, std::uint8_t second) {
    return first | (std::size_t{second} << 8);
}

/// Pairs of bytes that stand at one of the first kStride places of a beginning: whoever looks at
/// each kStride-th pair of a text meets one of them in every beginning.
constexpr std::array<bool, kPairs> make_pairs() {
    std::array<bool, kPairs> pairs{};
    for (const Beginning& each : kBeginnings) {
        for (std::size_t i = 0; i < kStride; ++i) {
            pairs[pair_of(static_cast<std::uint8_t>(each.text[i]),
                          static_cast<std::uint8_t>(each.text[i + 1]))] = true;
        }
    }
    return pairs;
}
constexpr std::array<bool, kPairs> kIsPair = make_pairs();

std::size_t run_of(ByteView text, std::size_t from, bool (*is)(std::uint8_t)) {
    std::size_t to = from;
    while (to < text.size() && to - from < kLook && is(text[to])) ++to;
    return to - from;
}

bool is_private_key(std::string_view text) {
    const std::size_t at = text.substr(0, kBegin.size() + kLabelMax + kPrivateKey.size())
                               .find(kPrivateKey, kBegin.size());
    return at != std::string_view::npos;
}

/// Whether what begins as `of` at text[0] is one.
bool is_leak(const Beginning& of, ByteView text, std::uint8_t before) {
    switch (of.kind) {
        case LeakKind::access_key_id:
            return !is_letter_or_digit(before) &&
                   run_of(text, 0, is_letter_or_digit) == kKeyIdSize &&
                   run_of(text, 0, is_upper_or_digit) == kKeyIdSize;
        case LeakKind::private_key:
            return is_private_key(as_text(text));
        case LeakKind::signed_url:
            return text.size() > of.text.size() && is_letter_or_digit(text[of.text.size()]);
        case LeakKind::session_token:
            return !is_base64(before) && run_of(text, 0, is_base64) >= kTokenSizeMin;
    }
    return false;
}

constexpr std::uint32_t word_of(std::string_view text) {
    std::uint32_t word = 0;
    for (std::size_t i = 0; i < sizeof(word); ++i) {
        word |= std::uint32_t{static_cast<std::uint8_t>(text[i])} << (8 * i);
    }
    return word;
}

/// Four bytes tell nearly always that nothing begins here.
const Beginning* beginning_of(ByteView text) {
    if (text.size() < sizeof(std::uint32_t)) return nullptr;
    const std::uint32_t word = load_le<std::uint32_t>(text.data());
    for (const Beginning& each : kBeginnings) {
        if (word_of(each.text) == word) {
            return as_text(text).starts_with(each.text) ? &each : nullptr;
        }
    }
    return nullptr;
}

}  // namespace

const char* name_of(LeakKind kind) {
    switch (kind) {
        case LeakKind::access_key_id:
            return "access-key-id";
        case LeakKind::private_key:
            return "private-key";
        case LeakKind::signed_url:
            return "signed-url";
        case LeakKind::session_token:
            return "session-token";
    }
    return "access-key-id";
}

void LeakScan::note(Leak leak) {
    const bool known = !leak.key_id.empty() &&
                       std::any_of(leaks_.begin(), leaks_.end(),
                                   [&](const Leak& each) { return each.key_id == leak.key_id; });
    if (known) return;
    ++total_;
    if (leaks_.size() < kLeaksMax) leaks_.push_back(std::move(leak));
}

/// What begins in [from, to) of `text`, whose first byte is byte `at` of the body.
void LeakScan::scan(ByteView text, std::size_t from, std::size_t to, char before,
                    std::uint64_t at) {
    std::size_t next = from;  // what begins before it was looked at
    for (std::size_t i = from + kStride - 1; i < to + kStride - 1 && i + 1 < text.size();
         i += kStride) {
        if (!kIsPair[pair_of(text[i], text[i + 1])]) continue;
        const std::size_t first = std::max(next, i + 1 - kStride);
        for (std::size_t start = first; start <= i && start < to; ++start) {
            const ByteView rest = text.subspan(start);
            const Beginning* const of = beginning_of(rest);
            const auto left = start == 0 ? static_cast<std::uint8_t>(before) : text[start - 1];
            if (of == nullptr || !is_leak(*of, rest, left)) continue;
            const bool is_key = of->kind == LeakKind::access_key_id;
            note(
                {of->kind, is_key ? to_string(rest.first(kKeyIdSize)) : std::string(), at + start});
        }
        next = i + 1;
    }
}

/// Looks at what begins far enough from the end; the rest waits for what follows.
void LeakScan::push(ByteView bytes) {
    if (tail_.size() + bytes.size() <= kLook) {
        append(tail_, bytes);
        return;
    }
    Bytes joint = tail_;
    append(joint, bytes.first(std::min(bytes.size(), kLook)));
    scan(joint, looked_, std::min(tail_.size(), joint.size() - kLook), ' ', tail_at_);
    const std::uint64_t bytes_at = tail_at_ + tail_.size();
    if (bytes.size() > kLook) {
        const char before = tail_.empty() ? ' ' : static_cast<char>(tail_.back());
        scan(bytes, 0, bytes.size() - kLook, before, bytes_at);
    }
    const ByteView last = bytes.size() > kLook ? bytes : ByteView(joint);
    const std::size_t kept = std::min(last.size(), kLook + 1);
    tail_at_ = bytes_at + bytes.size() - kept;
    looked_ = kept - kLook;  // the byte before what was not looked at
    tail_ = to_bytes(last.last(kept));
}

void LeakScan::finish() {
    scan(tail_, looked_, tail_.size(), ' ', tail_at_);
    looked_ = tail_.size();
}

}  // namespace narrows::aws
