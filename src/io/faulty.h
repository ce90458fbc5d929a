#pragma once

#include <atomic>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "io/file.h"

namespace narrows::io {

/// A file system in memory that behaves as disks do on their worst days, for tests. Thread-safe.
///
/// What was written is visible at once, but survives `power_cut` only if it was synced; names
/// survive only if their folder was synced. A sync that fails loses the bytes for good although
/// they stay visible, and the next sync of that file succeeds: the kernel's behaviour.
/// Operations that change something are counted from 1; faults are set by that count.
class FaultyFileSystem : public FileSystem {
  public:
    static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

    enum class Operation { write, sync, allocate, truncate, rename, remove, sync_directory };

    struct Faults {
        std::uint64_t die_at =
            kNever;  ///< this operation and all later ones fail, changing nothing
        std::uint64_t write_error_at = kNever;  ///< the k-th write: EIO
        std::uint64_t write_short_at = kNever;  ///< the k-th write: half of it
        std::uint64_t sync_error_at = kNever;   ///< the k-th sync: EIO
        /// How many writes or syncs in a row fail from there.
        std::uint64_t times = 1;
        std::uint64_t capacity = kNever;  ///< bytes; beyond: ErrorCode::exhausted
    };

    void set_faults(const Faults& faults);
    /// Called before each changing operation on the thread that makes it, several at once, without
    /// a lock; may block. Its error is the operation's, which then changes nothing: the way to hit
    /// one file of several that threads write to. Null for none; a call under way then still ends.
    using Hook = std::function<Result<void>(Operation, const std::string& path)>;
    void set_hook(Hook hook);

    /// The process dies: all that was written stays. Open files and locks go dead.
    void kill();
    /// The machine dies: unsynced bytes and names are lost. With `tear_seed` each unsynced 512-byte
    /// sector survives by the toss of a coin, as on a disk that was interrupted.
    void power_cut(std::uint64_t tear_seed = 0);

    std::uint64_t operations() const;
    std::uint64_t writes() const;
    std::uint64_t syncs() const;

    /// The bytes as a reader sees them now, and a way to tamper with them.
    Bytes content(const std::string& path) const;
    void set_content(const std::string& path, Bytes bytes);

    Result<std::unique_ptr<File>> open(const std::string& path, Mode mode, Cache cache) override;
    Result<void> rename(const std::string& from, const std::string& to) override;
    Result<void> remove(const std::string& path) override;
    Result<void> sync_directory(const std::string& directory) override;
    Result<void> make_directory(const std::string& directory) override;
    Result<std::vector<std::string>> list(const std::string& directory) override;
    Result<bool> exists(const std::string& path) override;
    Result<std::uint64_t> free_bytes(const std::string& directory) override;
    Result<std::unique_ptr<Lock>> lock(const std::string& path) override;

  private:
    struct Node;
    class FaultyFile;
    class FaultyLock;
    using Names = std::map<std::string, std::shared_ptr<Node>>;

    Result<void> begin(Operation operation, const std::string& path);
    Result<std::size_t> write(Node& node, const std::string& path, ByteView bytes,
                              std::uint64_t offset);
    Result<void> sync(Node& node, const std::string& path);
    Result<void> resize(Node& node, const std::string& path, std::uint64_t size, bool grow_only);
    std::uint64_t used() const;
    static bool hits(std::uint64_t at, std::uint64_t times, std::uint64_t now);

    mutable std::mutex mutex_;
    Hook hook_;
    Faults faults_;
    Names names_;
    Names durable_names_;
    std::set<std::string> locks_;
    std::atomic<std::uint64_t> life_ = 0;  ///< files and locks of an earlier life are dead
    std::uint64_t operations_ = 0;
    std::uint64_t writes_ = 0;
    std::uint64_t syncs_ = 0;
};

}  // namespace narrows::io
