#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "io/file.h"
#include "journal/format.h"
#include "journal/frame.h"

/// Walks the segments of a directory without changing anything. Checks headers, checksums, order
/// of batches and the links between batches and between segments as they are written down; the
/// hashes themselves are recomputed by verify.h.
namespace narrows::journal {

/// A whole batch whose checksums hold. `frames` points into the scanner's buffer.
struct Batch {
    BatchHeader header;
    ByteView frames;
    Location location;
    Nonce boot{};  ///< of its segment: monotonic times compare within one
    /// The next segment does not continue from here: a fault came between, and the frames were
    /// written again there unless the process ended first.
    bool abandoned = false;
};

/// What lies next: a batch, a gap, or nothing more.
using Step = std::variant<std::monostate, Batch, Gap>;

/// One segment. Single-threaded.
class SegmentScanner {
  public:
    /// Fails with ErrorCode::corrupt if the header is not valid or names another lane or number.
    static Result<std::unique_ptr<SegmentScanner>> open(io::FileSystem& fs,
                                                        const std::string& directory,
                                                        const SegmentName& name);

    const SegmentHeader& header() const { return header_; }
    /// Views returned by an earlier call end with the next one. A gap inside a segment is followed
    /// by what comes after it.
    Result<Step> next();
    /// Of what `next` has yielded so far: whole batches, where they end, what the next chains to.
    std::uint64_t batches() const { return batches_; }
    std::uint64_t end() const { return at_; }
    const crypto::Digest& chain() const { return chain_; }

  private:
    SegmentScanner(std::unique_ptr<io::File> file, SegmentName name, std::uint64_t size);

    Result<ByteView> view(std::uint64_t offset, std::size_t size);
    Result<Batch> batch_at(std::uint64_t offset);
    Result<Step> after_bad(const Error& why);
    Result<std::uint64_t> end_of_data(std::uint64_t from);
    Result<Step> yield(Batch batch);
    Gap gap(Gap::Kind kind, std::uint64_t offset, std::uint64_t bytes, std::string why) const;

    std::unique_ptr<io::File> file_;
    SegmentName name_;
    std::uint64_t size_;
    SegmentHeader header_;
    Bytes window_;
    std::uint64_t window_at_ = 0;
    std::uint64_t at_ = kSegmentHeaderSize;
    std::uint64_t batches_ = 0;
    crypto::Digest chain_{};
    std::optional<Batch> pending_;
    bool finished_ = false;
};

/// All segments of one lane in order, with the links between them.
class LaneScanner {
  public:
    LaneScanner(io::FileSystem& fs, std::string directory, Lane lane,
                std::vector<std::uint64_t> numbers, std::vector<std::uint64_t> quarantined);

    Result<Step> next();
    /// The last segment that was finished, for whoever goes on after it.
    struct Tail {
        std::uint64_t number = 0;  ///< 0: the lane is empty
        std::uint64_t batches = 0;
        std::uint64_t end = 0;
        crypto::Digest chain{};
        std::string origin;
    };
    const Tail& tail() const { return tail_; }
    std::uint64_t segments() const { return index_; }

  private:
    Result<std::optional<Gap>> open_next();
    std::optional<Gap> check_link();
    void learn_claim();
    std::optional<Gap> unlinked(std::string why) const;

    io::FileSystem& fs_;
    std::string directory_;
    Lane lane_;
    std::vector<std::uint64_t> numbers_;
    std::vector<std::uint64_t> quarantined_;
    std::size_t index_ = 0;
    std::unique_ptr<SegmentScanner> segment_;
    Tail tail_;
    /// What the successor of the open segment says of it; kept as it is passed.
    std::optional<SegmentHeader> successor_;
    bool claim_met_ = true;
};

/// Names found in a journal's directory.
struct Listing {
    std::array<std::vector<std::uint64_t>, 2> segments;     ///< by lane, ascending
    std::array<std::vector<std::uint64_t>, 2> quarantined;  ///< by lane, ascending
    std::vector<std::string> spares;
};
Result<Listing> list_segments(io::FileSystem& fs, const std::string& directory);

/// File name of a prepared, unused segment, and of what was put aside.
inline constexpr std::string_view kSparePrefix = "spare-";
inline constexpr std::string_view kQuarantineSuffix = ".quarantine";
inline constexpr std::string_view kTornSuffix = ".torn";

enum class Lanes { both, control };

/// Both lanes merged by the time at which batches were written (a wall clock that was set does not
/// matter within one boot): about the order in which things
/// happened, so that whoever sorts by sequence number has little to hold.
class Scan {
  public:
    Scan(io::FileSystem& fs, const std::string& directory, const Listing& listing,
         Lanes lanes = Lanes::both);
    Result<Step> next();
    const LaneScanner& lane(Lane lane) const { return lanes_[static_cast<std::size_t>(lane)]; }

  private:
    std::array<LaneScanner, 2> lanes_;
    std::array<Step, 2> ahead_;
    std::array<bool, 2> wanted_;  ///< whose `ahead_` was handed out and must be fetched anew
};

/// The frames of a batch, one after another.
class FrameCursor {
  public:
    explicit FrameCursor(const Batch& batch)
        : rest_(batch.frames), left_(batch.header.frames), location_(batch.location) {
        location_.offset += kBatchHeaderSize;
    }
    /// Nothing after the last; ErrorCode::corrupt if frames and their count do not fit.
    Result<std::optional<Frame>> next();

  private:
    ByteView rest_;
    std::uint32_t left_;
    Location location_;
};

/// `header` is decoded, `payload` what follows it.
Frame frame_of(const FrameHeader& header, ByteView payload, const Location& location);
/// The frame's header as it stands on disk, for leaf_of.
FrameHeader header_of(const Frame& frame);
crypto::Digest leaf_of(std::string_view origin, const Frame& frame);

}  // namespace narrows::journal
