#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/stat.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "io/file.h"

namespace narrows::io {
namespace {

Error os_error(std::string_view call, const std::string& path, int number) {
    ErrorCode code = ErrorCode::io;
    if (number == ENOSPC || number == EDQUOT) {
        code = ErrorCode::exhausted;
    } else if (number == ENOENT) {
        code = ErrorCode::not_found;
    } else if (number == EEXIST) {
        code = ErrorCode::conflict;
    }
    return {code, fmt::format("{} of {} failed: {}", call, path, std::strerror(number))};
}

class Descriptor {
  public:
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }
    int get() const { return fd_; }

  private:
    int fd_;
};

/// The alignment O_DIRECT asks for, or 4096 where the kernel does not say (before Linux 6.1).
std::size_t direct_alignment(int fd) {
    struct statx facts {};
    if (::syscall(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &facts) != 0 ||
        (facts.stx_mask & STATX_DIOALIGN) == 0 || facts.stx_dio_offset_align == 0) {
        return AlignedBuffer::kAlignment;
    }
    return std::max<std::size_t>(facts.stx_dio_offset_align, facts.stx_dio_mem_align);
}

class PosixFile : public File {
  public:
    PosixFile(int fd, std::string path, std::size_t alignment)
        : fd_(fd), path_(std::move(path)), alignment_(alignment) {}

    Result<std::size_t> pread(std::span<std::uint8_t> into, std::uint64_t offset) const override {
        std::size_t done = 0;
        while (done < into.size()) {
            const ::ssize_t got = ::pread(fd_.get(), into.data() + done, into.size() - done,
                                          static_cast<::off_t>(offset + done));
            if (got == 0) {
                break;
            }
            if (got < 0 && errno == EINTR) {
                continue;
            }
            if (got < 0) {
                return fail(os_error("reading", path_, errno));
            }
            done += static_cast<std::size_t>(got);
        }
        return done;
    }
    Result<std::size_t> pwrite(ByteView bytes, std::uint64_t offset) override {
        ::ssize_t put = -1;
        do {
            put = ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<::off_t>(offset));
        } while (put < 0 && errno == EINTR);
        if (put < 0) {
            return fail(os_error("writing", path_, errno));
        }
        return static_cast<std::size_t>(put);
    }
    Result<void> datasync() override {
        return ::fdatasync(fd_.get()) == 0 ? ok() : failed("fdatasync", errno);
    }
    Result<void> allocate(std::uint64_t size) override {
        const int code = ::posix_fallocate(fd_.get(), 0, static_cast<::off_t>(size));
        return code == 0 ? ok() : failed("reserving space", code);
    }
    Result<void> truncate(std::uint64_t size) override {
        return ::ftruncate(fd_.get(), static_cast<::off_t>(size)) == 0
                   ? ok()
                   : failed("shortening", errno);
    }
    Result<std::uint64_t> size() const override {
        struct ::stat facts {};
        if (::fstat(fd_.get(), &facts) != 0) {
            return fail(os_error("stat", path_, errno));
        }
        return static_cast<std::uint64_t>(facts.st_size);
    }
    std::size_t alignment() const override { return alignment_; }
    const std::string& path() const override { return path_; }

  private:
    static Result<void> ok() { return narrows::ok(); }
    Result<void> failed(std::string_view call, int number) const {
        return fail(os_error(call, path_, number));
    }

    Descriptor fd_;
    std::string path_;
    std::size_t alignment_;
};

class PosixLock : public Lock {
  public:
    explicit PosixLock(int fd) : fd_(fd) {}

  private:
    Descriptor fd_;
};

int flags_of(Mode mode) {
    switch (mode) {
        case Mode::read:
            return O_RDONLY;
        case Mode::write:
            return O_RDWR;
        case Mode::create_new:
            return O_RDWR | O_CREAT | O_EXCL;
        case Mode::create_over:
            return O_RDWR | O_CREAT | O_TRUNC;
    }
    return O_RDONLY;
}

