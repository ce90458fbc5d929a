#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/bytes.h"

/// The checksums that a request can declare for its body.
/// https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
namespace narrows::sigv4 {

enum class ChecksumKind {
    crc32,
    crc32c,
    crc64nvme,
    md5,
    sha1,
    sha256,
    sha512,
    xxhash3,    ///< XXH3 of 64 bits
    xxhash64,   ///< XXH64
    xxhash128,  ///< XXH3 of 128 bits
};

/// The kind a header such as "x-amz-checksum-crc32" carries (lower case); nothing for others.
std::optional<ChecksumKind> checksum_kind(std::string_view header_name);
std::size_t checksum_size(ChecksumKind kind);  ///< bytes

/// A running checksum. Not thread-safe. `finish` may be called once; CRCs and xxHashes come most
/// significant byte first, as they stand in headers.
class Checksum {
  public:
    virtual ~Checksum() = default;
    virtual void update(ByteView bytes) = 0;
    virtual Bytes finish() = 0;
};
std::unique_ptr<Checksum> make_checksum(ChecksumKind kind);

/// CRC-64/NVME (NVM Express NVM Command Set Specification 1.0, section 5.2.1.3.4), continuing from
/// `seed`.
std::uint64_t crc64nvme(ByteView bytes, std::uint64_t seed = 0);

}  // namespace narrows::sigv4
