#include "crypto/ratchet.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "crypto/crypto_test.h"

namespace narrows::crypto {
namespace {

// The session key is SHA-256("session key"), the label "control"; computed with Python's
// cryptography package:
//   hkdf = lambda key, info: HKDF(SHA256(), 32, b"", info).derive(key)
//   ck = hkdf(session_key, b"narrows control"), then ck = hkdf(ck, b"ratchet") once an epoch
//   frame, salt = hkdf(ck, b"frame"), hkdf(ck, b"salt")
//   sealed = AESGCM(frame).encrypt(bytes(4) + sequence.to_bytes(8, "little"), b"GetObject",
//   b"head")
//            (plain text, then what is authenticated), empty = the same of nothing at 2**40 + 5
//   salts = CTR(sequence.to_bytes(8, "little") + bytes(8)) under AES(salt), of bytes(48)
// where sequence is 7 + epoch.
struct Expected {
    std::uint32_t epoch;
    const char* chain;
    const char* frame;
    const char* salt;
    const char* sealed;
    const char* empty;
    std::array<const char*, 3> salts;
};
const Expected kExpected[] = {
    {0,
     "ec4412dd0809bf1cc9f318cc077856718ce3b1ff785b2533b945c542356d923e",
     "908b11d594cec9a8ba2bac7adbb11b5aa914f55fddc0dffaa5c93307efa7251b",
     "e4e053aaf925b67fc016de64d25d3fe70688a6222295403d2daf645cdcfabc81",
     "2efefcde0ac073a93d790553d177150cda91e1bdae94176a93",
     "600d22a95e737ea95f38372640622b0f",
     {"3c2ea8e57993645804d4eec4ca4dd3b6", "1fb5748fdabb82cc571e1093e30f468b",
      "09378d7687e0eb8c088f1db8212fb556"}},
    {1,
     "cd1995b092938b78b8ea83944e2fa11d1bb83987f86d9e910c5c427275b5b329",
     "60241e152cacc4da9799aa1c509a079b18361ea45072f0d1131ce6bce80df7fa",
     "1c1aa975cd83c2537fbf6b02726c82706e65f9df33f18aaa491feb8f419e18fb",
     "768956fd5d52014e6203028ff02077ae9549d23193033bf0d0",
     "149050e23c769b9c64b0de943f2e6c94",
     {"62a057a8df549717d16a6b0e08c49be4", "adcea842974f439ccfca0795d0820352",
      "cf4e0adca7caf53e3a9ba30432b5ff20"}},
    {2,
     "2ed454f2fa3f07d2316bd10477019f8b22937d1d9c14e79885dfe6f506d05512",
     "914b78cb5823309c921d40f84920ba5befecc9949429c01d3b6eda0de95df195",
     "e084f9157d8ab476f937e899027337553f5f437de40c69642d0e204878f8fbdf",
     "6145b0468d7958471817085ccb2ec28281453a1dbed8dc4966",
     "30ab6ebf821bcd2941e3636f0dc1b39e",
     {"ef7caa13aca7bdff02c7533d4cf94b18", "61e88c225d763144e2c07b859dcdb4e1",
      "3ab3f82a82e02c0632d2aa0b71f6930b"}},
    {3,
     "874c03680cfcdf00de0efdd380befc9bcbc40edbd1b1513aa44a7cde3576e1cc",
     "2d444884b02c4708fe20dceb9b146b6ba5fc7cc4ebc15d457460073d78ddae50",
     "e056540a7fd9084ea26b2fef4c4ba63cc5912f648725e009d85d6778bd32cd31",
     "c96c9bdbdc1231bdbb8f5dcdfbefe03856f7fb9a288876aea1",
     "2885b60488b6572cf477e712f032e9d3",
     {"1858c67cb6df41d06b6148494a642d45", "2ddb0dbae6451e35ebab5f04b2c007a9",
      "344e46554c0b2911aa5d23a8b36fd8cd"}},
    {16385,
     "9a6c50f4f2b3217e3023bc4a60e9aeb7aa5f957f883c6bc4d32e5389269513b4",
     "657a7724c0399451df175106a5778039a8b7db842647a52c84d9c962d38713e8",
     "a7c5cbd5c16af575b5d6edaf953c70a2e038d7a6a4b229bd1def429511530cb8",
     "5b29d57eda29d8a09232ab982fd633a3f46d5a49023bdbaddf",
     "b96046dd68e2a2a5b2dc0020bd24db7f",
     {"18db6c3e28f758248118c783234e1caf", "3c806f187f2e74fb826a19447ea89bd0",
      "321d64a9dbdc1f3528db15d1c27c7a70"}},
};
constexpr std::string_view kSessionKey =
    "85edb195b992f399c1efbb21b95302c154ece9a113c65497347e12f728dc869d";
constexpr std::uint64_t kFarSequence = (1ull << 40) + 5;
constexpr std::string_view kPlain = "GetObject";

Secret session_key() {
    return Secret(unhex(kSessionKey));
}

std::vector<std::string> hex_of(const std::vector<Salt>& salts) {
    std::vector<std::string> out;
    for (const Salt& salt : salts) out.push_back(hex(salt));
    return out;
}

void expect_open(RatchetReader& reader, const Expected& expected) {
    const std::uint64_t sequence = 7 + expected.epoch;
    const auto plain =
        reader.open(expected.epoch, sequence, as_bytes("head"), unhex(expected.sealed));
    ASSERT_TRUE(plain.has_value()) << expected.epoch;
    EXPECT_EQ(as_text(plain.value()), kPlain);
    const auto salts = reader.salts(expected.epoch, sequence, expected.salts.size());
    EXPECT_THAT(hex_of(salts.value()), testing::ElementsAreArray(expected.salts));
}

TEST(Ratchet, seals_as_another_implementation_does) {
    Ratchet ratchet(session_key(), "control");
    for (const Expected& expected : kExpected) {
        while (ratchet.epoch() < expected.epoch) ratchet.next_epoch();
        const std::uint64_t sequence = 7 + expected.epoch;
        EXPECT_EQ(hex(ratchet.seal(sequence, as_bytes("head"), as_bytes(kPlain))), expected.sealed);
        EXPECT_EQ(hex(ratchet.seal(kFarSequence, {}, {})), expected.empty);
        EXPECT_THAT(hex_of(ratchet.salts(sequence, 3)), testing::ElementsAreArray(expected.salts));
        EXPECT_EQ(hex(ratchet.salts(sequence, 1).at(0)), expected.salts[0]);
        EXPECT_TRUE(ratchet.salts(sequence, 0).empty());
    }
}

TEST(Ratchet, counts_the_bytes_of_an_epoch) {
    Ratchet ratchet(session_key(), "control");
    ratchet.seal(1, as_bytes("head"), as_bytes(kPlain));
    ratchet.seal(2, {}, Bytes(1000));
    EXPECT_EQ(ratchet.bytes_in_epoch(), 1009u);
    ratchet.next_epoch();
    EXPECT_EQ(ratchet.bytes_in_epoch(), 0u);
    EXPECT_EQ(ratchet.epoch(), 1u);
}

TEST(RatchetDeathTest, no_nonce_is_used_twice) {
    Ratchet ratchet(session_key(), "control");
    ratchet.seal(2, {}, as_bytes("a"));
    EXPECT_DEATH(ratchet.seal(2, {}, as_bytes("b")), "a nonce would be used twice");
    EXPECT_DEATH(ratchet.seal(1, {}, as_bytes("b")), "a nonce would be used twice");
    ratchet.next_epoch();
    ratchet.seal(1, {}, as_bytes("b"));
}

TEST(Ratchet, moves) {
    Ratchet one(session_key(), "control");
    Ratchet other(session_key(), "other");
    other = std::move(one);
    EXPECT_EQ(hex(other.seal(kFarSequence, {}, {})), kExpected[0].empty);
}

TEST(RatchetReader, opens_epochs_in_any_order) {
    RatchetReader reader(session_key(), "control");
    for (const Expected& expected : kExpected) expect_open(reader, expected);
    for (std::size_t i = std::size(kExpected); i-- > 0;) expect_open(reader, kExpected[i]);
    for (const Expected& expected : kExpected) expect_open(reader, expected);
}

TEST(RatchetReader, opens_nothing_altered_or_elsewhere) {
    RatchetReader reader(session_key(), "control");
    const Bytes sealed = unhex(kExpected[1].sealed);
    const ByteView head = as_bytes("head");
    ASSERT_TRUE(reader.open(1, 8, head, sealed));
    const auto corrupt = [&](std::uint32_t epoch, std::uint64_t sequence, ByteView aad,
                             ByteView bytes) {
        const auto plain = reader.open(epoch, sequence, aad, bytes);
        return !plain && plain.error().code == ErrorCode::corrupt;
    };
    EXPECT_TRUE(corrupt(0, 8, head, sealed));
    EXPECT_TRUE(corrupt(2, 8, head, sealed));
    EXPECT_TRUE(corrupt(1, 9, head, sealed));
    EXPECT_TRUE(corrupt(1, 8, as_bytes("heap"), sealed));
    for (std::size_t size = 0; size < sealed.size(); ++size) {
        EXPECT_TRUE(corrupt(1, 8, head, ByteView(sealed).first(size))) << size;
    }
    for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
        Bytes flipped = sealed;
        flipped[bit / 8] ^= static_cast<std::uint8_t>(1 << (bit % 8));
        EXPECT_TRUE(corrupt(1, 8, head, flipped)) << bit;
    }
    RatchetReader other(session_key(), "bulk");
    EXPECT_FALSE(other.open(1, 8, head, sealed));
    EXPECT_TRUE(reader.open(1, 8, head, sealed));
}

TEST(RatchetReader, refuses_what_is_over_its_limits) {
    RatchetReader reader(session_key(), "control");
    const Bytes sealed = unhex(kExpected[0].sealed);
    EXPECT_EQ(reader.open(kEpochMax + 1, 7, {}, sealed).error().code, ErrorCode::exhausted);
    EXPECT_EQ(reader.salts(~0u, 7, 1).error().code, ErrorCode::exhausted);
    EXPECT_EQ(reader.salts(0, 7, kSaltsMax + 1).error().code, ErrorCode::exhausted);
    EXPECT_EQ(reader.open(0, 7, {}, Bytes(kFramePlainMax + kFrameTag + 1)).error().code,
              ErrorCode::exhausted);
    EXPECT_EQ(reader.salts(0, 7, kSaltsMax).value().size(), kSaltsMax);
}

/// Bytes to look for in this process's memory, kept in a form that is not found itself.
class Needle {
  public:
    explicit Needle(std::string_view hex_text) : masked_(unhex_masked(hex_text)) {}

