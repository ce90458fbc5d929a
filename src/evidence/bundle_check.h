#pragma once

#include <optional>
#include <string>
#include <vector>

#include "evidence/key_ring.h"
#include "evidence/verify.h"
#include "io/file.h"

namespace narrows::evidence {

/// Checks an evidence bundle (a folder with a manifest, or a tar archive of it) or a tlog-proof
/// (docs/format.md sections 13 and 14); nothing if `options.data_dir` is neither.
std::optional<Report> verify_given(io::FileSystem& fs, const VerifyOptions& options);

/// Identity files' texts; one that is none becomes a finding.
void add_keys(KeyRing& keys, const std::vector<std::string>& texts, Report& report);

}  // namespace narrows::evidence
