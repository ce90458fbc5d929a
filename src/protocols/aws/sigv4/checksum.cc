#include "protocols/aws/sigv4/checksum.h"

#include <xxhash.h>
#include <zlib.h>

#include "crypto/hash.h"

namespace narrows::sigv4 {
namespace {

struct Named {
    std::string_view header;
    ChecksumKind kind;
    std::size_t size;
};
constexpr std::array<Named, 10> kKinds = {{
    {"x-amz-checksum-crc32", ChecksumKind::crc32, 4},
    {"x-amz-checksum-crc32c", ChecksumKind::crc32c, 4},
    {"x-amz-checksum-crc64nvme", ChecksumKind::crc64nvme, 8},
    {"x-amz-checksum-md5", ChecksumKind::md5, 16},
    {"x-amz-checksum-sha1", ChecksumKind::sha1, 20},
    {"x-amz-checksum-sha256", ChecksumKind::sha256, 32},
    {"x-amz-checksum-sha512", ChecksumKind::sha512, 64},
    {"x-amz-checksum-xxhash3", ChecksumKind::xxhash3, 8},
    {"x-amz-checksum-xxhash64", ChecksumKind::xxhash64, 8},
    {"x-amz-checksum-xxhash128", ChecksumKind::xxhash128, 16},
}};

using Crc64Tables = std::array<std::array<std::uint64_t, 256>, 8>;

/// Table k gives the effect of a byte that k more bytes follow ("slicing by 8").
constexpr Crc64Tables make_crc64_tables() {
    constexpr std::uint64_t kReflectedPolynomial = 0x9a6c9329ac4bc9b5;
    Crc64Tables tables{};
    for (std::size_t byte = 0; byte < 256; ++byte) {
        std::uint64_t state = byte;
        for (int bit = 0; bit < 8; ++bit) {
            state = (state >> 1) ^ ((state & 1) != 0 ? kReflectedPolynomial : 0);
        }
        tables[0][byte] = state;
    }
    for (std::size_t k = 1; k < 8; ++k) {
        for (std::size_t byte = 0; byte < 256; ++byte) {
            const std::uint64_t before = tables[k - 1][byte];
            tables[k][byte] = (before >> 8) ^ tables[0][before & 0xff];
        }
    }
    return tables;
}
constexpr Crc64Tables kCrc64 = make_crc64_tables();

template <class T>
Bytes big_endian(T value) {
    Bytes out(sizeof(T));
    for (std::size_t i = 0; i < sizeof(T); ++i) {
        out[sizeof(T) - 1 - i] = static_cast<std::uint8_t>(value >> (8 * i));
    }
    return out;
}

std::uint32_t crc32(ByteView bytes, std::uint32_t seed) {
    return static_cast<std::uint32_t>(::crc32_z(seed, bytes.data(), bytes.size()));
}

template <class T, T (*Function)(ByteView, T)>
class CrcChecksum : public Checksum {
  public:
    void update(ByteView bytes) override {
        if (!bytes.empty()) state_ = Function(bytes, state_);
    }
    Bytes finish() override { return big_endian(state_); }

  private:
    T state_ = 0;
};

class Xxh64Checksum : public Checksum {
  public:
    Xxh64Checksum() : state_(XXH64_createState()) { XXH64_reset(state_.get(), 0); }
    void update(ByteView bytes) override { XXH64_update(state_.get(), bytes.data(), bytes.size()); }
    Bytes finish() override { return big_endian(std::uint64_t{XXH64_digest(state_.get())}); }

  private:
    struct Free {
        void operator()(XXH64_state_t* state) const { XXH64_freeState(state); }
    };
    std::unique_ptr<XXH64_state_t, Free> state_;
};

class Xxh3Checksum : public Checksum {
  public:
    explicit Xxh3Checksum(bool wide) : state_(XXH3_createState()), wide_(wide) {
        wide ? XXH3_128bits_reset(state_.get()) : XXH3_64bits_reset(state_.get());
    }
    void update(ByteView bytes) override {
        wide_ ? XXH3_128bits_update(state_.get(), bytes.data(), bytes.size())
              : XXH3_64bits_update(state_.get(), bytes.data(), bytes.size());
    }
    Bytes finish() override {
        if (!wide_) return big_endian(std::uint64_t{XXH3_64bits_digest(state_.get())});
        const XXH128_hash_t hash = XXH3_128bits_digest(state_.get());
        Bytes out = big_endian(std::uint64_t{hash.high64});
        append(out, big_endian(std::uint64_t{hash.low64}));
        return out;
    }

  private:
    struct Free {
        void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
    };
    std::unique_ptr<XXH3_state_t, Free> state_;
    const bool wide_;
};

class HashChecksum : public Checksum {
  public:
    explicit HashChecksum(crypto::HashKind kind) : hasher_(kind) {}
    void update(ByteView bytes) override { hasher_.update(bytes); }
    Bytes finish() override { return hasher_.finish(); }

  private:
    crypto::Hasher hasher_;
};

}  // namespace

std::optional<ChecksumKind> checksum_kind(std::string_view header_name) {
    for (const Named& named : kKinds) {
        if (named.header == header_name) return named.kind;
    }
    return std::nullopt;
}

std::size_t checksum_size(ChecksumKind kind) {
    for (const Named& named : kKinds) {
        if (named.kind == kind) return named.size;
    }
    return 0;
}

std::unique_ptr<Checksum> make_checksum(ChecksumKind kind) {
    switch (kind) {
        case ChecksumKind::crc32:
            return std::make_unique<CrcChecksum<std::uint32_t, crc32>>();
        case ChecksumKind::crc32c:
            return std::make_unique<CrcChecksum<std::uint32_t, crypto::crc32c>>();
        case ChecksumKind::crc64nvme:
            return std::make_unique<CrcChecksum<std::uint64_t, crc64nvme>>();
        case ChecksumKind::md5:
            return std::make_unique<HashChecksum>(crypto::HashKind::md5);
        case ChecksumKind::sha1:
            return std::make_unique<HashChecksum>(crypto::HashKind::sha1);
        case ChecksumKind::sha256:
            return std::make_unique<HashChecksum>(crypto::HashKind::sha256);
        case ChecksumKind::sha512:
            return std::make_unique<HashChecksum>(crypto::HashKind::sha512);
        case ChecksumKind::xxhash3:
            return std::make_unique<Xxh3Checksum>(false);
        case ChecksumKind::xxhash64:
            return std::make_unique<Xxh64Checksum>();
        case ChecksumKind::xxhash128:
            return std::make_unique<Xxh3Checksum>(true);
    }
    return nullptr;
}

std::uint64_t crc64nvme(ByteView bytes, std::uint64_t seed) {
    std::uint64_t state = ~seed;
    while (bytes.size() >= 8) {
        state ^= load_le<std::uint64_t>(bytes.data());
        std::uint64_t next = 0;
        for (std::size_t i = 0; i < 8; ++i) next ^= kCrc64[7 - i][(state >> (8 * i)) & 0xff];
        state = next;
        bytes = bytes.subspan(8);
    }
    for (const std::uint8_t byte : bytes) {
        state = (state >> 8) ^ kCrc64[0][(state ^ byte) & 0xff];
    }
    return ~state;
}

}  // namespace narrows::sigv4
