#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace narrows::io {

/// What `FileSystem::open` does with the name.
enum class Mode {
    read,         ///< must exist; not written to
    write,        ///< must exist; read and written
    create_new,   ///< must not exist; read and written
    create_over,  ///< emptied if it exists; read and written
};

/// Whether the page cache stands between a write and the device.
enum class Cache {
    buffered,
    /// O_DIRECT: offsets, sizes and memory must be multiples of `File::alignment()`. Where the
    /// file system refuses it (tmpfs), the file is opened buffered; datasync keeps its promise.
    direct,
};

/// An open file. Calls may come from several threads as far as pread/pwrite go; the destructor
/// closes. Errors are ErrorCode::io, except a full disk or quota: ErrorCode::exhausted. They name
/// the file and the call.
class File {
  public:
    virtual ~File() = default;

    /// Reads until `into` is full or the file ends; returns how many bytes were read.
    virtual Result<std::size_t> pread(std::span<std::uint8_t> into, std::uint64_t offset) const = 0;
    /// One write, not retried: fewer bytes than asked is a failure for whoever needs them whole.
    virtual Result<std::size_t> pwrite(ByteView bytes, std::uint64_t offset) = 0;
    /// fdatasync. After a failure nothing is known of what was written since the last success, and
    /// a second call may lie (the kernel forgets the error): give the file up, do not retry.
    virtual Result<void> datasync() = 0;
    /// Reserves blocks for [0, size) and makes the file that long. Bytes not yet written read as 0.
    virtual Result<void> allocate(std::uint64_t size) = 0;
    virtual Result<void> truncate(std::uint64_t size) = 0;
    virtual Result<std::uint64_t> size() const = 0;
    /// 1 if buffered.
    virtual std::size_t alignment() const = 0;
    virtual const std::string& path() const = 0;
};

/// Held as long as the object lives; the operating system drops it with the process.
class Lock {
  public:
    virtual ~Lock() = default;
};

/// Names and files. Thread-safe. Paths are as the operating system has them.
class FileSystem {
  public:
    virtual ~FileSystem() = default;

    virtual Result<std::unique_ptr<File>> open(const std::string& path, Mode mode,
                                               Cache cache = Cache::buffered) = 0;
    /// Replaces `to` if it exists. Durable only after sync_directory of the folder.
    virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
    virtual Result<void> remove(const std::string& path) = 0;
    /// Makes creations, renames and removals in `directory` durable.
    virtual Result<void> sync_directory(const std::string& directory) = 0;
    /// Creates `directory` (mode 0700) and its missing parents.
    virtual Result<void> make_directory(const std::string& directory) = 0;
    /// Names of the regular files in it, sorted.
    virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;
    virtual Result<bool> exists(const std::string& path) = 0;
    /// Bytes that this process can still write there.
    virtual Result<std::uint64_t> free_bytes(const std::string& directory) = 0;
    /// An exclusive lock on `path` (created if missing); ErrorCode::conflict if another holds it.
    virtual Result<std::unique_ptr<Lock>> lock(const std::string& path) = 0;
};

/// The operating system's files; one instance for the process.
FileSystem& posix();

/// Writes all of `bytes`; a short write is an error.
Result<void> write_all(File& file, ByteView bytes, std::uint64_t offset);
/// The whole file; refused beyond `size_max`.
Result<Bytes> read_all(FileSystem& fs, const std::string& path, std::uint64_t size_max);
/// Replaces `path` by `bytes` so that after any crash it holds either the old or the new ones:
/// path.tmp, datasync, rename, sync of the folder.
Result<void> durable_write(FileSystem& fs, const std::string& path, ByteView bytes);

/// Creates a folder so that it survives a crash: with every name above it that was new.
Result<void> make_durable_directory(FileSystem& fs, const std::string& directory);

/// The folder of a path ("." if it names none).
std::string directory_of(const std::string& path);

/// Memory that O_DIRECT accepts: aligned to 4096 bytes and zero at first. Move-only.
class AlignedBuffer {
  public:
    static constexpr std::size_t kAlignment = 4096;

    explicit AlignedBuffer(std::size_t size);
    std::uint8_t* data() { return data_.get(); }
    const std::uint8_t* data() const { return data_.get(); }
    std::size_t size() const { return size_; }
    std::span<std::uint8_t> first(std::size_t size) { return {data_.get(), size}; }

  private:
    struct Free {
        void operator()(std::uint8_t* memory) const;
    };
    std::unique_ptr<std::uint8_t, Free> data_;
    std::size_t size_;
};

}  // namespace narrows::io
