#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "evidence/entry.h"

namespace narrows::recorder {

/// What an operator has to look at, by name. Every beginning and end is told twice: to the evidence
/// log and to the system part. Thread-safe; at most kUntoldMax changes wait to be told, older ones
/// go first.
///
/// Of the recorder's own: "disk fault", "disk full", "slow disk", "journal refuses" (JournalWatch),
/// "evidence log", "log key" (EvidenceKeeper), "interrupted" (a start that found parts that nobody
/// had closed).
class Alarms {
  public:
    static constexpr std::size_t kUntoldMax = 256;

    /// Begins, with a sentence; nothing if it is raised already.
    void raise(const std::string& what, const std::string& why);
    /// Something that happened, and is over: begins anew, and ends at the first `expire` from
    /// `until` on.
    void show(const std::string& what, const std::string& why, MonoNs until);
    /// Ends; nothing if it is not raised.
    void lower(const std::string& what);
    void expire(MonoNs now);

    std::map<std::string, std::string> active() const;  ///< what and why
    /// The changes since the last call, for the log and for NOTICE records.
    std::vector<evidence::AlarmEntry> take_for_log();
    std::vector<evidence::AlarmEntry> take_for_notices();

  private:
    struct Raised {
        std::string why;
        std::optional<MonoNs> until;
    };
    void lower_locked(const std::string& what);
    void tell(const evidence::AlarmEntry& change);

    mutable std::mutex mutex_;
    std::map<std::string, Raised> active_;
    std::vector<evidence::AlarmEntry> for_log_;
    std::vector<evidence::AlarmEntry> for_notices_;
};

}  // namespace narrows::recorder
