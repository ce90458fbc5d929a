#include "crypto/ratchet.h"

#include <algorithm>
#include <new>
#include <optional>
#include <span>
#include <string>

#include <openssl/evp.h>

#include "base/check.h"
#include "crypto/hash.h"
#include "crypto/openssl.h"
#include "crypto/sodium.h"

namespace narrows::crypto {
namespace {

constexpr std::size_t kRatchetKey = 32;
constexpr std::uint32_t kMarkStride = 1u << 14;
constexpr std::size_t kEpochsCached = 4;

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, OpensslFree<EVP_CIPHER_CTX_free>>;

const EVP_CIPHER* aes_256_ctr() {
    static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-CTR", nullptr);
    return cipher;
}

/// Keys in pages of their own: locked, left out of dumps, wiped when freed. libsodium goes on
/// without the lock if the limit is reached.
template <class T>
class Locked {
    static_assert(alignof(T) == 1, "libsodium aligns to the end of a page");

  public:
    Locked() {
        start_sodium();
        void* const memory = sodium_malloc(sizeof(T));
        if (memory == nullptr) throw std::bad_alloc();
        value_.reset(new (memory) T{});
    }
    T& operator*() { return *value_; }
    T* operator->() { return value_.get(); }

  private:
    std::unique_ptr<T, OpensslFree<sodium_free>> value_;
};

using RatchetKey = std::array<std::uint8_t, kRatchetKey>;

void derive_key(const RatchetKey& chain, std::string_view info, RatchetKey& into) {
    hkdf_sha256(chain, {}, info, std::span(into));
}

/// CK_0. The session key is wiped.
void start_chain(Secret session_key, std::string_view label, RatchetKey& into) {
    NARROWS_CHECK(session_key.view().size() == kRatchetKey, "a session key has 32 bytes");
    hkdf_sha256(session_key.view(), {}, "narrows " + std::string(label), std::span(into));
}

struct Chain {
    RatchetKey key;
    RatchetKey scratch;  // for what is derived; zero in between

    void step() {
        derive_key(key, "ratchet", scratch);
        key = scratch;
        wipe(scratch.data(), scratch.size());
    }
};

std::array<std::uint8_t, 12> frame_nonce(std::uint64_t sequence) {
    std::array<std::uint8_t, 12> nonce{};
    store_le(nonce.data() + 4, sequence);
    return nonce;
}

CipherContext keyed(const EVP_CIPHER* cipher, const RatchetKey& key, bool encrypts) {
    CipherContext context(EVP_CIPHER_CTX_new());
    NARROWS_CHECK(context && EVP_CipherInit_ex(context.get(), cipher, nullptr, key.data(), nullptr,
                                               encrypts ? 1 : 0) == 1,
                  "AES-256 does not take its key");
    return context;
}

/// What one epoch needs, expanded. Freeing a context wipes it.
class EpochKeys {
  public:
    enum class Side { writer, reader };
    EpochKeys(Chain& chain, Side side) {
        derive_key(chain.key, "frame", chain.scratch);
        frame_ = keyed(aes_256_gcm(), chain.scratch, side == Side::writer);
        derive_key(chain.key, "salt", chain.scratch);
        salt_ = keyed(aes_256_ctr(), chain.scratch, true);
        wipe(chain.scratch.data(), chain.scratch.size());
    }

    Bytes seal(std::uint64_t sequence, ByteView aad, ByteView plain);
    std::optional<Bytes> open(std::uint64_t sequence, ByteView aad, ByteView sealed);
    std::vector<Salt> salts(std::uint64_t sequence, std::size_t count);

