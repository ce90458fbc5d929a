#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "evidence/entry.h"
#include "evidence/part_keys.h"
#include "io/file.h"
#include "journal/journal.h"
#include "recorder/anchoring.h"
#include "recorder/archiving.h"
#include "recorder/custody.h"
#include "recorder/evidence_keeper.h"
#include "recorder/recovery.h"
#include "recording/receipt.h"

namespace narrows::recorder {

/// How the recorder is, for operators.
struct Status {
    journal::State journal;
    bool can_open_session = false;  ///< as far as the journal goes
    journal::Counters counters;
    std::uint64_t log_size = 0;
    std::string log_trouble;      ///< why checkpoints cannot be made; empty: they can
    std::string no_new_sessions;  ///< why not, as far as the log and its anchors go
    bool refuses_operations = false;
    std::uint64_t clock_jumps = 0;
    std::vector<AnchorState> anchors;
    std::optional<std::int64_t> anchored_age_ns;
    std::map<std::string, std::string> alarms;
    std::optional<ArchiveState> archive;  ///< nullopt: nowhere
};

/// The only way to evidence: a journal whose OPEN counts as durable when it is in the log too, and
/// the log's further entries. Thread-safe.
class Recorder : public journal::Journal {
  public:
    virtual Status status() const = 0;
    /// What the start found of earlier ones.
    virtual const Found& found() const = 0;
    /// A configuration took effect.
    virtual void configured(const std::string& digest, const std::string& boot) = 0;
    /// Alarms that began or ended since the last call, for NOTICE records.
    virtual std::vector<evidence::AlarmEntry> take_alarms() = 0;
    /// Who may read parts that begin from now on.
    virtual void set_recipients(evidence::Recipients recipients) = 0;

    // As Custody has them; they block.
    virtual void set_retention(Retention retention) = 0;
    virtual Result<void> hold(const evidence::HoldEntry& word) = 0;
    virtual Result<std::uint64_t> shred(const ShredRequest& request) = 0;
    /// In a signed checkpoint when it returns; blocks.
    virtual Result<void> reconciled(const evidence::ReconciledEntry& entry) = 0;
};

struct RecorderOptions {
    std::string data_dir;
    std::string origin;  ///< "narrows/NAME"
    std::uint64_t segment_bytes = 64ull << 20;
    std::uint64_t reserve_bytes = 256ull << 20;
    bool accept_corruption = false;
    /// What signs the log, by the name `origin`; asked once. Empty: the key in DATA_DIR/log.key,
    /// made at the first start.
    std::function<Result<std::unique_ptr<evidence::NoteSigner>>()> open_signer;
    AnchorSetup anchors;
    evidence::Recipients recipients;
    ArchiveSetup archive;
    Retention retention;
    /// For what is attested; must outlive the recorder. Null: nothing is.
    const recording::ReceiptKey* receipt_key = nullptr;
};

/// The recorder in this process: opens the journal, declares what earlier starts left open, begins
/// the log. Errors as Journal::open and EvidenceKeeper::open have them. Blocks.
Result<std::unique_ptr<Recorder>> open_recorder(io::FileSystem& fs, const Clock& clock,
                                                RecorderOptions options);

}  // namespace narrows::recorder
