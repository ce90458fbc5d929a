#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "evidence/entry.h"
#include "io/file.h"

/// What a log says, for those who rely on it without checking it: only `verify` does. As far as its
/// newest checkpoint covers it; a log may be written meanwhile.
namespace narrows::evidence {

/// The entries, in order, whose bytes `wanted` lets through; what cannot be decoded is left out.
Result<std::vector<Entry>> logged_entries(io::FileSystem& fs, const std::string& data_dir,
                                          const std::function<bool(ByteView)>& wanted);
/// Whether an entry's bytes hold a text: told without decoding it.
bool mentions(ByteView entry, std::string_view text);

/// The OPEN entries, by part: what a reader without a key knows of parts. A log that cannot be read
/// gives none.
std::map<std::uint64_t, OpenEntry> logged_parts(io::FileSystem& fs, const std::string& data_dir);

/// What became of a session's keys.
struct LoggedCustody {
    std::set<std::string> shredded;  ///< classes of which a key is destroyed
    std::set<std::string> held_by;   ///< vkeys of officers whose hold was not released
};
/// By session; none of which nothing is to be said.
std::map<std::string, LoggedCustody> logged_custody(io::FileSystem& fs,
                                                    const std::string& data_dir);

}  // namespace narrows::evidence