  private:
    bool begin(std::uint64_t sequence, ByteView aad);
    CipherContext frame_;
    CipherContext salt_;
};

bool EpochKeys::begin(std::uint64_t sequence, ByteView aad) {
    const auto nonce = frame_nonce(sequence);
    int size = 0;
    return EVP_CipherInit_ex(frame_.get(), nullptr, nullptr, nullptr, nonce.data(), -1) == 1 &&
           EVP_CipherUpdate(frame_.get(), nullptr, &size, aad.data(),
                            static_cast<int>(aad.size())) == 1;
}

Bytes EpochKeys::seal(std::uint64_t sequence, ByteView aad, ByteView plain) {
    Bytes out(plain.size() + kFrameTag);
    int size = 0;
    const bool good = begin(sequence, aad) &&
                      EVP_CipherUpdate(frame_.get(), out.data(), &size, plain.data(),
                                       static_cast<int>(plain.size())) == 1 &&
                      EVP_CipherFinal_ex(frame_.get(), out.data() + size, &size) == 1 &&
                      EVP_CIPHER_CTX_ctrl(frame_.get(), EVP_CTRL_GCM_GET_TAG, kFrameTag,
                                          out.data() + plain.size()) == 1;
    NARROWS_CHECK(good, "AES-256-GCM failed to seal a frame");
    return out;
}

std::optional<Bytes> EpochKeys::open(std::uint64_t sequence, ByteView aad, ByteView sealed) {
    const QuietErrors quiet;
    const ByteView text = sealed.first(sealed.size() - kFrameTag);
    std::array<std::uint8_t, kFrameTag> tag;
    std::copy_n(sealed.end() - kFrameTag, kFrameTag, tag.begin());
    Bytes plain(text.size());
    int size = 0;
    const bool good =
        begin(sequence, aad) &&
        EVP_CipherUpdate(frame_.get(), plain.data(), &size, text.data(),
                         static_cast<int>(text.size())) == 1 &&
        EVP_CIPHER_CTX_ctrl(frame_.get(), EVP_CTRL_GCM_SET_TAG, kFrameTag, tag.data()) == 1 &&
        EVP_CipherFinal_ex(frame_.get(), plain.data() + size, &size) == 1;
    return good ? std::optional(std::move(plain)) : std::nullopt;
}

std::vector<Salt> EpochKeys::salts(std::uint64_t sequence, std::size_t count) {
    std::array<std::uint8_t, 16> block{};
    store_le(block.data(), sequence);
    std::vector<Salt> salts(count);
    auto* const bytes = reinterpret_cast<std::uint8_t*>(salts.data());
    int size = 0;
    const bool good =
        EVP_CipherInit_ex(salt_.get(), nullptr, nullptr, nullptr, block.data(), -1) == 1 &&
        EVP_CipherUpdate(salt_.get(), bytes, &size, bytes,
                         static_cast<int>(count * sizeof(Salt))) == 1;
    NARROWS_CHECK(good, "AES-256-CTR failed to give salts");
    return salts;
}

}  // namespace

struct Ratchet::State {
    Locked<Chain> chain;  // of the next epoch: the current one needs its expanded keys only
    std::optional<EpochKeys> keys;
    std::uint32_t epoch = 0;
    std::uint64_t bytes = 0;
    std::optional<std::uint64_t> last_sequence;

    void begin_epoch() {
        keys.emplace(*chain, EpochKeys::Side::writer);
        chain->step();
        bytes = 0;
        last_sequence.reset();
    }
};

Ratchet::Ratchet(Secret session_key, std::string_view label) : state_(std::make_unique<State>()) {
    start_chain(std::move(session_key), label, state_->chain->key);
    state_->begin_epoch();
}
Ratchet::~Ratchet() = default;
Ratchet::Ratchet(Ratchet&&) noexcept = default;
Ratchet& Ratchet::operator=(Ratchet&&) noexcept = default;

Bytes Ratchet::seal(std::uint64_t sequence, ByteView aad, ByteView plain) {
    NARROWS_CHECK(aad.size() + plain.size() <= kFramePlainMax, "a frame is too large to seal");
    NARROWS_CHECK(!state_->last_sequence || sequence > *state_->last_sequence,
                  "a nonce would be used twice");
    state_->last_sequence = sequence;
    state_->bytes += plain.size();
    return state_->keys->seal(sequence, aad, plain);
}

std::vector<Salt> Ratchet::salts(std::uint64_t sequence, std::size_t count) {
    NARROWS_CHECK(count <= kSaltsMax, "a record with too many salts");
    return state_->keys->salts(sequence, count);
}

void Ratchet::next_epoch() {
    NARROWS_CHECK(state_->epoch < kEpochMax, "a ratchet has no further epoch");
    ++state_->epoch;
    state_->begin_epoch();
}

std::uint32_t Ratchet::epoch() const {
    return state_->epoch;
}

std::uint64_t Ratchet::bytes_in_epoch() const {
    return state_->bytes;
}

struct RatchetReader::State {
    struct Cached {
        std::uint32_t epoch;
        EpochKeys keys;
    };

