#pragma once

#include <optional>

#include "base/bytes.h"
#include "base/result.h"

/// Messages on a stream: 32-bit little-endian length, then so many bytes.
namespace narrows::process {

inline constexpr std::size_t kFrameMax = 2u << 20;  ///< bytes of a message
inline constexpr std::size_t kFrameHead = 4;

/// `payload` holds 1 byte to kFrameMax.
void append_frame(Bytes& to, ByteView payload);

/// Takes a stream apart as it arrives. Holds no more than one frame and what was pushed last. Not
/// thread-safe.
class FrameReader {
  public:
    void push(ByteView bytes);
    /// The next whole frame, valid until the next call; nullopt: more must come first.
    /// ErrorCode::invalid: a length that no frame has; nothing after it can be read.
    Result<std::optional<ByteView>> next();

  private:
    Bytes held_;
    std::size_t at_ = 0;
};

}  // namespace narrows::process
