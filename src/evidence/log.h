#pragma once

#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "evidence/checkpoint.h"
#include "evidence/entry.h"
#include "evidence/note.h"
#include "io/file.h"

/// A gateway's transparency log: a C2SP tlog-tiles directory that this process alone writes.
namespace narrows::evidence {

struct SignedCheckpoint {
    Checkpoint checkpoint;
    std::string note;  ///< the file's bytes
};

/// Entries come in by `append` and are nothing until `checkpoint` has returned: it writes bundles
/// and tiles durably, signs, and writes the signed checkpoint durably, in this order. So all that
/// was ever signed stands on disk before; `open` takes over entries that were written but whose
/// checkpoint was not, and no second version of a signed tree can come about.
/// One thread at a time. After an error nothing is lost from memory: call `checkpoint` again.
/// `fs` and `signer` must live longer.
class Log {
  public:
    /// Entries waiting for a checkpoint: beyond, `append` fails with ErrorCode::exhausted.
    static constexpr std::size_t kPendingMax = 16'384;
    static constexpr std::size_t kPendingBytesMax = 64 << 20;

    /// Creates the log with a KEY entry at `now`, or goes on with it. `directory` is locked by the
    /// journal beside it, not here. ErrorCode::conflict: the log is of another origin or key;
    /// ErrorCode::corrupt: its files do not give the root that was signed.
    static Result<std::unique_ptr<Log>> open(io::FileSystem& fs, std::string directory,
                                             std::string origin, NoteSigner& signer, WallNs now);

    /// The index of the first of `entries`. All or none are taken.
    Result<std::uint64_t> append(std::span<const Entry> entries);
    Result<SignedCheckpoint> checkpoint();

    std::uint64_t size() const { return size_; }
    /// The newest signed checkpoint; its size is 0 and its note empty before the first.
    const SignedCheckpoint& signed_checkpoint() const { return signed_; }

  private:
    struct Level {
        std::uint64_t index = 0;   ///< of the tile being filled
        std::vector<Hash> hashes;  ///< of that tile, fewer than 256
    };
    struct File {
        std::string path;
        Bytes bytes;
    };

    Log(io::FileSystem& fs, std::string directory, std::string origin, NoteSigner& signer)
        : fs_(fs), directory_(std::move(directory)), origin_(std::move(origin)), signer_(signer) {}

    Result<void> load_signed();
    Result<void> load_edge();
    Result<void> take_over_unsigned();
    Result<bool> take_over_bundle();
    void add(Bytes entry);
    void add_hash(std::size_t level, const Hash& hash);
    std::vector<File> partial_files() const;
    Result<void> write(const File& file);
    void drop_superseded(std::set<std::string> partials);

    io::FileSystem& fs_;
    std::string directory_;
    std::string origin_;
    NoteSigner& signer_;
    SignedCheckpoint signed_;
    std::uint64_t size_ = 0;
    Frontier frontier_;
    std::vector<Level> levels_;
    std::vector<Bytes> bundle_;       ///< entries of the bundle being filled, fewer than 256
    std::vector<File> full_;          ///< full bundles and tiles not yet written
    std::size_t pending_bytes_ = 0;   ///< of entries appended since the last checkpoint
    std::set<std::string> partials_;  ///< of the newest checkpoint
    std::set<std::string> folders_;   ///< that hold partial files
};

/// The signer whose key lies at `path` (mode 0600, one line in skey form); makes it at first start.
/// The key's name is the log's origin.
Result<KeySigner> open_key_file(io::FileSystem& fs, const std::string& path,
                                const std::string& origin);

}  // namespace narrows::evidence
