#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "base/result.h"
#include "io/file.h"

namespace narrows::archive {

/// Those of the parts `asked` whose CLOSE is in the log of a data directory. Reads all of the log,
/// but nothing if nothing is asked.
Result<std::set<std::uint64_t>> ended_parts(io::FileSystem& fs, const std::string& data_dir,
                                            const std::set<std::uint64_t>& asked);

}  // namespace narrows::archive