    /// Chain keys of the epochs 0, kMarkStride, 2 · kMarkStride … as far as they were reached:
    /// hostile epochs back and forth stay cheap.
    std::vector<Locked<RatchetKey>> marks;
    Locked<Chain> chain;
    std::uint32_t at = 0;  // the epoch of `chain`
    std::vector<Cached> cache;
    std::size_t oldest = 0;

    void go_to(std::uint32_t epoch);
    Result<EpochKeys*> keys_of(std::uint32_t epoch);
};

void RatchetReader::State::go_to(std::uint32_t epoch) {
    const std::size_t mark = std::min<std::size_t>(epoch / kMarkStride, marks.size() - 1);
    const auto marked = static_cast<std::uint32_t>(mark) * kMarkStride;
    if (epoch < at || marked > at) {
        chain->key = *marks[mark];
        at = marked;
    }
    while (at < epoch) {
        chain->step();
        ++at;
        if (at % kMarkStride == 0 && at / kMarkStride == marks.size()) {
            *marks.emplace_back() = chain->key;
        }
    }
}

Result<EpochKeys*> RatchetReader::State::keys_of(std::uint32_t epoch) {
    if (epoch > kEpochMax) {
        return fail(ErrorCode::exhausted, "a frame names an epoch over 2^24; it is not ours");
    }
    for (Cached& cached : cache) {
        if (cached.epoch == epoch) return &cached.keys;
    }
    go_to(epoch);
    Cached fresh{epoch, EpochKeys(*chain, EpochKeys::Side::reader)};
    if (cache.size() < kEpochsCached) return &cache.emplace_back(std::move(fresh)).keys;
    Cached& place = cache[oldest];
    oldest = (oldest + 1) % kEpochsCached;
    place = std::move(fresh);
    return &place.keys;
}

RatchetReader::RatchetReader(Secret session_key, std::string_view label)
    : state_(std::make_unique<State>()) {
    start_chain(std::move(session_key), label, state_->chain->key);
    *state_->marks.emplace_back() = state_->chain->key;
}
RatchetReader::~RatchetReader() = default;
RatchetReader::RatchetReader(RatchetReader&&) noexcept = default;
RatchetReader& RatchetReader::operator=(RatchetReader&&) noexcept = default;

Result<Bytes> RatchetReader::open(std::uint32_t epoch, std::uint64_t sequence, ByteView aad,
                                  ByteView sealed) {
    if (sealed.size() < kFrameTag) {
        return fail(ErrorCode::corrupt, "a frame is shorter than its tag");
    }
    if (aad.size() + sealed.size() - kFrameTag > kFramePlainMax) {
        return fail(ErrorCode::exhausted, "a frame is over 16 MiB; it is not ours");
    }
    NARROWS_TRY(EpochKeys* const keys, state_->keys_of(epoch));
    auto plain = keys->open(sequence, aad, sealed);
    if (!plain) {
        return fail(ErrorCode::corrupt, "a frame does not open: altered, or of another place");
    }
    return std::move(*plain);
}

Result<std::vector<Salt>> RatchetReader::salts(std::uint32_t epoch, std::uint64_t sequence,
                                               std::size_t count) {
    if (count > kSaltsMax) {
        return fail(ErrorCode::exhausted, "a record with over 2^20 salts; it is not ours");
    }
    NARROWS_TRY(EpochKeys* const keys, state_->keys_of(epoch));
    return keys->salts(sequence, count);
}

}  // namespace narrows::crypto
