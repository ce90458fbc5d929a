#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/clock_state.h"
#include "base/result.h"
#include "codec/value.h"
#include "evidence/merkle.h"
#include "model/ids.h"

/// What a gateway's log holds: small digests of what its journal holds, as deterministic CBOR maps
/// {"type", "time", …} of at most 65,535 bytes (docs/format.md "Log entries"). Pure functions.
namespace narrows::evidence {

inline constexpr std::size_t kEntryBytesMax = 65'535;  ///< an entry bundle's 16-bit length

/// The envelope of one of a part's keys (docs/format.md section 4.1), and to whom it is.
struct Envelope {
    Hash sha256{};                        ///< of the file
    std::vector<std::string> recipients;  ///< "age1…"
    friend bool operator==(const Envelope&, const Envelope&) = default;
};
using PartEnvelopes = std::map<std::string, Envelope>;  ///< by class: "operations" …

/// A part began. `leaf` is the leaf of its OPEN record.
struct OpenEntry {
    model::PartNo part;
    std::string session;    ///< empty for system and lobby parts
    std::string part_kind;  ///< "session", "lobby", "system"
    Hash leaf{};
    PartEnvelopes keys;  ///< none: the part is not sealed
    friend bool operator==(const OpenEntry&, const OpenEntry&) = default;
};

/// How far a part has come: how many records are durable, and the last one's leaf, which commits to
/// all before it. `root` is the RFC 6962 root over the leaves, where the writer has seen them all.
struct PartHead {
    model::PartNo part;
    std::uint64_t size = 0;
    Hash last{};
    std::optional<Hash> root;
    friend bool operator==(const PartHead&, const PartHead&) = default;
};

/// A part ended; its head counts the CLOSE record too.
struct CloseEntry {
    PartHead head;
    std::map<std::string, std::uint64_t> counts;  ///< records per kind, as CLOSE has them
    friend bool operator==(const CloseEntry&, const CloseEntry&) = default;
};

/// The heads of the parts that grew since the last one.
struct IntervalEntry {
    std::vector<PartHead> heads;
    friend bool operator==(const IntervalEntry&, const IntervalEntry&) = default;
};

/// What a restart found; `found` is the RECOVERY record's own map.
struct RecoveryEntry {
    codec::Map found;
    friend bool operator==(const RecoveryEntry&, const RecoveryEntry&) = default;
};

/// A configuration took effect.
struct ConfigEntry {
    std::string digest;
    std::string boot;
    friend bool operator==(const ConfigEntry&, const ConfigEntry&) = default;
};

/// A key that signs checkpoints from here on, in vkey form. The first entry of every log.
struct KeyEntry {
    std::string vkey;
    friend bool operator==(const KeyEntry&, const KeyEntry&) = default;
};

/// Every ten seconds: the gateway was there, and so much its clock was worth.
struct HeartbeatEntry {
    std::optional<ClockState> clock;  ///< nullopt: of an earlier version, or not known
    friend bool operator==(const HeartbeatEntry&, const HeartbeatEntry&) = default;
};

/// A witness signed the tree of the first `size` entries: what stands before them existed by `at`,
/// what stands after this entry came later. Both by the witness's clock.
struct CosignEntry {
    std::string anchor;  ///< its name in the configuration
    std::string vkey;    ///< of the witness
    std::uint64_t size = 0;
    std::int64_t at = 0;  ///< seconds since 1970
    Bytes signature;      ///< as in the note's line, without the key id: time and Ed25519
    friend bool operator==(const CosignEntry&, const CosignEntry&) = default;
};

/// An anchor that signs nothing took the checkpoint of `size`. The gateway's word alone.
struct AnchorEntry {
    std::string anchor;
    std::string anchor_kind;  ///< "directory", "s3"
    std::uint64_t size = 0;
    friend bool operator==(const AnchorEntry&, const AnchorEntry&) = default;
};

/// Something that an operator had to look at began, or is over.
struct AlarmEntry {
    std::string what;  ///< "anchors overdue", "anchor contradicts", "clock jump" …
    std::string why;   ///< a sentence
    bool over = false;
    friend bool operator==(const AlarmEntry&, const AlarmEntry&) = default;
};

/// An envelope is destroyed: what its key sealed cannot be read any more.
struct ShredEntry {
    model::PartNo part;
    std::string session;
    std::string key;  ///< "operations" …
    Hash envelope{};
    std::string by;
    std::string why;
    friend bool operator==(const ShredEntry&, const ShredEntry&) = default;
};

/// A legal hold begins, or is over (`released`), by the word of somebody who is not the operator.
struct HoldEntry {
    bool released = false;
    std::string session;
    std::string reason;
    std::string vkey;
    std::int64_t at = 0;
    Bytes signature;
    friend bool operator==(const HoldEntry&, const HoldEntry&) = default;
};
/// What such a signature is over.
std::string hold_text(std::string_view origin, const HoldEntry& hold);

/// What a segment holds of one part: records from sequence `first` to `last`, `records` of them
/// (others of that stretch stand in other segments), and how many sequences its GAP records declare
/// as lost.
struct SegmentPart {
    model::PartNo part;
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::uint64_t records = 0;
    std::uint64_t lost = 0;
    friend bool operator==(const SegmentPart&, const SegmentPart&) = default;
};

/// A store outside holds the first `bytes` bytes of a segment, up to the end of its last batch, and
/// has confirmed it. Several entries may share the parts of one segment between them.
struct SegmentEntry {
    std::string name;  ///< "control-00000001.nj"
    Hash sha256{};     ///< of those bytes
    std::uint64_t bytes = 0;
    std::string store;    ///< "s3://bucket/…" or a directory's path
    std::string object;   ///< its key below `store`
    std::string version;  ///< that the store gave it; may be empty
    std::vector<SegmentPart> parts;
    friend bool operator==(const SegmentEntry&, const SegmentEntry&) = default;
};

/// Recordings were compared with CloudTrail (docs/reconcile.md). By the word of who brought it.
struct ReconciledEntry {
    std::string trail;  ///< "s3://bucket/…" or a path
    WallNs from = 0;    ///< the stretch that both show
    WallNs to = 0;
    std::string by;       ///< a reviewer of the configuration
    std::string verdict;  ///< "agreed", "wanting", "unknown"
    std::map<std::string, std::uint64_t> counts;
    Hash report{};  ///< SHA-256 of the report, as `--json` prints it, without its last line
    friend bool operator==(const ReconciledEntry&, const ReconciledEntry&) = default;
};

using EntryBody = std::variant<OpenEntry, CloseEntry, IntervalEntry, RecoveryEntry, ConfigEntry,
                               KeyEntry, HeartbeatEntry, CosignEntry, AnchorEntry, AlarmEntry,
                               ShredEntry, HoldEntry, SegmentEntry, ReconciledEntry>;

struct Entry {
    WallNs time = 0;
    EntryBody body;
    friend bool operator==(const Entry&, const Entry&) = default;
};

/// Refuses an entry over kEntryBytesMax (split a long interval with `split_interval`).
Result<Bytes> encode_entry(const Entry& entry);
Result<Entry> decode_entry(ByteView bytes);
const char* name_of(const EntryBody& body);

/// As many interval entries as it takes for each to fit.
std::vector<Entry> split_interval(WallNs time, std::vector<PartHead> heads);
/// The same for a segment of many parts.
std::vector<SegmentEntry> split_segment(SegmentEntry segment);

}  // namespace narrows::evidence
