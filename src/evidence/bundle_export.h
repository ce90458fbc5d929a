#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "crypto/age.h"
#include "evidence/bundle.h"
#include "evidence/bundle_files.h"
#include "evidence/key_ring.h"
#include "io/file.h"

/// Evidence of one session for somebody else, out of a data directory, live or a copy.
namespace narrows::evidence {

struct BundleRequest {
    std::string data_dir;
    std::string session;
    std::vector<model::PartNo> parts;  ///< ascending, of that session
    BundleKeys keys = BundleKeys::original;
    std::optional<crypto::AgeRecipient> recipient;  ///< with BundleKeys::to
    std::vector<std::string> redact;                ///< not empty: BundleKeys::none
    /// Files beside the evidence, by name in the bundle: a convenience, nothing that proves.
    std::vector<std::pair<std::string, std::string_view>> beside;
};

struct BundleCounts {
    std::uint64_t records = 0;
    std::uint64_t withheld = 0;      ///< fields, and records as a whole
    std::uint64_t keys = 0;          ///< in the bundle
    std::uint64_t keys_missing = 0;  ///< of the session, that could not be given
};

/// Writes the records that the log vouches for, their proofs and keys, and the manifest last.
/// Memory: a record, and the entries that name the session. What was written before an error the
/// caller abandons.
Result<BundleCounts> write_bundle(io::FileSystem& fs, KeyRing& keys, const BundleRequest& request,
                                  BundleSink& sink);

struct ProofRequest {
    std::string data_dir;
    model::PartNo part;
    std::uint64_t sequence = 0;
    bool open = false;                ///< show its fields; needs the key
    std::vector<std::string> redact;  ///< but these
};
/// A tlog-proof file that the record is in the log. Memory: 32 bytes for each record of the part.
Result<std::string> make_record_proof(io::FileSystem& fs, KeyRing& keys,
                                      const ProofRequest& request);

}  // namespace narrows::evidence
