#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "evidence/note.h"

/// What a verifier trusts, given from outside the data it checks (docs/format.md "Trust file").
/// One statement a line: `log VKEY`, `witness VKEY`, `quorum N`, `officer VKEY`; empty lines and
/// lines that begin with '#' say nothing.
namespace narrows::evidence {

inline constexpr std::size_t kTrustBytesMax = 1 << 20;

struct Trust {
    std::vector<VerifierKey> logs;       ///< never empty
    std::vector<VerifierKey> witnesses;  ///< cosignature keys (type 0x04)
    std::size_t quorum = 0;              ///< how many of the witnesses must have signed
    std::vector<VerifierKey> officers;   ///< whose holds and releases count; none: anybody's
};

/// Errors name the line.
Result<Trust> parse_trust(std::string_view text);

}  // namespace narrows::evidence
