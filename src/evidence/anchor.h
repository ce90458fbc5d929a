#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "evidence/log.h"
#include "evidence/merkle.h"
#include "evidence/note.h"
#include "io/file.h"

/// Places outside the gateway that hold its checkpoints, so that a log that is cut, rewritten,
/// rolled back or run twice can be told from the true one.
namespace narrows::evidence {

/// What anchors ask of a log that another thread goes on writing. Answers hold for the newest two
/// checkpoints; of older ones the tiles may be gone: ErrorCode::not_found, take a newer one.
class LogView {
  public:
    LogView(io::FileSystem& fs, std::string directory)
        : fs_(fs), directory_(std::move(directory)) {}
    /// The root of the first `size` entries; size <= in_size, which was signed.
    Result<Hash> root_at(std::uint64_t size, std::uint64_t in_size) const;
    Result<std::vector<Hash>> consistency(std::uint64_t old_size, std::uint64_t size) const;

  private:
    io::FileSystem& fs_;
    std::string directory_;
};

/// What an anchor said to a checkpoint that it could read.
struct Anchored {
    enum class Kind {
        held,          ///< it holds this checkpoint, or an equal one
        ahead,         ///< it knows `known` entries, which is more
        contradicted,  ///< what it knows is not the beginning of this log
    };
    Kind kind = Kind::held;
    std::uint64_t known = 0;                   ///< entries of the checkpoint it has
    std::optional<NoteSignature> cosignature;  ///< of a witness that holds; checked
    std::int64_t cosigned_at = 0;              ///< of that, seconds since 1970
    std::string why;                           ///< unless held: a sentence
};

/// One anchor. Called by one thread at a time; may block for some seconds, bounded. An error means
/// that nothing is known of it now (down, unwritable, garbage): to be tried again.
class Anchor {
  public:
    virtual ~Anchor() = default;
    virtual const std::string& name() const = 0;
    virtual const char* kind() const = 0;  ///< "directory", "s3", "witness"
    /// The key of one that cosigns.
    virtual const VerifierKey* key() const { return nullptr; }
    /// Gives it a signed checkpoint that is durable here.
    virtual Result<Anchored> give(const SignedCheckpoint& checkpoint, const LogView& log) = 0;
};

/// What speaks against a checkpoint where `kept` is kept: it is ahead, or of another log. Nothing
/// if it is the beginning of this log, which `log` signs. `where` is for the sentence.
Result<std::optional<Anchored>> objection(const Note& kept, const SignedCheckpoint& checkpoint,
                                          const LogView& view, const VerifierKey& log,
                                          const std::string& where);

/// A directory, meant to lie on another volume: ORIGIN/newest, and at most every kHistoryEveryNs
/// ORIGIN/history/NNNN/SIZE, each written once. In ORIGIN '/' is written '+'.
class DirectoryAnchor : public Anchor {
  public:
    static constexpr std::int64_t kHistoryEveryNs = 60 * kNsPerSecond;

    /// `log`: the key that signs the checkpoints. The directory must be there: a volume that is not
    /// mounted is not taken for an empty one.
    DirectoryAnchor(io::FileSystem& fs, const Clock& clock, std::string name, std::string directory,
                    VerifierKey log)
        : fs_(fs),
          clock_(clock),
          name_(std::move(name)),
          directory_(std::move(directory)),
          log_(std::move(log)) {}
    const std::string& name() const override { return name_; }
    const char* kind() const override { return "directory"; }
    Result<Anchored> give(const SignedCheckpoint& checkpoint, const LogView& log) override;

  private:
    /// A checkpoint in this directory; nothing if there is no such file.
    Result<std::optional<Note>> read(const std::string& path) const;
    Result<void> add_history(const std::string& path, const std::string& note);

    io::FileSystem& fs_;
    const Clock& clock_;
    std::string name_;
    std::string directory_;
    VerifierKey log_;
    std::optional<MonoNs> last_history_;
};

}  // namespace narrows::evidence
