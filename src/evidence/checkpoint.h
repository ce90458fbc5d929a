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

std::string checkpoint_text(const Checkpoint& checkpoint);
Result<Checkpoint> parse_checkpoint(std::string_view text);

}  // namespace narrows::evidence
