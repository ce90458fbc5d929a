#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "archive/segment_facts.h"
#include "archive/store.h"
#include "base/clock.h"
#include "evidence/archived.h"
#include "evidence/checkpoint.h"
#include "evidence/note.h"
#include "evidence/tiles.h"
#include "journal/recovery.h"
#include "journal/scan.h"

namespace narrows::archive {

/// What a gateway's operators see of its archive.
struct Backlog {
    std::uint64_t segments = 0;  ///< complete, and not yet archived by the log's word
    std::uint64_t bytes = 0;     ///< of these
    WallNs oldest = 0;           ///< when the first of them was begun; 0: none waits
    std::uint64_t removed = 0;   ///< local copies removed since the start
    std::uint64_t log_size = 0;  ///< entries of the newest checkpoint in the archive
};

/// Brings a gateway's evidence to a store, a round at a time, beside the gateway that writes it.
/// A round takes the newest signed checkpoint, then brings all segments that are complete, what the
/// segments being written hold by now, key envelopes, the log up to that checkpoint, and the
/// checkpoint last: whatever is in the store then covers what its newest checkpoint says. An object
/// is there only when the store has confirmed it; a segment is archived only when an entry of the
/// log says so under a signed checkpoint, and only then may its local copy go. Envelopes that the
/// signed log says are shredded are dropped from the store, where it lets them be.
/// One thread calls `round`; the rest may be called from any.
class Archiver {
  public:
    struct Options {
        std::string data_dir;
        evidence::VerifierKey log;           ///< the key that signs the checkpoints
        std::uint64_t keep_local_bytes = 0;  ///< archived segments that stay all the same
        std::int64_t keep_local_ns = 0;      ///< so long after a segment's newest record it stays
    };
    using Tell = std::function<void(evidence::SegmentEntry)>;

    /// `fs`, `clock` and `store` must outlive it. `tell` puts an entry into the log.
    Archiver(io::FileSystem& fs, const Clock& clock, Store& store, Options options, Tell tell);

    /// An error stops the round, which is to be tried again: nothing is lost by it.
    Result<void> round();

    Backlog backlog() const;
    /// Parts that have not ended and so keep local copies that are due.
    std::set<std::uint64_t> held_back_by() const;
    /// Segments that are damaged, and so neither archived nor removed: a sentence, or empty.
    std::string damage() const;

  private:
    using Place = evidence::Archived::Place;
    struct Head {
        std::string note;
        evidence::Checkpoint checkpoint;
        std::vector<std::pair<std::string, Bytes>> partial;  ///< tiles, by path in the log
    };
    struct Live {
        std::uint64_t number = 0;
        std::uint64_t done = 0;                    ///< bytes of it that the store has
        std::vector<evidence::SegmentPart> parts;  ///< that it holds records of by now
    };

    Result<Head> read_head();
    Result<void> take_partial(Head& head);
    Result<void> learn_store(const Head& head);
    Result<void> read_log(const Head& head);
    void take_entry(evidence::Entry entry);
    Result<void> put_segments(const journal::Listing& listing);
    Result<void> put_segment(const journal::SegmentName& name);
    Result<const SegmentFacts*> facts_of(const Place& place);
    void count_backlog(const journal::Listing& listing);
    Result<void> put_live(const journal::Listing& listing);
    Result<void> put_folder(const std::string& folder, std::string_view prefix, Keeping keeping,
                            std::string_view suffix, std::set<std::string>& sent);
    Result<void> learn_sent(std::string_view prefix, std::set<std::string>& sent);
    void drop_shredded();
    Result<void> put_log(const Head& head);
    Result<void> put_tiles(unsigned level, std::uint64_t size);
    Result<void> drop_live();
    Result<void> remove_local();
    Result<std::uint64_t> bytes_kept(const journal::Listing& listing);
    Result<bool> remove_next(const journal::Listing& listing);
    Result<bool> may_go(const journal::Listing& listing, const Place& place);
    Result<bool> parts_have_ended(const SegmentFacts& facts);
    Result<bool> number_stays(const journal::Listing& listing, const Place& place);
    bool live_keeps(std::uint64_t number) const;
    Result<void> remove(const Place& place);
    std::string path_of(const Place& place) const;

    io::FileSystem& fs_;
    const Clock& clock_;
    Store& store_;
    const Options options_;
    const Tell tell_;
    const std::string log_directory_;
    const std::string journal_directory_;

    bool learned_ = false;                              ///< what the store has already
    std::uint64_t scanned_ = 0;                         ///< entries of the log that were read
    std::uint64_t log_done_ = 0;                        ///< entries of the log that the store has
    journal::SequenceSet closed_;                       ///< parts whose CLOSE is in the log
    std::map<Place, evidence::SegmentEntry> archived_;  ///< by the signed log; without parts
    std::set<Place> told_;                              ///< put and told, not signed yet
    std::map<Place, SegmentFacts> facts_;               ///< of segments that are still here
    std::array<Live, 2> live_;
    std::vector<journal::SegmentName> superseded_;  ///< whose live pieces may go
    std::vector<std::string> shredded_;  ///< envelopes that the log says are, to be dropped
    std::set<std::string> sent_keys_;
    std::set<std::string> sent_aside_;

    mutable std::mutex mutex_;
    Backlog backlog_;
    std::set<std::uint64_t> held_back_by_;
    std::map<Place, std::string> damage_;
};

}  // namespace narrows::archive
