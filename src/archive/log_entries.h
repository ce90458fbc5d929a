#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "evidence/checkpoint.h"
#include "evidence/entry.h"
#include "io/file.h"

/// The entries of a log as its directory has them, unverified.
namespace narrows::archive {

/// The checkpoint in a note's bytes, whoever signed it.
Result<evidence::Checkpoint> head_of_note(std::string_view note);

/// Hands the entries [from, size) to `take`; those of a later version are passed over.
Result<void> read_entries(io::FileSystem& fs, const std::string& log_directory, std::uint64_t from,
                          std::uint64_t size, const std::function<void(evidence::Entry)>& take);

}  // namespace narrows::archive
