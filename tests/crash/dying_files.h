#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "io/passing.h"

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
class DyingFiles : public io::PassingFiles {
  public:
    DyingFiles(io::FileSystem& fs, Cut cut) : io::PassingFiles(fs), cut_(cut) {}

    std::uint64_t operations() const { return count_; }

    Result<std::unique_ptr<io::File>> open(const std::string& path, io::Mode mode,
                                           io::Cache cache) override;
    Result<void> rename(const std::string& from, const std::string& to) override;
    Result<void> remove(const std::string& path) override;
    Result<void> sync_directory(const std::string& directory) override;

  private:
    class DyingFile;
    [[noreturn]] static void die();
    template <class Call>
    auto through(const Call& call);
    template <class Call>
    Result<void> unless_half(const Call& call);

    const Cut cut_;
    std::atomic<std::uint64_t> count_ = 0;
};

}  // namespace narrows::crash
