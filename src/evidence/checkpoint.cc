#include "evidence/checkpoint.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "codec/text.h"

namespace narrows::evidence {

Result<std::uint64_t> parse_tree_size(std::string_view text) {
    std::uint64_t size = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
    const bool leading_zero = text.size() > 1 && text.front() == '0';
    if (error != std::errc() || end != text.data() + text.size() || leading_zero) {
        return fail(ErrorCode::invalid, "a tree size is a decimal number without leading zeros");
    }
    return size;
}

Result<Hash> parse_hash(std::string_view text) {
    NARROWS_TRY(const Bytes bytes, codec::unbase64(text));
    Hash root;
    if (bytes.size() != root.size() || codec::base64(bytes) != text) {
        return fail(ErrorCode::invalid, "a tree's hash is 32 bytes in canonical base64");
    }
    std::copy(bytes.begin(), bytes.end(), root.begin());
    return root;
}

std::string checkpoint_text(const Checkpoint& checkpoint) {
    std::string text = fmt::format("{}\n{}\n{}\n", checkpoint.origin, checkpoint.size,
                                   codec::base64(checkpoint.root));
    for (const std::string& line : checkpoint.extensions) {
        text += line + "\n";
    }
    return text;
}

Result<Checkpoint> parse_checkpoint(std::string_view text) {
    if (!text.ends_with('\n')) {
        return fail(ErrorCode::invalid, "a checkpoint's text ends with a newline");
    }
    const auto lines = codec::split(text.substr(0, text.size() - 1), '\n');
    const bool has_empty_line =
        std::any_of(lines.begin(), lines.end(), [](std::string_view line) { return line.empty(); });
    if (lines.size() < 3 || has_empty_line) {
        return fail(ErrorCode::invalid,
                    "a checkpoint has at least three lines, none empty: origin, size, root");
    }
    Checkpoint checkpoint;
    checkpoint.origin = lines[0];
    NARROWS_TRY(checkpoint.size, parse_tree_size(lines[1]));
    NARROWS_TRY(checkpoint.root, parse_hash(lines[2]));
    checkpoint.extensions.assign(lines.begin() + 3, lines.end());
    return checkpoint;
}

}  // namespace narrows::evidence
