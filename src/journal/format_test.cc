#include "journal/format.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "journal/recovery.h"

namespace narrows::journal {
namespace {

std::string hex(ByteView bytes) {
    std::string out;
    for (const std::uint8_t byte : bytes) {
        out += fmt::format("{:02x}", byte);
    }
    return out;
}

FrameHeader sample_frame() {
    FrameHeader header{.length = kFrameHeaderSize + 5,
                       .kind = 3,
                       .flags = kFlagAllowed,
                       .part = 7,
                       .sequence = 3,
                       .time = 1'795'435'200'123'000'000,
                       .op = 3,
                       .payload_sha256 = crypto::sha256("hello")};
    for (std::uint8_t i = 0; i < 32; ++i) {
        header.prev_leaf[i] = i;
    }
    return header;
}

// From docs/format.md by Python's hashlib and struct.
TEST(Format, leaf_matches_an_independent_computation) {
    EXPECT_EQ(hex(leaf_of("narrows/gw-1", sample_frame())),
              "3d0dae8db9bee4725d7096ff9c3cbc9ffe083e305d307bd7e5a51400e085c658");
}

TEST(Format, segment_header_comes_back_and_every_flip_is_refused) {
    const SegmentHeader header{.lane = Lane::bulk,
                               .number = 9,
                               .nonce = {1, 2},
                               .boot = {3},
                               .created = -5,
                               .prev_batches = 77,
                               .prev_chain = {4},
                               .origin = std::string(255, 'o')};
    Bytes bytes = encode(header);
    const SegmentHeader back = decode_segment_header(bytes).value();
    EXPECT_EQ(back.number, 9u);
    EXPECT_EQ(back.lane, Lane::bulk);
    EXPECT_EQ(back.created, -5);
    EXPECT_EQ(back.prev_batches, 77u);
    EXPECT_EQ(back.origin, header.origin);
    for (std::uint8_t& byte : bytes) {
        byte ^= 0x10;
        EXPECT_FALSE(decode_segment_header(bytes));
        byte ^= 0x10;
    }
}

TEST(Format, batch_header_bounds) {
    BatchHeader header{.number = 1, .frames = 1, .length = kBatchHeaderSize + kFrameHeaderSize};
    Bytes bytes(kBatchHeaderSize);
    encode_batch_header(header, {}, bytes.data());
    EXPECT_TRUE(decode_batch_header(bytes));
    EXPECT_EQ(chain_of(header, {}), header.chain);
    header.frames = 2;
    encode_batch_header(header, {}, bytes.data());
    EXPECT_FALSE(decode_batch_header(bytes));
    header = {.frames = 1, .length = kBatchMax + 1};
    encode_batch_header(header, {}, bytes.data());
    EXPECT_FALSE(decode_batch_header(bytes));
}

TEST(Format, frame_header_refuses_what_breaks_a_rule) {
    Bytes bytes(kFrameHeaderSize + 5);
    encode(sample_frame(), bytes.data());
    EXPECT_EQ(decode_frame_header(bytes).value().sequence, 3u);
    EXPECT_FALSE(decode_frame_header(ByteView(bytes).first(kFrameHeaderSize + 4)));
    for (const std::size_t at : {3u, 5u, 6u, 7u, 44u}) {  // length, flags, key, reserved
        bytes[at] ^= 0x80;
        EXPECT_FALSE(decode_frame_header(bytes)) << at;
        bytes[at] ^= 0x80;
    }
    bytes[4] = 200;
    EXPECT_FALSE(decode_frame_header(bytes));
    FrameHeader header = sample_frame();
    header.kind = static_cast<std::uint8_t>(model::RecordKind::sent);
    encode(header, bytes.data());
    EXPECT_FALSE(decode_frame_header(bytes)) << "only an INTENT is allowed";
    header.flags = 0;
    header.epoch = 1;
    encode(header, bytes.data());
    EXPECT_FALSE(decode_frame_header(bytes)) << "what is not sealed has no epoch";
    header.flags = kFlagSealed;
    encode(header, bytes.data());
    EXPECT_TRUE(decode_frame_header(bytes));
}

TEST(Format, segment_names) {
    EXPECT_EQ(segment_name(Lane::control, 1), "control-00000001.nj");
    EXPECT_EQ(parse_segment_name("bulk-123456789.nj").value().number, 123'456'789u);
    for (const char* bad : {"", "bulk", "bulk-", "bulk-1.nj", "bulk-00000000.nj",
                            "control-00000001.nj.torn", "control-0000000a.nj", "lock"}) {
        EXPECT_FALSE(parse_segment_name(bad)) << bad;
    }
}

TEST(SequenceSet, finds_holes_in_any_order) {
    SequenceSet set;
    for (const std::uint64_t number : {5, 3, 9, 0, 4, 1, 1, 9}) {
        set.add(number);
    }
    EXPECT_EQ(set.next(), 10u);
    const std::vector<Range> expected = {{model::Sequence(2), model::Sequence(2)},
                                         {model::Sequence(6), model::Sequence(8)}};
    EXPECT_EQ(set.missing(), expected);
    set.add(2);
    EXPECT_EQ(set.missing().size(), 1u);
}

}  // namespace
}  // namespace narrows::journal
