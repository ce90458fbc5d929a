#include "protocols/aws/sigv4/checksum.h"

#include <gtest/gtest.h>

#include "codec/text.h"

namespace narrows::sigv4 {
namespace {

std::string of(ChecksumKind kind, std::string_view text, std::size_t piece) {
    const auto checksum = make_checksum(kind);
    for (std::size_t i = 0; i < text.size(); i += piece) {
        checksum->update(as_bytes(text.substr(i, piece)));
    }
    return codec::hex(checksum->finish());
}

// The "check" values of the catalogue of parametrised CRC algorithms; RFC 1321; FIPS 180-4.
TEST(Checksum, check_values) {
    for (const std::size_t piece : {1, 3, 9}) {
        EXPECT_EQ(of(ChecksumKind::crc32, "123456789", piece), "cbf43926");
        EXPECT_EQ(of(ChecksumKind::crc32c, "123456789", piece), "e3069283");
        EXPECT_EQ(of(ChecksumKind::crc64nvme, "123456789", piece), "ae8b14860a799888");
        EXPECT_EQ(of(ChecksumKind::md5, "abc", piece), "900150983cd24fb0d6963f7d28e17f72");
        EXPECT_EQ(of(ChecksumKind::sha1, "abc", piece), "a9993e364706816aba3e25717850c26c9cd0d89d");
    }
}

// NVM Express NVM Command Set Specification 1.0, figure "64b CRC test cases".
TEST(Checksum, crc64nvme_of_the_specification) {
    Bytes rising(4096);
    Bytes falling(4096);
    for (std::size_t i = 0; i < rising.size(); ++i) {
        rising[i] = static_cast<std::uint8_t>(i);
        falling[i] = static_cast<std::uint8_t>(255 - i);
    }
    EXPECT_EQ(crc64nvme(Bytes(4096, 0)), 0x6482D367EB22B64Eu);
    EXPECT_EQ(crc64nvme(Bytes(4096, 0xff)), 0xC0DDBA7302ECA3ACu);
    EXPECT_EQ(crc64nvme(rising), 0x3E729F5F6750449Cu);
    EXPECT_EQ(crc64nvme(falling), 0x9A2DF64B8E9E517Eu);
}

// As AWS's C library (awscrt 0.38) computes them.
TEST(Checksum, xxhashes_of_the_fox) {
    const std::string_view fox = "The quick brown fox jumps over the lazy dog";
    for (const std::size_t piece : {1, 7, 43}) {
        EXPECT_EQ(of(ChecksumKind::xxhash64, fox, piece), "0b242d361fda71bc");
        EXPECT_EQ(of(ChecksumKind::xxhash3, fox, piece), "ce7d19a5418fb365");
        EXPECT_EQ(of(ChecksumKind::xxhash128, fox, piece), "ddd650205ca3e7fa24a1cc2e3a8a7651");
    }
}

TEST(Checksum, header_names) {
    EXPECT_EQ(checksum_kind("x-amz-checksum-crc64nvme"), ChecksumKind::crc64nvme);
    EXPECT_EQ(checksum_size(ChecksumKind::crc64nvme), 8u);
    EXPECT_EQ(checksum_size(ChecksumKind::xxhash128), 16u);
    EXPECT_FALSE(checksum_kind("x-amz-checksum-xxhash32"));
}

}  // namespace
}  // namespace narrows::sigv4
