#include "crypto/bech32.h"

#include <array>

#include "base/check.h"

namespace narrows::crypto {
namespace {

constexpr std::string_view kBech32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kKeyDigits = 52;  // of 5 bits; the last 4 bits are spare
constexpr std::size_t kChecksumDigits = 6;

/// Base-32 digits of key and checksum.
struct Digits {
    std::array<std::uint8_t, kKeyDigits + kChecksumDigits> value{};
    ~Digits() { wipe(value.data(), value.size()); }
};

std::uint32_t step(std::uint32_t sum, std::uint8_t digit) {
    constexpr std::array<std::uint32_t, 5> kGenerator = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa,
                                                         0x3d4233dd, 0x2a1462b3};
    const std::uint32_t top = sum >> 25;
    sum = ((sum & 0x1ffffff) << 5) ^ digit;
    for (std::size_t bit = 0; bit < kGenerator.size(); ++bit) {
        if ((top >> bit) & 1) sum ^= kGenerator[bit];
    }
    return sum;
}

/// 1 if the last six digits are the checksum of the rest.
std::uint32_t checksum(std::string_view prefix, const Digits& digits) {
    std::uint32_t sum = 1;
    for (const char c : prefix) sum = step(sum, static_cast<std::uint8_t>(c) >> 5);
    sum = step(sum, 0);
    for (const char c : prefix) sum = step(sum, static_cast<std::uint8_t>(c) & 31);
    for (const std::uint8_t digit : digits.value) sum = step(sum, digit);
    return sum;
}

bool read_digits(std::string_view text, Digits& into) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        const std::size_t digit = kBech32.find(text[i]);
        if (digit == std::string_view::npos) return false;
        into.value[i] = static_cast<std::uint8_t>(digit);
    }
    return true;
}

}  // namespace

Secret bech32_encode(std::string_view prefix, ByteView key) {
    NARROWS_CHECK(key.size() == kKeyBytes, "a key of age has 32 bytes");
    Digits digits;
    for (std::size_t bit = 0; bit < kKeyBytes * 8; ++bit) {
        const int one = (key[bit / 8] >> (7 - bit % 8)) & 1;
        digits.value[bit / 5] |= static_cast<std::uint8_t>(one << (4 - bit % 5));
    }
    const std::uint32_t sum = checksum(prefix, digits) ^ 1;
    for (std::size_t i = 0; i < kChecksumDigits; ++i) {
        digits.value[kKeyDigits + i] = (sum >> (5 * (kChecksumDigits - 1 - i))) & 31;
    }
    Bytes text;
    text.reserve(prefix.size() + 1 + digits.value.size());
    append(text, prefix);
    text.push_back('1');
    for (const std::uint8_t digit : digits.value) {
        text.push_back(static_cast<std::uint8_t>(kBech32[digit]));
    }
    return Secret(std::move(text));
}

Result<Secret> bech32_decode(std::string_view prefix, std::string_view text) {
    Digits digits;
    if (text.size() != prefix.size() + 1 + digits.value.size() || !text.starts_with(prefix) ||
        text[prefix.size()] != '1' || !read_digits(text.substr(prefix.size() + 1), digits)) {
        return fail(ErrorCode::invalid, "not a Bech32 text of 32 bytes under this prefix");
    }
    const bool spare_bits = (digits.value[kKeyDigits - 1] & 15) != 0;
    if (checksum(prefix, digits) != 1 || spare_bits) {
        return fail(ErrorCode::invalid, "the Bech32 checksum does not fit; a character is wrong");
    }
    Bytes key(kKeyBytes);
    for (std::size_t bit = 0; bit < kKeyBytes * 8; ++bit) {
        const int one = (digits.value[bit / 5] >> (4 - bit % 5)) & 1;
        key[bit / 8] |= static_cast<std::uint8_t>(one << (7 - bit % 8));
    }
    return Secret(std::move(key));
}

}  // namespace narrows::crypto
