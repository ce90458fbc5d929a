#include "evidence/entry.h"

#include <gtest/gtest.h>

#include "codec/cbor.h"
#include "codec/text.h"
#include "evidence/archived.h"
#include "evidence/tiles.h"

namespace narrows::evidence {
namespace {

Hash filled(std::uint8_t byte) {
    Hash hash;
    hash.fill(byte);
    return hash;
}

// Written by hand from RFC 8949: a map of two, "time": 1, "type": "HEARTBEAT".
constexpr std::string_view kHeartbeat =
    "a26474696d65016474797065694845415254424541"
    "54";

TEST(Entry, a_heartbeat_is_the_cbor_the_format_says) {
    EXPECT_EQ(codec::hex(encode_entry({1, HeartbeatEntry{}}).value()), kHeartbeat);
    EXPECT_EQ(decode_entry(codec::unhex(kHeartbeat).value()).value(), (Entry{1, HeartbeatEntry{}}));
}

TEST(Entry, every_type_survives_a_round_trip) {
    const PartHead head{model::PartNo(7), 12, filled(1), filled(2)};
    const std::vector<Entry> entries = {
        {5, OpenEntry{model::PartNo(3), "ns-abc", "session", filled(9), {}}},
        {5, OpenEntry{model::PartNo(3),
                      "ns-abc",
                      "session",
                      filled(9),
                      {{"bodies", {filled(4), {"age1abc", "age1def"}}}}}},
        {5, ShredEntry{model::PartNo(3), "ns-abc", "bodies", filled(4), "operator", "over"}},
        {5, HoldEntry{false, "ns-abc", "a case", "o+00000000+AAAA", 7, Bytes(64, 1)}},
        {5, HoldEntry{true, "ns-abc", "over", "o+00000000+AAAA", 8, Bytes(64, 1)}},
        {5, CloseEntry{head, {{"INTENT", 3}, {"OPEN", 1}}}},
        {5, IntervalEntry{{head, {model::PartNo(8), 1, filled(3), std::nullopt}}}},
        {5, RecoveryEntry{{{"torn_batches", 1}}}},
        {5, ConfigEntry{"00ff", "boot-1"}},
        {5, KeyEntry{"narrows/gw-1+f20ca31c+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"}},
        {5, HeartbeatEntry{}},
        {5, HeartbeatEntry{ClockState{"tsc", true, -40, 900, 16'000, 77, "boot-id"}}},
        {5, CosignEntry{"w1", "w.example/1+00000000+BAAA", 9, 1'764'000'000, Bytes(72, 3)}},
        {5, AnchorEntry{"usb", "directory", 9}},
        {5, AlarmEntry{"clock jump", "it was set", true}},
        {5, SegmentEntry{"bulk-00000012.nj",
                         filled(4),
                         1'048'576,
                         "s3://b/v1/narrows+gw-1",
                         "seg/bulk/2026/11/23/bulk-00000012.nj",
                         "v-1",
                         {{model::PartNo(3), 5, 90, 12, 1}}}},
        {5, ReconciledEntry{
                "s3://trail/x", 7, 9, "on-call", "wanting", {{"bypasses", 1}}, filled(6)}}};
    for (const Entry& entry : entries) {
        EXPECT_EQ(decode_entry(encode_entry(entry).value()).value(), entry) << name_of(entry.body);
    }
}

TEST(Entry, a_reconciliation_has_one_of_three_verdicts_and_ends_after_it_began) {
    const ReconciledEntry sound{"/trail", 7, 9, "on-call", "agreed", {}, filled(6)};
    ReconciledEntry other = sound;
    other.verdict = "fine";
    EXPECT_FALSE(decode_entry(encode_entry({5, other}).value()));
    other = sound;
    other.to = 6;
    EXPECT_FALSE(decode_entry(encode_entry({5, other}).value()));
    EXPECT_TRUE(decode_entry(encode_entry({5, sound}).value()));
}

TEST(Entry, a_segment_of_many_parts_is_split_and_put_together) {
    SegmentEntry segment{"control-00000001.nj", filled(4), 4096, "s", "o", "", {}};
    for (std::uint64_t part = 1; part <= 2'500; ++part) {
        segment.parts.push_back({model::PartNo(part), UINT32_MAX, UINT32_MAX, 1, 0});
    }
    Archived archived;
    for (const SegmentEntry& each : split_segment(segment)) {
        EXPECT_LE(encode_entry({1, each}).value().size(), kEntryBytesMax);
        EXPECT_TRUE(archived.add(each));
        EXPECT_TRUE(archived.add(each)) << "told again after a restart";
    }
    EXPECT_EQ(archived.find(journal::Lane::control, 1)->parts.size(), 2'500u);
    SegmentEntry other = segment;
    other.sha256 = filled(5);
    EXPECT_FALSE(archived.add(other));
    other = segment;
    other.parts[0].records = 2;
    EXPECT_FALSE(archived.add(other));
    EXPECT_EQ(split_segment({"control-00000002.nj", filled(1), 4096, "s", "o", "", {}}).size(), 1u);
    other.name = "control-1.nj";
    EXPECT_FALSE(decode_entry(encode_entry({1, split_segment(other)[0]}).value()));
}

TEST(Entry, what_is_no_entry_is_refused) {
    EXPECT_FALSE(decode_entry({}));
    EXPECT_FALSE(decode_entry(as_bytes("x")));
    EXPECT_FALSE(decode_entry(codec::cbor_encode(codec::Map{{"type", "HEARTBEAT"}})));
    EXPECT_FALSE(decode_entry(codec::cbor_encode(codec::Map{{"type", "FLOOD"}, {"time", 1}})));
    EXPECT_FALSE(decode_entry(codec::cbor_encode(
        codec::Map{{"type", "HEARTBEAT"}, {"time", 1}, {"clock", codec::Map{{"source", "tsc"}}}})));
    EXPECT_FALSE(decode_entry(codec::cbor_encode(
        codec::Map{{"type", "INTERVAL"}, {"time", 1}, {"heads", codec::List{codec::List{1, 2}}}})));
    EXPECT_FALSE(decode_entry(codec::cbor_encode(codec::Map{{"type", "OPEN"},
                                                            {"time", 1},
                                                            {"part", -1},
                                                            {"session", ""},
                                                            {"kind", ""},
                                                            {"leaf", Bytes(32)}})));
}

TEST(Entry, a_long_interval_is_split_so_that_each_piece_fits) {
    std::vector<PartHead> heads;
    for (std::uint64_t part = 1; part <= 2000; ++part) {
        heads.push_back({model::PartNo(part << 40), part << 40, filled(1), filled(2)});
    }
    std::size_t total = 0;
    for (const Entry& entry : split_interval(5, heads)) {
        ASSERT_TRUE(encode_entry(entry));
        total += std::get<IntervalEntry>(entry.body).heads.size();
    }
    EXPECT_EQ(total, heads.size());
    EXPECT_FALSE(encode_entry({5, IntervalEntry{heads}}));
}

// Paths as golang.org/x/mod/sumdb/tlog writes them, without its height element.
TEST(Tiles, paths_are_those_of_the_specification) {
    EXPECT_EQ(tile_path(0, 0), "tile/0/000");
    EXPECT_EQ(tile_path(0, 999), "tile/0/999");
    EXPECT_EQ(tile_path(2, 1000, 17), "tile/2/x001/000.p/17");
    EXPECT_EQ(tile_path(0, 1234067), "tile/0/x001/x234/067");
    EXPECT_EQ(bundle_path(1234067, 1), "tile/entries/x001/x234/067.p/1");
    EXPECT_EQ(bundle_path(0), "tile/entries/000");
}

TEST(Tiles, a_bundle_has_big_endian_lengths) {
    const std::vector<Bytes> entries = {to_bytes("ab"), {}, Bytes(0x0102, 7)};
    const Bytes bundle = encode_bundle(entries);
    EXPECT_EQ(codec::hex(ByteView(bundle).first(8)), "0002616200000102");
    EXPECT_EQ(decode_bundle(bundle, 3).value(), entries);
    EXPECT_EQ(decode_bundle(bundle, 2).value().size(), 2u);
    EXPECT_FALSE(decode_bundle(bundle, 4));
    EXPECT_FALSE(decode_bundle(ByteView(bundle).first(bundle.size() - 1), 2));
    EXPECT_FALSE(decode_bundle(Bytes(2 * 257, 0), 256));
}

TEST(Tiles, a_tile_must_hold_the_hashes_asked_for) {
    const std::vector<Hash> hashes = {filled(1), filled(2), filled(3)};
    const Bytes tile = encode_tile(hashes);
    EXPECT_EQ(tile.size(), 96u);
    EXPECT_EQ(decode_tile(tile, 3).value(), hashes);
    EXPECT_EQ(decode_tile(tile, 1).value(), std::vector<Hash>{filled(1)});
    EXPECT_FALSE(decode_tile(tile, 4));
    EXPECT_FALSE(decode_tile(ByteView(tile).first(95), 2));
    EXPECT_FALSE(decode_tile(Bytes(257 * 32), 256));
}

}  // namespace
}  // namespace narrows::evidence
