#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "io/file.h"

namespace narrows::evidence {

/// A file system in which files that were moved elsewhere stand where they stood before. Reads
/// only: what would change something fails with ErrorCode::unsupported. `under` must outlive it.
class ArchiveView : public io::FileSystem {
  public:
    explicit ArchiveView(io::FileSystem& under) : under_(under) {}
    /// The file `directory`/`name` is to be read from `path`.
    void add(const std::string& directory, const std::string& name, std::string path) {
        moved_[directory][name] = std::move(path);
    }

    Result<std::unique_ptr<io::File>> open(const std::string& path, io::Mode mode,
                                           io::Cache cache) override;
    Result<std::vector<std::string>> list(const std::string& directory) override;
    Result<bool> exists(const std::string& path) override;
    Result<void> rename(const std::string& from, const std::string& to) override;
    Result<void> remove(const std::string& path) override;
    Result<void> sync_directory(const std::string& directory) override;
    Result<void> make_directory(const std::string& directory) override;
    Result<std::uint64_t> free_bytes(const std::string& directory) override;
    Result<std::unique_ptr<io::Lock>> lock(const std::string& path) override;

  private:
    const std::string* moved(const std::string& path) const;

    io::FileSystem& under_;
    std::map<std::string, std::map<std::string, std::string>> moved_;  ///< by folder, by name
};

}  // namespace narrows::evidence