    bool in(ByteView bytes) const {
        const std::uint8_t* const end = bytes.data() + bytes.size();
        for (const std::uint8_t* at = bytes.data();; ++at) {
            const auto left = static_cast<std::size_t>(end - at);
            // memchr is fast under the sanitizers, too.
            at = static_cast<const std::uint8_t*>(std::memchr(at, masked_[0] ^ kMask, left));
            if (at == nullptr || static_cast<std::size_t>(end - at) < masked_.size()) {
                return false;
            }
            std::size_t same = 1;
            while (same < masked_.size() && (at[same] ^ kMask) == masked_[same]) ++same;
            if (same == masked_.size()) return true;
        }
    }

  private:
    static constexpr std::uint8_t kMask = 0xa5;
    static Bytes unhex_masked(std::string_view text) {
        Bytes bytes;
        for (std::size_t i = 0; i < text.size(); i += 2) {
            bytes.push_back(
                static_cast<std::uint8_t>((digit(text[i]) << 4 | digit(text[i + 1])) ^ kMask));
        }
        return bytes;
    }
    static int digit(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }
    Bytes masked_;
};

/// Whether the writable memory of this process holds the bytes: heap, stacks, globals.
bool in_memory(const Needle& needle) {
    constexpr std::size_t kStretch = 1u << 20;
    constexpr std::size_t kShadowMin = 1u << 30;  // what sanitizers map
    const int memory = ::open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    std::ifstream maps("/proc/self/maps");
    Bytes stretch(kStretch);
    bool found = false;
    for (std::string line; std::getline(maps, line);) {
        std::uint64_t begin = 0;
        std::uint64_t end = 0;
        char mode[5] = {};
        std::sscanf(line.c_str(), "%lx-%lx %4s", &begin, &end, mode);
        if (std::string_view(mode).substr(0, 2) != "rw" || end - begin >= kShadowMin) continue;
        for (std::uint64_t at = begin; at < end; at += kStretch - 64) {
            const ssize_t size = ::pread(memory, stretch.data(), std::min(kStretch, end - at),
                                         static_cast<off_t>(at));
            if (size > 0)
                found |= needle.in(ByteView(stretch).first(static_cast<std::size_t>(size)));
            wipe(stretch.data(), stretch.size());
        }
    }
    ::close(memory);
    return found;
}

TEST(RatchetMemory, holds_the_current_epoch_and_nothing_before_it) {
    Ratchet ratchet(session_key(), "control");
    ratchet.seal(1, {}, as_bytes(kPlain));
    ratchet.salts(1, 3);
    EXPECT_FALSE(in_memory(Needle(kSessionKey)));
    EXPECT_FALSE(in_memory(Needle(kExpected[0].chain)));
    // The search finds what is there.
    EXPECT_TRUE(in_memory(Needle(kExpected[0].frame)));
    EXPECT_TRUE(in_memory(Needle(kExpected[0].salt)));
    EXPECT_TRUE(in_memory(Needle(kExpected[1].chain)));
    ratchet.next_epoch();
    EXPECT_FALSE(in_memory(Needle(kExpected[0].frame)));
    EXPECT_FALSE(in_memory(Needle(kExpected[0].salt)));
    EXPECT_FALSE(in_memory(Needle(kExpected[1].chain)));
    EXPECT_TRUE(in_memory(Needle(kExpected[1].frame)));
    EXPECT_TRUE(in_memory(Needle(kExpected[2].chain)));
}

TEST(RatchetMemory, holds_nothing_once_it_is_gone) {
    { const Ratchet ratchet(session_key(), "control"); }
    { RatchetReader(session_key(), "control").salts(0, 1, 1).value(); }
    EXPECT_FALSE(in_memory(Needle(kSessionKey)));
    EXPECT_FALSE(in_memory(Needle(kExpected[0].chain)));
    EXPECT_FALSE(in_memory(Needle(kExpected[0].frame)));
    EXPECT_FALSE(in_memory(Needle(kExpected[0].salt)));
    EXPECT_FALSE(in_memory(Needle(kExpected[1].chain)));
}

/// Mappings of this process with all of these flags (proc_pid_smaps(5)).
int mappings_with(const std::vector<std::string>& flags) {
    std::ifstream smaps("/proc/self/smaps");
    int count = 0;
    for (std::string line; std::getline(smaps, line);) {
        if (!line.starts_with("VmFlags:")) continue;
        count += std::all_of(flags.begin(), flags.end(), [&line](const std::string& flag) {
            return (line + " ").find(" " + flag + " ") != std::string::npos;
        });
    }
    return count;
}

TEST(RatchetMemory, is_left_out_of_dumps_and_locked_if_the_limit_allows) {
    const int dumped = mappings_with({"dd"});
    const int locked = mappings_with({"dd", "lo"});
    const Ratchet ratchet(session_key(), "control");
    EXPECT_EQ(mappings_with({"dd"}), dumped + 1);
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_MEMLOCK, &limit), 0);
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    EXPECT_EQ(mappings_with({"dd", "lo"}), locked) << "the sanitizers' mlock(2) does nothing";
#else
    if (limit.rlim_cur >= 1u << 20) EXPECT_EQ(mappings_with({"dd", "lo"}), locked + 1);
#endif
}

/// Exits with 0 if a ratchet works in a process that may lock no memory.
[[noreturn]] void seal_without_locks() {
    const rlimit none{0, 0};
    const bool limited = ::setrlimit(RLIMIT_MEMLOCK, &none) == 0;
    // Root's capability would lift the limit.
    const bool dropped = ::geteuid() != 0 || ::setuid(65534) == 0;
    Ratchet ratchet(session_key(), "control");
    const bool locked = mappings_with({"dd", "lo"}) != 0;
    const bool sealed = hex(ratchet.seal(kFarSequence, {}, {})) == kExpected[0].empty;
    std::exit(limited && dropped && !locked && sealed ? 0 : 1);
}

TEST(RatchetDeathTest, works_where_nothing_may_be_locked) {
    EXPECT_EXIT(seal_without_locks(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace narrows::crypto
