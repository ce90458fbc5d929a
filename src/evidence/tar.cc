#include "evidence/tar.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "base/check.h"

namespace narrows::evidence {
namespace {

constexpr std::size_t kNameSize = 100;
constexpr std::size_t kSumAt = 148;
constexpr std::size_t kSumSize = 8;
constexpr std::size_t kMagicAt = 257;

void put_text(Bytes& block, std::size_t at, std::string_view text) {
    std::copy(text.begin(), text.end(), block.begin() + static_cast<std::ptrdiff_t>(at));
}

/// Sum of all bytes, the sum's own field taken as blanks.
std::uint64_t sum_of(ByteView block) {
    const auto sum = [](ByteView bytes) {
        return std::accumulate(bytes.begin(), bytes.end(), std::uint64_t{0});
    };
    return sum(block) - sum(block.subspan(kSumAt, kSumSize)) + kSumSize * ' ';
}

/// Up to the first zero byte.
std::string text_at(ByteView block, std::size_t at, std::size_t size) {
    const std::string_view field = as_text(block.subspan(at, size));
    return std::string(field.substr(0, field.find('\0')));
}

std::optional<std::uint64_t> octal_at(ByteView block, std::size_t at, std::size_t size) {
    std::uint64_t number = 0;
    bool ended = false;
    bool any = false;
    for (const std::uint8_t byte : block.subspan(at, size)) {
        if (byte == ' ' || byte == 0) {
            ended = any;
        } else if (byte < '0' || byte > '7' || ended) {
            return std::nullopt;
        } else {
            number = number << 3 | (byte - '0');
            any = true;
        }
    }
    return any ? std::optional(number) : std::nullopt;
}

}  // namespace

Bytes tar_header(std::string_view name, std::uint64_t size) {
    NARROWS_CHECK(name.size() <= kNameSize, "names in a bundle are short");
    Bytes block(kTarBlock, 0);
    put_text(block, 0, name);
    put_text(block, 100, "0000644");
    put_text(block, 108, "0000000");
    put_text(block, 116, "0000000");
    put_text(block, 124, fmt::format("{:011o}", size));
    put_text(block, 136, "00000000000");
    block[156] = '0';
    put_text(block, kMagicAt, std::string_view("ustar\00000", 8));
    put_text(block, kSumAt, fmt::format("{:06o}", sum_of(block)));
    block[kSumAt + 7] = ' ';
    return block;
}

Result<std::optional<TarMember>> decode_tar_header(ByteView block) {
    if (block.size() < kTarBlock) {
        return fail(ErrorCode::invalid, "the archive ends inside a header");
    }
    block = block.first(kTarBlock);
    if (std::all_of(block.begin(), block.end(), [](std::uint8_t byte) { return byte == 0; })) {
        return std::optional<TarMember>();
    }
    const auto size = octal_at(block, 124, 12);
    const auto sum = octal_at(block, kSumAt, kSumSize);
    if (!size || sum != sum_of(block) || as_text(block.subspan(kMagicAt, 5)) != "ustar") {
        return fail(ErrorCode::invalid, "this is no tar archive, or a damaged one");
    }
    TarMember member{text_at(block, 0, kNameSize), *size, block[156] == '0' || block[156] == 0};
    const bool has_prefix = block[kMagicAt + 5] == 0;  // GNU tar has times there
    if (const std::string prefix = text_at(block, 345, 155); has_prefix && !prefix.empty()) {
        member.name = prefix + "/" + member.name;
    }
    return std::optional(std::move(member));
}

}  // namespace narrows::evidence
