#pragma once

#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "io/file.h"

namespace narrows::gateway {

/// URLs for a single use that were not used yet: a file each, named by the key id that signs the
/// URL. Using one removes its file first, so whatever is not there was used or never made, and no
/// crash or restart makes a used one good again. Thread-safe; calls block on the disk.
class UrlStore {
  public:
    static constexpr std::size_t kUnusedMax = 10'000;

    /// `directory` is made if missing.
    static Result<std::unique_ptr<UrlStore>> open(io::FileSystem& fs, std::string directory);

    /// Durable when it returns. Forgets those that have expired by `now`. ErrorCode::exhausted: too
    /// many are unused.
    Result<void> add(const std::string& key_id, WallNs expires_at, WallNs now);
    /// Durable when it returns. ErrorCode::denied: it is not there.
    Result<void> spend(const std::string& key_id);

  private:
    UrlStore(io::FileSystem& fs, std::string directory)
        : fs_(fs), directory_(std::move(directory)) {}
    std::string path_of(const std::string& key_id) const { return directory_ + "/" + key_id; }
    Result<std::size_t> forget_expired(WallNs now);
    bool is_over(const std::string& name, WallNs now) const;

    io::FileSystem& fs_;
    const std::string directory_;
    std::mutex mutex_;
};

}  // namespace narrows::gateway
