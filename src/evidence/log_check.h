#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "evidence/archived.h"
#include "evidence/bundle.h"
#include "evidence/checkpoint.h"
#include "evidence/entry.h"
#include "evidence/key_ring.h"
#include "evidence/verify.h"
#include "evidence/witnessed.h"

namespace narrows::evidence {

/// What the log says of one part.
struct Claims {
    std::optional<OpenEntry> open;
    std::optional<CloseEntry> close;
    std::vector<PartHead> heads;                      ///< by size; INTERVAL and CLOSE
    std::map<std::string, Hash, std::less<>> shreds;  ///< envelopes destroyed, by class
};

/// What somebody was given of a log: single entries with proofs.
struct GivenLog {
    Result<Bytes> checkpoint;  ///< a signed note
    std::optional<Bytes> cosigned;
    LogExcerpt excerpt;
};

/// Checks the log by itself: signature, root, entries; and keeps what it says of parts.
class LogCheck {
  public:
    LogCheck(io::FileSystem& fs, const VerifyOptions& options, KeyRing& keys, Report& report)
        : fs_(fs),
          options_(options),
          keys_(keys),
          report_(report),
          directory_(log_directory(options.data_dir)),
          cosignatures_(options.trust) {}

    void run();
    /// The same of what was given of a log: signature, proofs, entries.
    void run(const GivenLog& given);
    /// By part number. Valid after run().
    std::map<std::uint64_t, Claims>& claims() { return claims_; }
    /// What it says of segments that a store outside holds. Valid after run().
    const Archived& archived() const { return archived_; }
    bool readable() const { return readable_; }
    bool trusted() const { return trusted_; }

  private:
    /// A signed checkpoint as a file has it.
    struct Signed {
        Note note;
        Checkpoint checkpoint;
        std::string file;
    };

    std::optional<Signed> read_signed(const std::string& file);
    std::optional<Signed> parse_signed(const Result<Bytes>& bytes, const std::string& file);
    std::optional<Signed> newest_signed(std::optional<Signed>& other);
    std::vector<VerifierKey> own_keys();
    static std::vector<VerifierKey> keys_in(const LogExcerpt& excerpt);
    void take_proven(const ProvenEntry& proven, const Checkpoint& newest);
    using Roots = std::map<std::uint64_t, Hash>;
    void take_cosigned(const GivenLog& given, const Checkpoint& newest, Roots& roots);
    void check_kept(const std::string& text, const Checkpoint& newest, const Roots& roots);
    void sort_heads();
    bool check_signature(const Signed& head);
    void count(const Signed& checked, bool is_signed);
    void read_entries(const Checkpoint& checkpoint);
    void take(std::uint64_t index, ByteView bytes);
    void add_head(const PartHead& head);
    void check_outside(std::uint64_t index, bool can_be);
    void take_shred(std::uint64_t index, const ShredEntry& shred);
    void take_hold(std::uint64_t index, const HoldEntry& hold);
    void take_segment(std::uint64_t index, SegmentEntry segment);
    void take_cosign(std::uint64_t index, const CosignEntry& cosign);
    void check_given(const Checkpoint& newest);
    void check_kept(const Signed& kept, const Checkpoint& newest);
    void settle_witnesses(const std::string& origin, const CosignatureCount::RootOf& root_of);
    void find(FindingKind kind, std::string what, std::string means, std::string file);

    io::FileSystem& fs_;
    const VerifyOptions& options_;
    KeyRing& keys_;
    Report& report_;
    std::string directory_;
    std::vector<VerifierKey> logs_;  ///< that may sign this log
    CosignatureCount cosignatures_;
    std::map<std::uint64_t, Claims> claims_;
    std::set<std::string> held_;  ///< sessions under a legal hold
    Archived archived_;
    bool readable_ = false;
    bool trusted_ = false;
};

/// What the findings come to.
Verdict verdict_of(const Report& report, const LogCheck& log);

}  // namespace narrows::evidence
