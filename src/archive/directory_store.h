#pragma once

#include "archive/store.h"

namespace narrows::archive {

/// A directory, meant to lie on another volume. A file appears under its name only whole and
/// durable, and is never written again; what was written is read back past the page cache, where
/// the file system lets it. It cannot hold anybody off who may delete there.
class DirectoryStore : public Store {
  public:
    /// `mount`: a directory that must be there, so that a volume that is not mounted is not taken
    /// for an empty one; the gateway's folder `below` it is made. `fs` must outlive it.
    DirectoryStore(io::FileSystem& fs, std::string mount, const std::string& below)
        : fs_(fs), mount_(std::move(mount)), name_(below.empty() ? mount_ : mount_ + "/" + below) {}

    const std::string& name() const override { return name_; }
    Result<Object> put(const std::string& key, const Content& content, const crypto::Digest& sha256,
                       Keeping keeping) override;
    Result<void> replace(const std::string& key, ByteView bytes) override;
    Result<void> confirm(const Object& object, const Content& content) override;
    Result<Bytes> read(const std::string& key, const std::string& version, std::uint64_t offset,
                       std::size_t size) override;
    /// All in one page.
    Result<ListPage> list(const std::string& prefix, const ListMark& from) override;
    Result<Lock> lock_of(const std::string&, const std::string&) override { return Lock(); }
    void drop(const std::string& key) override;

  private:
    std::string path_of(const std::string& key) const { return name_ + "/" + key; }
    Result<void> check_mount() const;
    Result<void> write(const std::string& path, const Content& content);

    io::FileSystem& fs_;
    std::string mount_;
    std::string name_;
};

}  // namespace narrows::archive
