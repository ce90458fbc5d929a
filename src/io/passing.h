#pragma once

#include "io/file.h"

namespace narrows::io {

/// A file that passes every call on; for tests and benchmarks that do more at some of them.
class PassingFile : public File {
  public:
    explicit PassingFile(std::unique_ptr<File> file) : file_(std::move(file)) {}
    Result<std::size_t> pread(std::span<std::uint8_t> into, std::uint64_t offset) const override {
        return file_->pread(into, offset);
    }
    Result<std::size_t> pwrite(ByteView bytes, std::uint64_t offset) override {
        return file_->pwrite(bytes, offset);
    }
    Result<void> datasync() override { return file_->datasync(); }
    Result<void> allocate(std::uint64_t size) override { return file_->allocate(size); }
    Result<void> truncate(std::uint64_t size) override { return file_->truncate(size); }
    Result<std::uint64_t> size() const override { return file_->size(); }
    std::size_t alignment() const override { return file_->alignment(); }
    const std::string& path() const override { return file_->path(); }

  private:
    const std::unique_ptr<File> file_;
};

/// A file system that does so. `fs` must outlive it. As thread-safe as that is.
class PassingFiles : public FileSystem {
  public:
    explicit PassingFiles(FileSystem& fs) : fs_(fs) {}
    Result<std::unique_ptr<File>> open(const std::string& path, Mode mode, Cache cache) override {
        return fs_.open(path, mode, cache);
    }
    Result<void> rename(const std::string& from, const std::string& to) override {
        return fs_.rename(from, to);
    }
    Result<void> remove(const std::string& path) override { return fs_.remove(path); }
    Result<void> sync_directory(const std::string& directory) override {
        return fs_.sync_directory(directory);
    }
    Result<void> make_directory(const std::string& directory) override {
        return fs_.make_directory(directory);
    }
    Result<std::vector<std::string>> list(const std::string& directory) override {
        return fs_.list(directory);
    }
    Result<bool> exists(const std::string& path) override { return fs_.exists(path); }
    Result<std::uint64_t> free_bytes(const std::string& directory) override {
        return fs_.free_bytes(directory);
    }
    Result<std::unique_ptr<Lock>> lock(const std::string& path) override { return fs_.lock(path); }

  private:
    FileSystem& fs_;
};

}  // namespace narrows::io
