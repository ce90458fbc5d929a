#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/result.h"
#include "io/file.h"

/// A bundle's files, in a folder or in a tar archive of it.
namespace narrows::evidence {

/// Reads. Not thread-safe; the file system must live longer.
class BundleFiles {
  public:
    /// ErrorCode::not_found: there is no manifest, so it is no bundle. ErrorCode::invalid: a
    /// damaged archive.
    static Result<BundleFiles> open(io::FileSystem& fs, const std::string& path);

    /// A stretch of an open file.
    struct Range {
        std::shared_ptr<io::File> file;
        std::uint64_t offset = 0;
        std::uint64_t size = 0;

        /// Fewer bytes than asked only at its end.
        Result<Bytes> read(std::uint64_t at, std::uint64_t size_max) const;
    };
    /// ErrorCode::not_found if the bundle has no such file.
    Result<Range> range(const std::string& name) const;
    /// A whole file; refused beyond `size_max`.
    Result<Bytes> read(const std::string& name, std::uint64_t size_max) const;

  private:
    BundleFiles(io::FileSystem& fs, std::string folder) : fs_(&fs), folder_(std::move(folder)) {}
    Result<void> index();

    io::FileSystem* fs_;
    std::string folder_;                    ///< empty: an archive
    std::shared_ptr<io::File> archive_;     ///< null: a folder
    std::map<std::string, Range> members_;  ///< of the archive, by name in the bundle
};

/// Writes a bundle that nothing is overwritten by. Files one after another; not thread-safe.
class BundleSink {
  public:
    virtual ~BundleSink() = default;
    virtual Result<void> begin(const std::string& name) = 0;
    virtual Result<void> append(ByteView bytes) = 0;
    virtual Result<void> end() = 0;  ///< of the file
    /// The bundle is whole, and durable.
    virtual Result<void> finish() = 0;
    /// Takes away what was written: it must not be taken for a bundle.
    virtual void abandon() = 0;

    /// A whole file.
    Result<void> put(const std::string& name, ByteView bytes);
};
/// Into `folder`, which is there and empty.
std::unique_ptr<BundleSink> folder_sink(io::FileSystem& fs, const std::string& folder);
/// A new file; ErrorCode::io if it exists.
Result<std::unique_ptr<BundleSink>> tar_sink(io::FileSystem& fs, const std::string& path);

}  // namespace narrows::evidence
