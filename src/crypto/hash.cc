#include "crypto/hash.h"

#include <algorithm>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

#include "base/check.h"

namespace narrows::crypto {
namespace {

const EVP_MD* digest_of(HashKind kind) {
    // Fetched once: EVP_sha256() resolves the provider on every init, which costs more than
    // hashing a small message.
    static const EVP_MD* const sha1 = EVP_MD_fetch(nullptr, "SHA1", nullptr);
    static const EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    static const EVP_MD* const sha512 = EVP_MD_fetch(nullptr, "SHA512", nullptr);
    static const EVP_MD* const md5 = EVP_MD_fetch(nullptr, "MD5", nullptr);
    switch (kind) {
        case HashKind::sha1:
            return sha1;
        case HashKind::sha256:
            return sha256;
        case HashKind::sha512:
            return sha512;
        case HashKind::md5:
            return md5;
    }
    return sha256;
}

constexpr std::size_t kBlock = 64;  // of SHA-256
constexpr std::size_t kDigest = Digest{}.size();

}  // namespace

// The one-shot SHA256 functions are deprecated in OpenSSL 3 in name only; they skip the provider
// machinery, which dominates for the short inputs of SigV4 key derivation.
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"

Digest sha256(std::initializer_list<ByteView> pieces) {
    Digest digest;
    SHA256_CTX context;
    SHA256_Init(&context);
    for (const ByteView piece : pieces) {
        SHA256_Update(&context, piece.data(), piece.size());
    }
    SHA256_Final(digest.data(), &context);
    return digest;
}

Digest sha256(ByteView bytes) {
    return sha256({bytes});
}

Digest hmac_sha256(ByteView key, ByteView message) {
    std::array<std::uint8_t, kBlock> block{};
    if (key.size() > kBlock) {
        const Digest short_key = sha256(key);
        std::copy(short_key.begin(), short_key.end(), block.begin());
    } else {
        std::copy(key.begin(), key.end(), block.begin());
    }
    std::array<std::uint8_t, kBlock> inner_pad;
    std::array<std::uint8_t, kBlock> outer_pad;
    for (std::size_t i = 0; i < kBlock; ++i) {
        inner_pad[i] = block[i] ^ 0x36;
        outer_pad[i] = block[i] ^ 0x5c;
    }
    SHA256_CTX context;
    Digest inner;
    SHA256_Init(&context);
    SHA256_Update(&context, inner_pad.data(), kBlock);
    SHA256_Update(&context, message.data(), message.size());
    SHA256_Final(inner.data(), &context);
    Digest outer;
    SHA256_Init(&context);
    SHA256_Update(&context, outer_pad.data(), kBlock);
    SHA256_Update(&context, inner.data(), inner.size());
    SHA256_Final(outer.data(), &context);
    wipe(block.data(), kBlock);
    wipe(inner_pad.data(), kBlock);
    wipe(outer_pad.data(), kBlock);
    wipe(inner.data(), inner.size());
    wipe(&context, sizeof context);
    return outer;
}

#pragma clang diagnostic pop

struct Hasher::State {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    ~State() { EVP_MD_CTX_free(context); }
};

Hasher::Hasher(HashKind kind) : state_(std::make_unique<State>()) {
    NARROWS_CHECK(EVP_DigestInit_ex(state_->context, digest_of(kind), nullptr) == 1,
                  "OpenSSL has no such hash");
}
Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

void Hasher::update(ByteView bytes) {
    EVP_DigestUpdate(state_->context, bytes.data(), bytes.size());
}

Bytes Hasher::finish() {
    Bytes digest(EVP_MAX_MD_SIZE);
    unsigned size = 0;
    EVP_DigestFinal_ex(state_->context, digest.data(), &size);
    digest.resize(size);
    return digest;
}

Digest Hasher::finish256() {
    const Bytes bytes = finish();
    NARROWS_CHECK(bytes.size() == Digest{}.size(), "finish256 of another hash");
    Digest digest;
    std::copy(bytes.begin(), bytes.end(), digest.begin());
    return digest;
}

Bytes hmac_sha1(ByteView key, ByteView message) {
    Bytes mac(20);
    unsigned size = 0;
    ::HMAC(EVP_sha1(), key.data(), static_cast<int>(key.size()), message.data(), message.size(),
           mac.data(), &size);
    return mac;
}

void hkdf_sha256(ByteView key, ByteView salt, std::string_view info, std::span<std::uint8_t> out) {
    NARROWS_CHECK(out.size() <= 255 * kDigest, "HKDF gives at most 255 blocks");
    Digest pseudo_random_key = hmac_sha256(salt, key);
    Bytes message(kDigest + info.size() + 1);  // previous block ‖ info ‖ counter
    std::copy(info.begin(), info.end(), message.begin() + kDigest);
    std::size_t done = 0;
    for (std::uint8_t counter = 1; done < out.size(); ++counter) {
        message.back() = counter;
        const std::size_t skipped = counter == 1 ? kDigest : 0;
        Digest block = hmac_sha256(pseudo_random_key, ByteView(message).subspan(skipped));
        std::copy(block.begin(), block.end(), message.begin());
        const std::size_t size = std::min(kDigest, out.size() - done);
        std::copy_n(block.begin(), size, out.begin() + static_cast<std::ptrdiff_t>(done));
        done += size;
        wipe(block.data(), block.size());
    }
    wipe(message.data(), message.size());
    wipe(pseudo_random_key.data(), pseudo_random_key.size());
}

Secret hkdf_sha256(ByteView key, ByteView salt, std::string_view info, std::size_t size) {
    Bytes out(size);
    hkdf_sha256(key, salt, info, std::span(out));
    return Secret(std::move(out));
}

bool equal_constant_time(ByteView a, ByteView b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Bytes random_bytes(std::size_t size) {
    Bytes bytes(size);
    NARROWS_CHECK(RAND_bytes(bytes.data(), static_cast<int>(size)) == 1, "no random bytes");
    return bytes;
}

namespace {

std::uint32_t crc32c_portable(ByteView bytes, std::uint32_t seed) {
    std::uint32_t state = ~seed;
    for (const std::uint8_t byte : bytes) {
        state ^= byte;
        for (int bit = 0; bit < 8; ++bit) {
            state = (state >> 1) ^ (0x82F63B78u & (0u - (state & 1u)));
        }
    }
    return ~state;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t crc32c_sse42(ByteView bytes, std::uint32_t seed) {
    std::uint64_t state = ~seed;
    const std::uint8_t* at = bytes.data();
    std::size_t left = bytes.size();
    for (; left >= 8; left -= 8, at += 8) {
        std::uint64_t word;
        std::memcpy(&word, at, 8);
        state = _mm_crc32_u64(state, word);
    }
    auto narrow = static_cast<std::uint32_t>(state);
    for (; left > 0; --left, ++at) {
        narrow = _mm_crc32_u8(narrow, *at);
    }
    return ~narrow;
}
#endif

}  // namespace

std::uint32_t crc32c(ByteView bytes, std::uint32_t seed) {
#if defined(__x86_64__)
    static const bool has_sse42 = __builtin_cpu_supports("sse4.2");
    if (has_sse42) {
        return crc32c_sse42(bytes, seed);
    }
#endif
    return crc32c_portable(bytes, seed);
}

}  // namespace narrows::crypto
