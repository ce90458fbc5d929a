#pragma once

#include <array>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/secret.h"

namespace narrows::crypto {

using Digest = std::array<std::uint8_t, 32>;

/// SHA-256 in one call (FIPS 180-4).
Digest sha256(ByteView bytes);
inline Digest sha256(std::string_view text) {
    return sha256(as_bytes(text));
}

/// Of what stands one behind the other.
Digest sha256(std::initializer_list<ByteView> pieces);

enum class HashKind { sha1, sha256, sha512, md5 };

/// A running hash. Not thread-safe. `finish` may be called once.
class Hasher {
  public:
    explicit Hasher(HashKind kind = HashKind::sha256);
    ~Hasher();
    Hasher(Hasher&&) noexcept;
    Hasher& operator=(Hasher&&) noexcept;

    void update(ByteView bytes);
    void update(std::string_view text) { update(as_bytes(text)); }
    Bytes finish();
    Digest finish256();  ///< only of a sha256 hasher

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// HMAC (RFC 2104).
Digest hmac_sha256(ByteView key, ByteView message);
inline Digest hmac_sha256(ByteView key, std::string_view message) {
    return hmac_sha256(key, as_bytes(message));
}
Bytes hmac_sha1(ByteView key, ByteView message);

/// HKDF-SHA256 (RFC 5869), `size` bytes. Leaves no copy of what it derives in memory.
Secret hkdf_sha256(ByteView key, ByteView salt, std::string_view info, std::size_t size);
/// The same into memory of the caller's, which may not overlap `key`.
void hkdf_sha256(ByteView key, ByteView salt, std::string_view info, std::span<std::uint8_t> out);

/// Compares in time that depends on the lengths only.
bool equal_constant_time(ByteView a, ByteView b);
inline bool equal_constant_time(std::string_view a, std::string_view b) {
    return equal_constant_time(as_bytes(a), as_bytes(b));
}

/// Bytes of the operating system's generator; ends the process if there are none.
Bytes random_bytes(std::size_t size);

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4), continuing from `seed`.
std::uint32_t crc32c(ByteView bytes, std::uint32_t seed = 0);

}  // namespace narrows::crypto
