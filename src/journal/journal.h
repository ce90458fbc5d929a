#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "crypto/hash.h"
#include "io/file.h"
#include "journal/format.h"
#include "journal/frame.h"
#include "model/ids.h"
#include "model/record.h"

/// The append-only evidence file sequence of one gateway (docs/format.md). Two lanes: `control`
/// for small records (every batch is one write and one sync), `bulk` for bodies (synced at the
/// latest 50 ms after it was written, or at once when somebody awaits it). Each lane writes in the
/// order of its appends; neither waits for the other.
namespace narrows::journal {

/// What an append waits for.
enum class Await {
    none,
    held,     ///< the operating system has it: survives the death of this process
    durable,  ///< the disk has it: survives a power cut
};

/// What a record is for, when space runs out: `closing` records (RESULT, NOT_SENT, UNKNOWN, GAP,
/// CLOSE, RECOVERY) may use the reserved tail that `normal` ones may not. A `promised` one has its
/// number already, given by somebody who looked at queue and space before and bounds what he
/// promises: it is queued whatever they look like now, also while the journal refuses.
enum class Use { normal, closing, promised };

/// What is vouched for beside the place of a record once that is durable: a request with this
/// digest, or who asks with these random bytes.
using Challenge = std::array<std::uint8_t, 16>;
using Attest = std::variant<std::monostate, crypto::Digest, Challenge>;

/// What a record is about, as readers without a key see it.
struct Subject {
    Subject(model::RecordKind of) : kind(of) {}  // NOLINT: a kind alone is a subject
    Subject(model::RecordKind of, model::Sequence operation, std::uint8_t its_flags = 0)
        : kind(of), op(operation), flags(its_flags) {}
    model::RecordKind kind;
    model::Sequence op{0};   ///< the INTENT it belongs to, an INTENT's own (kOwn); 0: none
    std::uint8_t flags = 0;  ///< kFlagAllowed, kFlagContinues, kFlagResponse
    Attest attest;           ///< only with Await::durable
};
/// Stands for an INTENT's own sequence, which its append gives.
inline const model::Sequence kOwn{UINT64_MAX};

/// What a part is for, for whoever makes its keys and its log entries.
struct PartInfo {
    std::string kind;     ///< "session", "system", "lobby"
    std::string session;  ///< empty unless it is a session's
};

/// Seals the payloads of one part. Called under the part's lock, in order of sequence.
class Sealer {
  public:
    virtual ~Sealer() = default;
    /// `header` has everything but length, key, epoch, commitment and payload_sha256. Sets key,
    /// epoch, commitment and kFlagSealed and gives what is to be stored. An error refuses the
    /// append.
    virtual Result<Bytes> seal(FrameHeader& header, Bytes plain) = 0;
    /// Whether somebody may read records of this class, so that `seal` takes them.
    virtual bool seals(KeyClass key) const = 0;
};

/// Is told the fate of one append, exactly once, on a committer thread, possibly before `append`
/// has returned. Must not block, throw or call the journal. Must live until told.
/// An error means that the record may or may not be on disk: act as if it were not, and record
/// what you did about it (NOT_SENT for an INTENT). Its sequence number stays used.
class Waiter {
  public:
    virtual ~Waiter() = default;
    virtual void done(const Result<void>& outcome) noexcept = 0;
    /// The event loop that waits, as whoever has such loops knows them; null: none does. Who can
    /// tell it there, without another thread in between, may do so.
    virtual const void* loop() const noexcept { return nullptr; }
    /// Before `done`, if it is success and the subject had something to attest.
    virtual void attested(const crypto::Digest& /*mac*/) noexcept {}
};

/// One part's stretch of sequence numbers. Thread-safe; shared because appends in flight keep it.
class Part : public std::enable_shared_from_this<Part> {
  public:
    virtual ~Part() = default;
    /// 0 until its first append (its OPEN) has been taken.
    virtual model::PartNo no() const = 0;
    /// The sequence number the next append would get.
    virtual model::Sequence next() const = 0;
    /// Whether records of this class are sealed for somebody. False before the part's OPEN.
    virtual bool seals(KeyClass key) const = 0;
};

/// What an append was given. It is queued, in this order, for certain.
struct Appended {
    model::PartNo part;
    model::Sequence sequence;
    crypto::Digest leaf{};
};

/// Builds a payload that names its own number. Called once, under the part's lock: be quick, and
/// do not append from inside.
using PayloadBuilder = std::function<Bytes(model::PartNo, model::Sequence)>;

enum class Condition { ok, low_space, refusing };

struct State {
    Condition condition = Condition::ok;
    std::string why;  ///< a sentence for people, unless ok
};

/// Upper bounds of the sync latency histogram's buckets in microseconds; the last is open.
inline constexpr std::array<std::uint64_t, 12> kSyncBucketsUs = {
    100, 200, 400, 800, 1'600, 3'200, 6'400, 12'800, 25'600, 51'200, 102'400, UINT64_MAX};

struct LaneCounters {
    std::uint64_t frames = 0;
    std::uint64_t batches = 0;
    std::uint64_t syncs = 0;
    std::uint64_t bytes_written = 0;
    std::uint64_t faults = 0;      ///< segments given up after a failed write or sync
    std::uint64_t room_bytes = 0;  ///< of the active segment and the prepared spares
    /// What may still be queued, batches and rounding included; UINT64_MAX: more space will be
    /// reserved as it is needed.
    std::uint64_t left_normal = UINT64_MAX;
    std::uint64_t left_closing = UINT64_MAX;
    std::array<std::uint64_t, kSyncBucketsUs.size()> sync_us{};
    std::uint64_t sync_us_sum = 0;
};

struct Counters {
    LaneCounters control;
    LaneCounters bulk;
    std::uint64_t queued_frames = 0;  ///< not yet durable, both lanes
    std::uint64_t queued_bytes = 0;
};

/// What recovery found of one part.
struct PartReport {
    model::PartNo part;
    model::Sequence next;        ///< one past the highest sequence found
    crypto::Digest last_leaf{};  ///< of the frame with the highest sequence
    bool closed = false;         ///< a CLOSE was found
    std::vector<Range> missing;  ///< below `next`
};

struct RecoveryReport {
    std::vector<PartReport> parts;  ///< by number
    /// Torn tails that were kept aside and cut, and quarantined stretches. Declare each.
    std::vector<Gap> gaps;
    std::uint64_t segments = 0;
    std::uint64_t frames = 0;
    std::uint64_t bytes = 0;
    model::PartNo next_part{1};
};

struct Options {
    std::string directory;  ///< e.g. DATA_DIR/journal; created if missing
    std::string origin;     ///< the gateway's name, 1 to 255 bytes; bound into every leaf
    std::uint64_t segment_bytes = 64ull << 20;    ///< multiple of 4096, at least 1 MiB
    std::uint64_t reserve_bytes = 256ull << 20;   ///< kept as prepared spares, both lanes together
    std::uint64_t queue_bytes_max = 64ull << 20;  ///< of queued payloads, both lanes together
    std::uint32_t queue_frames_max = 16'384;
    std::int64_t bulk_sync_ns = 50 * kNsPerMs;
    std::int64_t retry_ns = kNsPerSecond;  ///< between attempts to get well again
    bool accept_corruption = false;  ///< quarantine what is corrupt instead of refusing to open
    /// Sees every record that recovery finds, once, in about the order it was written (the lanes
    /// are merged by time); the payload is valid during the call. For open operations and the like.
    std::function<void(const Frame&)> on_recovered;
    /// Makes the keys of a new part, durably, before its first record. Called under the lock that
    /// numbers parts. Absent: nothing is sealed. An error refuses the part.
    std::function<Result<std::shared_ptr<Sealer>>(model::PartNo, const PartInfo&)> make_sealer;
    /// Every record as it got its place, under its part's lock: in order of sequence. Be quick.
    std::function<void(const PartInfo&, const FrameHeader&, const crypto::Digest& leaf)> on_placed;
    /// Makes what a waiter is told as `attested`; the payload is the plain one. Absent: nothing is
    /// attested.
    std::function<crypto::Digest(const Subject&, model::PartNo, model::Sequence, ByteView payload)>
        attest;
};

class Journal {
  public:
    struct Opened;

    /// Takes the directory's lock, checks every segment, cuts torn tails (kept aside in *.torn) and
    /// starts fresh segments. ErrorCode::conflict: another process has the directory;
    /// ErrorCode::corrupt: names file and offset; ErrorCode::exhausted: no space for the reserve.
    static Result<Opened> open(io::FileSystem& fs, const Clock& clock, Options options);

    /// Writes and syncs what is queued, tells every waiter, joins its threads.
    virtual ~Journal() = default;

    /// A new part. Its number is given with its first append, which must go to Lane::control, so
    /// that numbers on disk are dense.
    virtual std::shared_ptr<Part> begin_part(PartInfo info = {}) = 0;
    /// Goes on with a part that an earlier boot left, to declare what became of it.
    virtual std::shared_ptr<Part> resume_part(const PartReport& report) = 0;

    /// Gives the record its place in the part and queues it. Never blocks. Thread-safe; appends to
    /// one part from several threads are ordered by the part's lock. `waiter` may be null only if
    /// `await` is none (then it is not told). On an error nothing was queued, no number was used
    /// and the waiter is not told: ErrorCode::exhausted (queue or disk is full),
    /// ErrorCode::unavailable (refusing), ErrorCode::invalid (payload over kPayloadMax).
    [[nodiscard]] virtual Result<Appended> append(Part& part, Lane lane, Subject subject,
                                                  Bytes payload, Await await, Waiter* waiter,
                                                  Use use = Use::normal) = 0;
    [[nodiscard]] virtual Result<Appended> append(Part& part, Lane lane, Subject subject,
                                                  const PayloadBuilder& build, Await await,
                                                  Waiter* waiter, Use use = Use::normal) = 0;

    /// Tells `waiter` when everything appended to the lane so far is durable. On an error it is not
    /// told: ErrorCode::exhausted (queue full), ErrorCode::unavailable (closing).
    [[nodiscard]] virtual Result<void> sync(Lane lane, Waiter& waiter) = 0;

    virtual State state() const = 0;
    /// False while space is low or the journal refuses: say no before promising to record.
    virtual bool can_open_session() const = 0;
    /// Whether a body of so many bytes, and about as much as usual beside it, can be recorded:
    /// false if the journal refuses, or if no more space can be reserved and the prepared room is
    /// too small. Ask before promising to record it; others may take the room meanwhile.
    virtual bool has_room_for(std::uint64_t body_bytes) const = 0;
    virtual Counters counters() const = 0;
};

struct Journal::Opened {
    std::unique_ptr<Journal> journal;
    RecoveryReport report;
};

}  // namespace narrows::journal
