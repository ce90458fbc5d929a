#include <algorithm>

#include <gtest/gtest.h>

#include "journal/store_test.h"
#include "journal/verify.h"

namespace narrows::journal::testing {
namespace {

using model::RecordKind;

/// A small store of two boots, both lanes.
void fill(io::FaultyFileSystem& fs) {
    for (int boot = 0; boot < 2; ++boot) {
        auto opened = open(fs).value();
        const auto part = opened.journal->begin_part();
        ASSERT_TRUE(put(*opened.journal, *part, Lane::control, RecordKind::open, "open"));
        ASSERT_TRUE(put(*opened.journal, *part, Lane::bulk, RecordKind::body, "body"));
        ASSERT_TRUE(put(*opened.journal, *part, Lane::control, RecordKind::intent, "intent"));
        ASSERT_TRUE(put(*opened.journal, *part, Lane::bulk, RecordKind::body, "more"));
        ASSERT_TRUE(put(*opened.journal, *part, Lane::control, RecordKind::close, "close"));
    }
}

std::uint64_t findings(io::FileSystem& fs) {
    return verify_chain(fs, kDirectory).value().findings_total;
}

TEST(Tamper, every_flipped_byte_is_found) {
    io::FaultyFileSystem fs;
    fill(fs);
    ASSERT_EQ(findings(fs), 0u);
    const auto names = fs.list(kDirectory).value();
    for (const std::string& name : names) {
        if (!parse_segment_name(name)) {
            continue;
        }
        const std::string path = kDirectory + "/" + name;
        const Bytes whole = fs.content(path);
        ASSERT_GT(whole.size(), kSegmentHeaderSize);
        for (std::size_t at = 0; at < whole.size(); ++at) {
            Bytes flipped = whole;
            flipped[at] ^= static_cast<std::uint8_t>(1u << (at % 8));
            fs.set_content(path, flipped);
            ASSERT_NE(findings(fs), 0u) << name << " at " << at;
        }
        fs.set_content(path, whole);
    }
    EXPECT_EQ(findings(fs), 0u);
}

TEST(Tamper, a_missing_or_exchanged_segment_is_found) {
    io::FaultyFileSystem fs;
    fill(fs);
    const std::string first = kDirectory + "/control-00000001.nj";
    const std::string second = kDirectory + "/control-00000002.nj";
    const Bytes first_bytes = fs.content(first);
    const Bytes second_bytes = fs.content(second);
    fs.set_content(first, second_bytes);
    EXPECT_NE(findings(fs), 0u);
    fs.set_content(second, first_bytes);
    EXPECT_NE(findings(fs), 0u);
    fs.set_content(second, second_bytes);
    ASSERT_TRUE(fs.remove(first));
    EXPECT_NE(findings(fs), 0u);
}

TEST(Tamper, cutting_or_moving_whole_batches_is_found) {
    io::FaultyFileSystem fs;
    fill(fs);
    const std::string path = kDirectory + "/control-00000001.nj";
    const Bytes whole = fs.content(path);
    ASSERT_EQ(whole.size(), 4 * kBlock);
    fs.set_content(path, Bytes(whole.begin(), whole.end() - kBlock));
    EXPECT_NE(findings(fs), 0u);
    Bytes swapped = whole;
    std::swap_ranges(swapped.begin() + kBlock, swapped.begin() + 2 * kBlock,
                     swapped.begin() + 2 * kBlock);
    fs.set_content(path, swapped);
    EXPECT_NE(findings(fs), 0u);
    Bytes repeated = whole;
    repeated.insert(repeated.end(), whole.end() - kBlock, whole.end());
    fs.set_content(path, repeated);
    EXPECT_NE(findings(fs), 0u);
}

/// Rewrites the payload of the first frame of a batch, with all checksums and digests made right
/// again up to `depth`: 1 the frames' checksum, 2 also the payload's digest.
Bytes rewritten(Bytes bytes, std::size_t batch_at, int depth) {
    std::uint8_t* batch = bytes.data() + batch_at;
    BatchHeader header = decode_batch_header(ByteView(bytes).subspan(batch_at)).value();
    std::uint8_t* frame = batch + kBatchHeaderSize;
    FrameHeader fields = decode_frame_header({frame, header.length - kBatchHeaderSize}).value();
    frame[kFrameHeaderSize] ^= 1;
    if (depth == 2) {
        fields.payload_sha256 =
            crypto::sha256(ByteView(frame, fields.length).subspan(kFrameHeaderSize));
        encode(fields, frame);
    }
    header.frames_crc = crypto::crc32c({frame, header.length - kBatchHeaderSize});
    const crypto::Digest leaf = leaf_of(kOrigin, fields);
    encode_batch_header(header, leaf, batch);
    return bytes;
}

TEST(Tamper, a_rewritten_payload_with_right_checksums_is_found) {
    io::FaultyFileSystem fs;
    fill(fs);
    const std::string path = kDirectory + "/control-00000001.nj";
    const Bytes whole = fs.content(path);
    for (const int depth : {1, 2}) {
        fs.set_content(path, rewritten(whole, 2 * kBlock, depth));
        EXPECT_NE(findings(fs), 0u) << depth;
    }
}

TEST(Tamper, opening_a_corrupt_journal_refuses_until_told_to_go_on) {
    io::FaultyFileSystem fs;
    fill(fs);
    const std::string path = kDirectory + "/control-00000001.nj";
    Bytes bytes = fs.content(path);
    bytes[2 * kBlock + 200] ^= 1;
    fs.set_content(path, bytes);
    const auto refused = open(fs);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::corrupt);
    EXPECT_NE(refused.error().what.find("control-00000001.nj at offset 8192"), std::string::npos)
        << refused.error().what;
    Options options = small_options();
    options.accept_corruption = true;
    {
        const auto opened = open(fs, options);
        ASSERT_TRUE(opened) << opened.error().what;
        ASSERT_EQ(opened.value().report.gaps.size(), 1u);
        EXPECT_EQ(opened.value().report.gaps[0].kind, Gap::Kind::quarantined);
    }
    EXPECT_TRUE(fs.exists(path + ".quarantine").value());
    EXPECT_TRUE(open(fs)) << "declared once, it does not stand in the way again";
    EXPECT_NE(findings(fs), 0u) << "but a verifier still sees the loss";
}

}  // namespace
}  // namespace narrows::journal::testing
