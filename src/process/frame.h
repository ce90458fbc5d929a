#pragma once

#include <optional>
#include <span>

#include "base/bytes.h"
#include "base/result.h"

/// Messages on a stream: 32-bit little-endian length, then so many bytes.
namespace narrows::process {

inline constexpr std::size_t kFrameMax = 2u << 20;  ///< bytes of a message
inline constexpr std::size_t kFrameHead = 4;

/// `payload` holds 1 byte to kFrameMax.
void append_frame(Bytes& to, ByteView payload);

/// Takes a stream apart as it arrives. Holds `room` bytes, or the frame that needs more; wipes what
/// was read, since messages may hold keys, and what agents sent. Not thread-safe.
class FrameReader {
  public:
    explicit FrameReader(std::size_t room = 16 * 1024) : least_(room), held_(room) {}
    ~FrameReader();
    FrameReader(const FrameReader&) = delete;
    FrameReader& operator=(const FrameReader&) = delete;

    /// Where what arrives next is to be written; never empty when `next` gave nullopt. Valid until
    /// the next call of anything.
    std::span<std::uint8_t> room();
    /// So many bytes were written there.
    void filled(std::size_t bytes);
    /// Both, for bytes that are elsewhere.
    void push(ByteView bytes);
    /// The next whole frame, valid until the next call; nullopt: more must come first.
    /// ErrorCode::invalid: a length that no frame has; nothing after it can be read.
    Result<std::optional<ByteView>> next();

  private:
    void wipe_taken();
    void move_to_front(std::size_t capacity);

    const std::size_t least_;
    Bytes held_;
    std::size_t wiped_ = 0;  ///< up to here; what was taken goes on to at_
    std::size_t at_ = 0;
    std::size_t end_ = 0;   ///< of what arrived
    std::size_t need_ = 0;  ///< bytes of the frame that is not whole yet; 0: not known
};

}  // namespace narrows::process