class PosixFileSystem : public FileSystem {
  public:
    Result<std::unique_ptr<File>> open(const std::string& path, Mode mode, Cache cache) override {
        if (cache == Cache::direct) {
            const int fd = ::open(path.c_str(), flags_of(mode) | O_CLOEXEC | O_DIRECT, 0600);
            if (fd >= 0 && direct_alignment(fd) <= AlignedBuffer::kAlignment) {
                return std::make_unique<PosixFile>(fd, path, direct_alignment(fd));
            }
            // Refused, or blocks larger than the journal's: the file may have been created.
            const int refusal = errno;
            if (fd < 0 && refusal != EINVAL) {
                return fail(os_error("opening", path, refusal));
            }
            if (fd >= 0) {
                ::close(fd);
            }
            mode = mode == Mode::create_new ? Mode::create_over : mode;
        }
        const int fd = ::open(path.c_str(), flags_of(mode) | O_CLOEXEC, 0600);
        if (fd < 0) {
            return fail(os_error("opening", path, errno));
        }
        return std::make_unique<PosixFile>(fd, path, 1);
    }
    Result<void> rename(const std::string& from, const std::string& to) override {
        return done(::rename(from.c_str(), to.c_str()), "renaming", from);
    }
    Result<void> remove(const std::string& path) override {
        return done(::unlink(path.c_str()), "removing", path);
    }
    Result<void> sync_directory(const std::string& directory) override {
        const Descriptor fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (fd.get() < 0) {
            return fail(os_error("opening", directory, errno));
        }
        return done(::fsync(fd.get()), "fsync", directory);
    }
    Result<void> make_directory(const std::string& directory) override;
    Result<std::vector<std::string>> list(const std::string& directory) override;
    Result<bool> exists(const std::string& path) override {
        struct ::stat facts {};
        if (::stat(path.c_str(), &facts) == 0) {
            return true;
        }
        if (errno == ENOENT || errno == ENOTDIR) {
            return false;
        }
        return fail(os_error("stat", path, errno));
    }
    Result<std::uint64_t> free_bytes(const std::string& directory) override {
        struct ::statvfs facts {};
        NARROWS_TRY(done(::statvfs(directory.c_str(), &facts), "statvfs", directory));
        return static_cast<std::uint64_t>(facts.f_bavail) * facts.f_frsize;
    }
    Result<std::unique_ptr<Lock>> lock(const std::string& path) override {
        const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0) {
            return fail(os_error("opening", path, errno));
        }
        auto held = std::make_unique<PosixLock>(fd);
        if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
            return fail(ErrorCode::conflict,
                        fmt::format("{} is locked: another process works on this directory; stop "
                                    "it, or give this one a directory of its own",
                                    path));
        }
        return held;
    }

  private:
    static Result<void> done(int code, std::string_view call, const std::string& path) {
        if (code != 0) {
            return fail(os_error(call, path, errno));
        }
        return ok();
    }
};

Result<void> PosixFileSystem::make_directory(const std::string& directory) {
    for (std::size_t end = directory.find('/', 1);; end = directory.find('/', end + 1)) {
        const std::string part = directory.substr(0, end);
        if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
            return fail(os_error("creating", part, errno));
        }
        if (end == std::string::npos) {
            return ok();
        }
    }
}

Result<std::vector<std::string>> PosixFileSystem::list(const std::string& directory) {
    std::vector<std::string> names;
    std::error_code error;
    auto entries = std::filesystem::directory_iterator(directory, error);
    for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
        std::error_code ignored;  // an entry that vanished is no regular file
        if (entries->is_regular_file(ignored)) {
            names.push_back(entries->path().filename().string());
        }
    }
    if (error) {
        return fail(os_error("listing", directory, error.value()));
    }
    std::sort(names.begin(), names.end());
    return names;
}

}  // namespace

FileSystem& posix() {
    static PosixFileSystem instance;
    return instance;
}

}  // namespace narrows::io
