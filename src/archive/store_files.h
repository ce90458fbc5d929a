#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "archive/store.h"
#include "evidence/archive_view.h"

namespace narrows::archive {

/// A file system in which the objects of a store stand as files: key K is NAME/K, where NAME is the
/// store's own ("s3://bucket/v1/narrows+gw-1"). Reads only, a few MiB of each open file in memory.
/// `under` and `store` must outlive it and its files. One thread.
class StoreFiles : public evidence::ArchiveView {
  public:
    /// An object that was opened.
    struct Seen {
        Listed object;
        Lock lock;
    };

    /// `versions`: which one counts, by key; of an object that is not named the newest.
    StoreFiles(io::FileSystem& under, Store& store, std::map<std::string, std::string> versions)
        : ArchiveView(under), store_(store), versions_(std::move(versions)) {}

    Result<std::unique_ptr<io::File>> open(const std::string& path, io::Mode mode,
                                           io::Cache cache) override;
    Result<bool> exists(const std::string& path) override;
    /// By key.
    const std::map<std::string, Seen>& seen() const { return seen_; }

  private:
    std::optional<std::string> key_of(const std::string& path) const;
    Result<const Seen*> look(const std::string& key);

    Store& store_;
    const std::map<std::string, std::string> versions_;
    std::map<std::string, Seen> seen_;
};

/// The versions of archived objects that the log of a data directory names, by key; nothing where
/// it cannot be read.
std::map<std::string, std::string> named_versions(io::FileSystem& fs, const std::string& data_dir);

}  // namespace narrows::archive
