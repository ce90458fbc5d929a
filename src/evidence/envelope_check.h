#pragma once

#include <map>
#include <string>

#include "evidence/key_ring.h"
#include "evidence/log_check.h"

namespace narrows::evidence {

/// The envelopes of parts' keys against what the log says of each (docs/format.md section 9), and,
/// of those that `keys` opens, against what they must hold.
void check_envelopes(io::FileSystem& fs, const std::string& data_dir, KeyRing& keys,
                     const std::map<std::uint64_t, Claims>& claims, Report& report);

}  // namespace narrows::evidence
