#include "codec/event_stream.h"

#include <gtest/gtest.h>

#include "codec/text.h"

namespace narrows::codec {
namespace {

Bytes raw(std::string_view digits) {
    return unhex(digits).value();
}

// Messages as botocore publishes them for its decoder (tests/unit/test_eventstream.py).
constexpr std::string_view kEmpty = "000000100000000005c248eb7d98c8ff";
constexpr std::string_view kPayloadAlone =
    "0000001d00000000fd528c5a7b27666f6f273a27626172277dc3653936";
constexpr std::string_view kTextHeader =
    "0000003d0000002007fd83960c636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e"
    "7b27666f6f273a27626172277d8d9c08b1";
constexpr std::string_view kAllTypes =
    "000000620000005203b5cb9c0130000131010132020201330300030134040000000401350500000000000000"
    "050136060005627974657301370700047574663801380800000000000000080139093031323334353637383961"
    "626364656663353671";
constexpr std::string_view kError =
    "0000005200000042bf23637e0d3a6d6573736167652d747970650700056572726f720b3a6572726f722d636f64"
    "65070004636f64650e3a6572726f722d6d6573736167650700076d6573736167656b6cea3d";

TEST(EventStream, reads_published_messages) {
    EXPECT_TRUE(decode_event_message(raw(kEmpty)).value().payload.empty());
    const Bytes payload_alone = raw(kPayloadAlone);
    EXPECT_EQ(as_text(decode_event_message(payload_alone).value().payload), "{'foo':'bar'}");
    const Bytes bytes = raw(kTextHeader);
    const EventMessage message = decode_event_message(bytes).value();
    EXPECT_EQ(message.text("content-type"), "application/json");
    EXPECT_EQ(as_text(message.payload), "{'foo':'bar'}");
}

TEST(EventStream, reads_a_header_of_every_type) {
    const Bytes bytes = raw(kAllTypes);
    const EventMessage message = decode_event_message(bytes).value();
    ASSERT_EQ(message.headers.size(), 10U);
    for (std::size_t i = 0; i < 10; ++i) {
        EXPECT_EQ(message.headers[i].name, std::to_string(i));
        EXPECT_EQ(static_cast<std::size_t>(message.headers[i].type), i);
    }
    EXPECT_EQ(hex(message.find("4")->value), "00000004");
    EXPECT_EQ(as_text(message.find("6")->value), "bytes");
    EXPECT_EQ(message.text("7"), "utf8");
    EXPECT_EQ(message.text("6"), "");  // no text
    EXPECT_EQ(hex(message.find("8")->value), "0000000000000008");
    EXPECT_EQ(as_text(message.find("9")->value), "0123456789abcdef");
}

TEST(EventStream, an_error_has_its_code_for_a_type) {
    const Bytes bytes = raw(kError);
    const EventMessage message = decode_event_message(bytes).value();
    EXPECT_TRUE(message.is_failure());
    EXPECT_EQ(message.type(), "code");
}

TEST(EventStream, writes_what_is_published) {
    for (const std::string_view each : {kEmpty, kPayloadAlone, kTextHeader, kAllTypes, kError}) {
        const Bytes bytes = raw(each);
        const EventMessage message = decode_event_message(bytes).value();
        const Bytes headers = encode_event_headers(message.headers);
        EXPECT_EQ(hex(encode_event_message(headers, message.payload)), each);
    }
}

TEST(EventStream, refuses_published_corruptions) {
    // A changed header, a changed payload: their CRC is that of the message before.
    EXPECT_FALSE(decode_event_message(raw(
        "0000003d0000002007fd83960c636f6e74656e742b747970650700106170706c69636174696f6e2f6a736f6e"
        "7b27666f6f273a27626172277d8d9c08b1")));
    EXPECT_FALSE(
        decode_event_message(raw("0000001d00000000fd528c5a7b27666f6f273a27626172278dc3653936")));
    // Changed lengths.
    EXPECT_FALSE(
        decode_event_message(raw("0100001d00000000fd528c5a7b27666f6f273a27626172277dc3653936")));
    EXPECT_FALSE(decode_event_message(raw(
        "0000003dff00010207fd83960c636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e"
        "7b27666f6f273a27626172277d8d9c08b1")));
    // Every CRC right, a header twice.
    EXPECT_FALSE(decode_event_message(
        raw("00000024000000144bb982d00474657374046173646604746573740461736466f3f47563")));
}

TEST(EventStream, no_flipped_bit_passes) {
    const Bytes good = raw(kTextHeader);
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
        Bytes bad = good;
        bad[bit / 8] = static_cast<std::uint8_t>(bad[bit / 8] ^ (1U << (bit % 8)));
        EXPECT_FALSE(decode_event_message(bad)) << bit;
    }
}

TEST(EventStream, bounds_hold_before_a_byte_of_the_message_is_there) {
    // CRCs by zlib (python3 -c 'import zlib'): of 24 MiB and one byte, and of headers of 128 KiB
    // and one.
    EventStreamDecoder message;
    message.push(raw("01800001000000001cfe1cb5"));
    EXPECT_EQ(message.next().error().code, ErrorCode::exhausted);
    EventStreamDecoder headers;
    headers.push(raw("0010000000020001767fa75f"));
    EXPECT_EQ(headers.next().error().code, ErrorCode::exhausted);
}

TEST(EventStream, messages_come_out_whole_however_they_came_in) {
    const Bytes all = raw(std::string(kEmpty) + std::string(kTextHeader) + std::string(kError));
    for (std::size_t piece = 1; piece <= all.size(); ++piece) {
        EventStreamDecoder decoder;
        std::vector<std::size_t> sizes;
        for (std::size_t at = 0; at < all.size(); at += piece) {
            decoder.push(ByteView(all).subspan(at, std::min(piece, all.size() - at)));
            while (const auto message = decoder.next().value()) {
                sizes.push_back(message->whole.size());
            }
        }
        EXPECT_EQ(sizes, (std::vector<std::size_t>{16, 61, 82})) << piece;
        EXPECT_TRUE(decoder.rest().empty());
    }
}

TEST(EventStream, what_is_cut_short_stays_over) {
    EventStreamDecoder decoder;
    const Bytes bytes = raw(kTextHeader);
    decoder.push(ByteView(bytes).first(60));
    EXPECT_FALSE(decoder.next().value());
    EXPECT_EQ(decoder.rest().size(), 60U);
}

}  // namespace
}  // namespace narrows::codec
