#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "evidence/merkle.h"

/// The text of a checkpoint: C2SP tlog-checkpoint v1.0.0, the body of a signed note.
namespace narrows::evidence {

struct Checkpoint {
    std::string origin;
    std::uint64_t size = 0;
    Hash root{};
    std::vector<std::string> extensions;  ///< not written by Narrows; kept when read

    friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

/// A tree's size as it is written everywhere: decimal, without leading zeros.
Result<std::uint64_t> parse_tree_size(std::string_view text);
/// A SHA-256 hash in canonical base64.
Result<Hash> parse_hash(std::string_view text);

std::string checkpoint_text(const Checkpoint& checkpoint);
Result<Checkpoint> parse_checkpoint(std::string_view text);

}  // namespace narrows::evidence
