#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "evidence/checked.h"
#include "evidence/finding.h"
#include "evidence/trust.h"
#include "io/file.h"

/// Checks a data directory, live or a copy, an evidence bundle or a proof against itself and
/// against what a verifier brings. Reads only; links neither network nor protocols.
namespace narrows::evidence {

enum class Verdict {
    verified,     ///< and the log's checkpoint is signed by keys the verifier trusts
    consistent,   ///< with itself; nobody from outside vouches for it
    wanting,      ///< something is wrong: see the findings
    cannot_tell,  ///< something needed for an answer is missing
};
const char* name_of(Verdict verdict);  ///< "consistent, not verified"

struct VerifyOptions {
    std::string data_dir;  ///< holds journal/ and log/; or a bundle's folder or archive; or a proof
    /// The gateway's folder in an archive, or a copy of it: segments that are not in the data
    /// directory any more are read there, and compared with what the log says. Empty: none.
    std::string archive;
    std::optional<Trust> trust;
    /// Signed checkpoints that the verifier kept from before: the log must begin with each.
    std::vector<std::string> checkpoints;
    /// Age identity files' texts: what they open is checked too (docs/format.md section 4.1).
    std::vector<std::string> keys;
    /// Records checked so far; now and then, on the calling thread. Optional.
    std::function<void(std::uint64_t records)> progress;
};

struct Report {
    Verdict verdict = Verdict::cannot_tell;
    Findings findings;
    Checked checked;
    std::string origin;                ///< of the log
    std::uint64_t log_size = 0;        ///< entries that the checkpoint covers
    std::vector<std::string> signers;  ///< vkeys of the log's keys that signed it
    /// The newest tree that the trust file's quorum of witnesses signed (of one, if it asks for
    /// none), else the one that most of them did.
    std::uint64_t witnessed_size = 0;    ///< its entries; 0: no trusted witness signed any
    std::vector<std::string> witnesses;  ///< vkeys of those that signed it
    std::size_t quorum = 0;              ///< how many the trust file demands
    std::int64_t anchored_at = 0;        ///< their newest time, seconds since 1970; 0: none
};

/// Total: what cannot be read is a finding.
Report verify(io::FileSystem& fs, const VerifyOptions& options);

/// Where the log and the journal lie in a data directory.
std::string log_directory(const std::string& data_dir);
std::string journal_directory(const std::string& data_dir);

}  // namespace narrows::evidence
