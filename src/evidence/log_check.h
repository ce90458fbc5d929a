#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "evidence/checkpoint.h"
#include "evidence/entry.h"
#include "evidence/verify.h"

namespace narrows::evidence {

/// What the log says of one part.
struct Claims {
    std::optional<OpenEntry> open;
    std::optional<CloseEntry> close;
    std::vector<PartHead> heads;  ///< by size; INTERVAL and CLOSE
};

/// Checks the log by itself: signature, root, entries; and keeps what it says of parts.
class LogCheck {
  public:
    LogCheck(io::FileSystem& fs, const VerifyOptions& options, Report& report)
        : fs_(fs),
          options_(options),
          report_(report),
          directory_(log_directory(options.data_dir)) {}

    void run();
    /// By part number. Valid after run().
    std::map<std::uint64_t, Claims>& claims() { return claims_; }
    bool readable() const { return readable_; }
    bool trusted() const { return trusted_; }

  private:
    std::optional<Checkpoint> signed_checkpoint();
    std::vector<VerifierKey> own_keys();
    void check_signature(const Note& note);
    void read_entries(const Checkpoint& checkpoint);
    void take(std::uint64_t index, ByteView bytes);
    void add_head(const PartHead& head);
    void check_older(const Checkpoint& newest);
    void find(FindingKind kind, std::string what, std::string means, std::string file);

    io::FileSystem& fs_;
    const VerifyOptions& options_;
    Report& report_;
    std::string directory_;
    std::map<std::uint64_t, Claims> claims_;
    bool readable_ = false;
    bool trusted_ = false;
};

}  // namespace narrows::evidence
