#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/bytes.h"
#include "base/result.h"

namespace narrows::reconcile {

/// One gzip member (RFC 1952), stretch by stretch; refuses more than `bytes_max` bytes of content
/// and bytes behind the member. Memory: 64 KiB of content and zlib's window. Not thread-safe.
class Inflater {
  public:
    using Take = std::function<Result<void>(ByteView)>;
    Inflater(std::uint64_t bytes_max, Take take);
    ~Inflater();
    Inflater(const Inflater&) = delete;
    Inflater& operator=(const Inflater&) = delete;

    Result<void> feed(ByteView compressed);
    /// That the member is whole.
    Result<void> finish() const;

  private:
    struct Stream;
    std::unique_ptr<Stream> stream_;
    const std::uint64_t bytes_max_;
    const Take take_;
    std::uint64_t bytes_ = 0;
    bool ended_ = false;
};

}  // namespace narrows::reconcile
