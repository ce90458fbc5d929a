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

/// The same, where half of it is nothing.
template <class Call>
Result<void> DyingFiles::unless_half(const Call& call) {
    return through([&](bool half) { return half ? Result<void>(ok()) : call(); });
}

class DyingFiles::DyingFile : public io::PassingFile {
  public:
    DyingFile(DyingFiles& files, std::unique_ptr<io::File> file)
        : io::PassingFile(std::move(file)), files_(files) {}

    Result<std::size_t> pwrite(ByteView bytes, std::uint64_t offset) override {
        return files_.through([&](bool half) {
            const std::size_t unit = alignment();
            return io::PassingFile::pwrite(
                half ? bytes.first(bytes.size() / 2 / unit * unit) : bytes, offset);
        });
    }
    Result<void> datasync() override {
        return files_.unless_half([&] { return io::PassingFile::datasync(); });
    }
    Result<void> allocate(std::uint64_t size) override {
        return files_.unless_half([&] { return io::PassingFile::allocate(size); });
    }
    Result<void> truncate(std::uint64_t size) override {
        return files_.unless_half([&] { return io::PassingFile::truncate(size); });
    }

  private:
    DyingFiles& files_;
};

Result<std::unique_ptr<io::File>> DyingFiles::open(const std::string& path, io::Mode mode,
                                                   io::Cache cache) {
    auto open = [&](bool) { return io::PassingFiles::open(path, mode, cache); };
    const bool creates = mode == io::Mode::create_new || mode == io::Mode::create_over;
    NARROWS_TRY(auto file, creates ? through(open) : open(false));
    return std::make_unique<DyingFile>(*this, std::move(file));
}

Result<void> DyingFiles::rename(const std::string& from, const std::string& to) {
    return unless_half([&] { return io::PassingFiles::rename(from, to); });
}

Result<void> DyingFiles::remove(const std::string& path) {
    return unless_half([&] { return io::PassingFiles::remove(path); });
}

Result<void> DyingFiles::sync_directory(const std::string& directory) {
    return unless_half([&] { return io::PassingFiles::sync_directory(directory); });
}

}  // namespace narrows::crash
