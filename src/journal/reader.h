#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "io/file.h"
#include "journal/frame.h"
#include "journal/scan.h"
#include "model/ids.h"

/// Reading a journal's directory: a copy, or the live one while its gateway writes (then the end
/// is where the writer is; a batch being written shows as a torn tail). Nothing is changed and no
/// lock is taken. Single-threaded. Errors are those of the operating system, and
/// ErrorCode::unsupported for a segment of a later format; everything wrong with the bytes is a
/// Gap.
namespace narrows::journal {

using Item = std::variant<Frame, Gap>;

/// Every frame, the lanes merged by time; frames of one part are in order within a lane. After a
/// disk fault a frame may come twice, with the same leaf.
class Reader {
  public:
    /// `Lanes::control` leaves the bodies out: enough to list sessions, and much faster.
    static Result<Reader> open(io::FileSystem& fs, const std::string& directory,
                               Lanes lanes = Lanes::both);
    /// Nothing after the end. A frame's payload is valid until the next call.
    Result<std::optional<Item>> next();
    /// The gateway's name; empty before the first frame.
    const std::string& origin() const { return origin_; }

  private:
    explicit Reader(Scan scan) : scan_(std::move(scan)) {}

    Scan scan_;
    std::optional<Batch> batch_;
    std::optional<FrameCursor> cursor_;
    std::string origin_;
};

/// Where one part's frames stand, in order of sequence, each once.
class PartIndex {
  public:
    struct Entry {
        model::Sequence sequence;
        model::RecordKind kind = model::RecordKind::notice;
        std::uint32_t payload_size = 0;
        Location location;
    };

    /// One pass over the directory; about 40 bytes of memory a frame.
    static Result<PartIndex> build(io::FileSystem& fs, const std::string& directory,
                                   model::PartNo part);

    const std::vector<Entry>& entries() const { return entries_; }
    /// Of the whole directory: any of them may have held frames of this part.
    const std::vector<Gap>& gaps() const { return gaps_; }
    const std::string& origin() const { return origin_; }
    /// Sequence numbers below the highest that were not found.
    std::vector<Range> missing() const;
    /// Reads one frame again, checked against its own digest. The payload is valid until the next
    /// call.
    Result<Frame> read(const Entry& entry);

  private:
    PartIndex(io::FileSystem& fs, std::string directory, model::PartNo part)
        : fs_(&fs), directory_(std::move(directory)), part_(part) {}

    io::FileSystem* fs_;
    std::string directory_;
    model::PartNo part_;
    std::vector<Entry> entries_;
    std::vector<Gap> gaps_;
    std::string origin_;
    std::unique_ptr<io::File> file_;
    std::string file_name_;
    Bytes buffer_;
};

/// Why a frame cannot be what was appended, in words; nothing if its payload fits its digest.
std::optional<std::string> why_invalid(const Frame& frame);

}  // namespace narrows::journal
