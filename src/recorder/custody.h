#pragma once

#include <array>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "evidence/entry.h"
#include "evidence/note.h"
#include "io/file.h"
#include "journal/format.h"
#include "recorder/evidence_keeper.h"

namespace narrows::recorder {

/// How long recordings are kept at least, and who may demand that they are kept longer.
struct Retention {
    /// From a session's end, by journal::KeyClass.
    std::array<std::int64_t, journal::kKeyClasses.size()> least_ns{};
    std::vector<evidence::VerifierKey> officers;  ///< whose holds and releases are taken
};

struct ShredRequest {
    std::string session;
    std::optional<journal::KeyClass> key;  ///< nullopt: all of the session's keys
    std::string by;                        ///< who asks, for the log
};

/// Legal holds, and the end of keys (docs/format.md section 9). What is held and shredded stands in
/// the evidence log and is read there each time it is asked for; nothing else remembers it.
/// Thread-safe; one request at a time. All of it blocks.
class Custody {
  public:
    /// An officer's word is taken this long before or after its own time, once.
    static constexpr std::int64_t kWordNs = 900 * kNsPerSecond;
    static constexpr std::size_t kReasonMax = 1024;

    /// `fs` and `keeper` must outlive it.
    Custody(io::FileSystem& fs, const Clock& clock, std::string data_dir, std::string origin,
            EvidenceKeeper& keeper, Retention retention);

    /// Minimums only grow while it runs: who tells of them parses hostile bytes. Shorter ones take
    /// effect at the next start.
    void set_retention(Retention retention);

    /// In a signed checkpoint when it returns. A release ends the officer's own hold, nobody
    /// else's. ErrorCode::denied: the signature is not by an officer of the configuration;
    /// ErrorCode::conflict: used before, or there is no such hold; ErrorCode::not_found: no such
    /// session.
    Result<void> hold(const evidence::HoldEntry& word);
    /// Says so in the log, and when that is in a signed checkpoint destroys the keys; how many.
    /// Asked again it finishes what was interrupted. ErrorCode::conflict: a hold, a session that is
    /// not over, or too early, with what and until when; ErrorCode::not_found: no such session.
    Result<std::uint64_t> shred(const ShredRequest& request);
    /// Destroys what the log says is shredded and is still here. At the start.
    Result<void> finish_shredding();

  private:
    struct Standing;
    Result<Standing> standing(const std::string& session) const;
    Result<void> check_word(const evidence::HoldEntry& word) const;
    Result<void> check_may_shred(const Standing& now, const ShredRequest& request) const;
    Result<void> destroy(const std::vector<std::string>& envelopes);

    io::FileSystem& fs_;
    const Clock& clock_;
    const std::string data_dir_;
    const std::string origin_;
    EvidenceKeeper& keeper_;
    std::mutex mutex_;
    Retention retention_;
};

}  // namespace narrows::recorder
