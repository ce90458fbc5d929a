#include "dying_files.h"

#include <csignal>

#include <unistd.h>

namespace narrows::crash {

void DyingFiles::die() {
    ::kill(::getpid(), SIGKILL);
    while (true) {
        ::pause();
    }
}

/// Runs one operation, unless the process dies before it; dies after it if that is the cut.
template <class Call>
auto DyingFiles::through(const Call& call) {
    const bool is_cut = ++count_ == cut_.at;
    if (is_cut && cut_.where == Where::before) {
        die();
    }
    auto outcome = call(is_cut && cut_.where == Where::half);
    if (is_cut) {
        die();
    }
    return outcome;
}

class DyingFiles::DyingFile : public io::File {
  public:
    DyingFile(DyingFiles& files, std::unique_ptr<io::File> file)
        : files_(files), file_(std::move(file)) {}

    Result<std::size_t> pread(std::span<std::uint8_t> into, std::uint64_t offset) const override {
        return file_->pread(into, offset);
    }
    Result<std::size_t> pwrite(ByteView bytes, std::uint64_t offset) override {
        return files_.through([&](bool half) {
            const std::size_t unit = file_->alignment();
            return file_->pwrite(half ? bytes.first(bytes.size() / 2 / unit * unit) : bytes,
                                 offset);
        });
    }
    Result<void> datasync() override { return unless_half([&] { return file_->datasync(); }); }
    Result<void> allocate(std::uint64_t size) override {
        return unless_half([&] { return file_->allocate(size); });
    }
    Result<void> truncate(std::uint64_t size) override {
        return unless_half([&] { return file_->truncate(size); });
    }
    Result<std::uint64_t> size() const override { return file_->size(); }
    std::size_t alignment() const override { return file_->alignment(); }
    const std::string& path() const override { return file_->path(); }

  private:
    template <class Call>
    Result<void> unless_half(const Call& call) {
        return files_.through([&](bool half) { return half ? Result<void>(ok()) : call(); });
    }

    DyingFiles& files_;
    std::unique_ptr<io::File> file_;
};

Result<std::unique_ptr<io::File>> DyingFiles::open(const std::string& path, io::Mode mode,
                                                   io::Cache cache) {
    auto open = [&](bool) { return fs_.open(path, mode, cache); };
    const bool creates = mode == io::Mode::create_new || mode == io::Mode::create_over;
    NARROWS_TRY(auto file, creates ? through(open) : open(false));
    return std::make_unique<DyingFile>(*this, std::move(file));
}

Result<void> DyingFiles::rename(const std::string& from, const std::string& to) {
    return through([&](bool half) { return half ? Result<void>(ok()) : fs_.rename(from, to); });
}

Result<void> DyingFiles::remove(const std::string& path) {
    return through([&](bool half) { return half ? Result<void>(ok()) : fs_.remove(path); });
}

Result<void> DyingFiles::sync_directory(const std::string& directory) {
    return through(
        [&](bool half) { return half ? Result<void>(ok()) : fs_.sync_directory(directory); });
}

}  // namespace narrows::crash
