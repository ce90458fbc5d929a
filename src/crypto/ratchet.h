#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"

/// Keys that are forgotten as they pass: who takes the memory of a gateway reads the current epoch,
/// none before it.
///
///     CK_0     = HKDF-SHA256(session key, salt empty, info "narrows " ‖ label, 32)
///     frame_e  = HKDF-SHA256(CK_e, salt empty, info "frame", 32)      AES-256-GCM
///     salt_e   = HKDF-SHA256(CK_e, salt empty, info "salt", 32)       AES-256-CTR
///     CK_{e+1} = HKDF-SHA256(CK_e, salt empty, info "ratchet", 32)
///
/// A frame's nonce is four zero bytes ‖ its sequence number, u64 little-endian. The salts of a
/// record are the key stream from the counter block sequence (u64 little-endian) ‖ eight zero
/// bytes.
///
/// Chain keys lie in memory that is kept out of swap, as far as RLIMIT_MEMLOCK allows, and out of
/// core dumps; a page is locked for each Ratchet, two for a reader. The expanded keys of the
/// current epoch lie in OpenSSL's own, unlocked memory, which is wiped when the epoch ends.
///
/// Move-only; not thread-safe. A moved-from object may only be destroyed or assigned to.
namespace narrows::crypto {

inline constexpr std::uint32_t kEpochMax = 1u << 24;
inline constexpr std::size_t kFrameTag = 16;              ///< bytes that `seal` adds
inline constexpr std::size_t kFramePlainMax = 16u << 20;  ///< bytes
inline constexpr std::size_t kSaltsMax = 1u << 20;        ///< of one record

using Salt = std::array<std::uint8_t, 16>;

/// The writer's side. Failures of the library and broken rules of use end the process.
class Ratchet {
  public:
    /// `session_key` has 32 bytes and is wiped before this returns.
    Ratchet(Secret session_key, std::string_view label);
    ~Ratchet();
    Ratchet(Ratchet&&) noexcept;
    Ratchet& operator=(Ratchet&&) noexcept;

    /// ciphertext ‖ tag. Sequence numbers ascend within an epoch: one that does not ends the
    /// process, since a nonce used twice gives the key stream away.
    Bytes seal(std::uint64_t sequence, ByteView aad, ByteView plain);
    /// The first `count` salts of a record. The same for every call in one epoch.
    std::vector<Salt> salts(std::uint64_t sequence, std::size_t count);

    /// Forgets the keys of this epoch.
    void next_epoch();
    std::uint32_t epoch() const;
    std::uint64_t bytes_in_epoch() const;  ///< plain bytes sealed under the current keys

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// The reader's side, of frames that may be hostile. A step from epoch to epoch takes about a
/// microsecond; each is taken once if epochs ascend, and going back takes at most 2^14 again.
class RatchetReader {
  public:
    /// `session_key` has 32 bytes and is wiped before this returns.
    RatchetReader(Secret session_key, std::string_view label);
    ~RatchetReader();
    RatchetReader(RatchetReader&&) noexcept;
    RatchetReader& operator=(RatchetReader&&) noexcept;

    /// `sealed` is ciphertext ‖ tag. `corrupt`: altered, or sealed for another place.
    /// `exhausted`: epoch or size over a limit above.
    Result<Bytes> open(std::uint32_t epoch, std::uint64_t sequence, ByteView aad, ByteView sealed);
    Result<std::vector<Salt>> salts(std::uint32_t epoch, std::uint64_t sequence, std::size_t count);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace narrows::crypto
