#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "evidence/bundle.h"

/// Proofs that an entry is in a log, as files that stand alone (C2SP tlog-proof v1), and what ours
/// say of a record in their `extra` line (docs/format.md section 14). Pure functions; the decoders
/// take hostile bytes.
namespace narrows::evidence {

inline constexpr std::size_t kTlogProofMax = 4 << 20;

struct TlogProof {
    Bytes extra;  ///< nobody vouches for it
    std::uint64_t index = 0;
    std::vector<Hash> proof;  ///< leaf side first
    std::string checkpoint;   ///< a signed note
    friend bool operator==(const TlogProof&, const TlogProof&) = default;
};
std::string encode_tlog_proof(const TlogProof& proof);
/// ErrorCode::unsupported: it does not begin as a tlog-proof does.
Result<TlogProof> decode_tlog_proof(ByteView bytes);

/// How a record leads to the entry.
struct RecordProof {
    Bytes entry;             ///< an INTERVAL or CLOSE of the log
    BundleRecord record;     ///< its payload at the exporter's choice
    std::vector<Hash> path;  ///< from its leaf to the root that the entry states
    friend bool operator==(const RecordProof&, const RecordProof&) = default;
};
Bytes encode_record_proof(const RecordProof& proof);
Result<RecordProof> decode_record_proof(ByteView bytes);

}  // namespace narrows::evidence
