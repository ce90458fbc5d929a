#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "io/file.h"

namespace narrows::reconcile {

struct TrailFile {
    std::string path;   ///< for `read`
    std::string stamp;  ///< changes when the file does: size and time, or size and ETag
};

/// Where a trail's files are. Not thread-safe; blocks.
class Trail {
  public:
    virtual ~Trail() = default;
    /// What was asked for: a path, or "s3://bucket/prefix".
    virtual const std::string& name() const = 0;
    /// Every file below it, in any order.
    virtual Result<void> list(const std::function<Result<void>(const TrailFile&)>& take) = 0;
    /// A file from its first byte to its last, stretch by stretch.
    virtual Result<void> read(const std::string& path,
                              const std::function<Result<void>(ByteView)>& take) = 0;
    /// A digest's signature in hex, as the object's x-amz-meta-signature has it; empty: none known.
    virtual Result<std::string> signature(const std::string& path) = 0;
};

/// A copy in a folder, as `aws s3 sync` makes it. Objects' metadata is lost in one: the signature
/// of DIGEST.json.gz may stand beside it in DIGEST.json.gz.signature; all but the newest digest's
/// stand in the next digest too. Links to other folders are not followed. `fs` must outlive it.
std::unique_ptr<Trail> directory_trail(io::FileSystem& fs, std::string path);

}  // namespace narrows::reconcile
