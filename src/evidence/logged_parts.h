#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "evidence/entry.h"
#include "io/file.h"

namespace narrows::evidence {

/// The OPEN entries of a log, by part: what a reader without a key knows of parts. Only `verify`
/// checks them. A log that cannot be read gives none; nor does one that is being written, for the
/// parts of this moment.
std::map<std::uint64_t, OpenEntry> logged_parts(io::FileSystem& fs, const std::string& data_dir);

}  // namespace narrows::evidence
