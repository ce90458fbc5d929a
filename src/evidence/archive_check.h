#pragma once

#include <string>

#include "evidence/archive_view.h"
#include "evidence/archived.h"
#include "evidence/verify.h"
#include "journal/scan.h"

namespace narrows::evidence {

/// The segments that a log calls archived, beside those that are there: what is in both must be
/// equal, what is gone here must be in the log, and in the archive if that is at hand.
class ArchiveCheck {
  public:
    /// All must outlive it. Without a readable log nothing can be demanded of the journal.
    ArchiveCheck(io::FileSystem& fs, const VerifyOptions& options, const Archived& archived,
                 bool log_readable, Report& report)
        : fs_(fs),
          options_(options),
          archived_(archived),
          log_readable_(log_readable),
          report_(report),
          view_(fs) {}

    void run();
    /// The journal with what the archive has of it. Valid after run().
    io::FileSystem& journal() { return view_; }
    /// What neither the journal nor an archive at hand holds, by the log's word.
    const AbsentParts& absent() const { return absent_; }

  private:
    void check_lane(journal::Lane lane, const journal::Listing& listing);
    void demand(journal::Lane lane, std::uint64_t lowest, std::uint64_t known);
    void check_here(const SegmentEntry& entry);
    void check_there(const Archived::Segment& segment);
    /// Whether the file could be read, or is not there.
    bool compare(const SegmentEntry& entry, const std::string& path, const std::string& shown);
    void note_absent();
    void find(FindingKind kind, std::string what, std::string means, std::string file);

    io::FileSystem& fs_;
    const VerifyOptions& options_;
    const Archived& archived_;
    const bool log_readable_;
    Report& report_;
    ArchiveView view_;
    AbsentParts absent_;
    std::uint64_t absent_segments_ = 0;
    std::string absent_store_;
};

}  // namespace narrows::evidence
