#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "io/file.h"

namespace narrows::crash {

/// Where in an operation that changes something the process dies by SIGKILL.
enum class Where { before, half, after };
inline constexpr Where kWheres[] = {Where::before, Where::half, Where::after};

struct Cut {
    std::uint64_t at = 0;  ///< the operation, counted from 1; 0: never
    Where where = Where::before;
};

/// A file system whose user dies at the cut, in the middle of whatever its other threads do. Counts
/// what changes something: creations, writes, syncs, reservations, truncations, renames, removals,
/// syncs of folders. Half a write is written half; of anything else half is nothing. Thread-safe;
/// `fs` must outlive it.
class DyingFiles : public io::FileSystem {
  public:
    DyingFiles(io::FileSystem& fs, Cut cut) : fs_(fs), cut_(cut) {}

    std::uint64_t operations() const { return count_; }

    Result<std::unique_ptr<io::File>> open(const std::string& path, io::Mode mode,
                                           io::Cache cache) override;
    Result<void> rename(const std::string& from, const std::string& to) override;
    Result<void> remove(const std::string& path) override;
    Result<void> sync_directory(const std::string& directory) override;
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
    Result<std::unique_ptr<io::Lock>> lock(const std::string& path) override {
        return fs_.lock(path);
    }

  private:
    class DyingFile;
    [[noreturn]] static void die();
    template <class Call>
    auto through(const Call& call);

    io::FileSystem& fs_;
    const Cut cut_;
    std::atomic<std::uint64_t> count_ = 0;
};

}  // namespace narrows::crash
