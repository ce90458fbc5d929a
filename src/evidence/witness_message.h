#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "evidence/merkle.h"

/// What a log and a witness say to each other: the bodies of C2SP tlog-witness's add-checkpoint.
/// Pure functions.
namespace narrows::evidence {

inline constexpr std::size_t kAddCheckpointMax = 64 * 1024;  ///< bytes of a request
inline constexpr std::size_t kProofLinesMax = 63;
inline constexpr std::string_view kTreeSizeType = "text/x.tlog.size";  ///< of a 409's body

struct AddCheckpoint {
    std::uint64_t old_size = 0;  ///< of the checkpoint that the proof begins with
    std::vector<Hash> proof;     ///< from old_size to the note's size
    std::string note;            ///< a signed checkpoint; not looked into here

    friend bool operator==(const AddCheckpoint&, const AddCheckpoint&) = default;
};

std::string add_checkpoint_text(const AddCheckpoint& request);
Result<AddCheckpoint> parse_add_checkpoint(std::string_view text);

/// A 409's body: the size and a newline.
Result<std::uint64_t> parse_known_size(std::string_view text);

}  // namespace narrows::evidence
