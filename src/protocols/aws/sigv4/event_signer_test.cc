#include "protocols/aws/sigv4/event_signer.h"

#include <gtest/gtest.h>

#include "codec/text.h"

namespace narrows::sigv4 {
namespace {

// A stream over midnight, made by @smithy/signature-v4 (signEvent) and @smithy/core/event-streams:
// secret "secret of the agent", region eu-west-1, service polly, the request's signature 0f0f….
constexpr std::string_view kFirst =
    "000000c200000043192274f8053a6461746508000001a21a4d3fff103a6368756e6b2d7369676e61747572650600"
    "20ef93111dc517646cef4e760f53fa2428e056d20c30ee024e43aa01c912e451290000006f0000004f982363f40d"
    "3a6d6573736167652d747970650700056576656e740b3a6576656e742d74797065070009546578744576656e740d"
    "3a636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e7b2254657874223a2268656c6c6f"
    "227d04e1a9879fab9674";
constexpr std::string_view kLast =
    "0000005300000043f5447a58053a6461746508000001a21a4d4001103a6368756e6b2d7369676e61747572650600"
    "20949aaa915d3298c05f9b7c2a17f48f139c6ab4f17eae0434578a84d48670d56106853a5d";
constexpr std::int64_t kBeforeMidnight_ms = 1795737599999;
constexpr std::int64_t kAfterMidnight_ms = 1795737600001;

EventSigner signer() {
    const auto key_for = [](const CredentialScope& scope) {
        return SigningKey::derive(Secret(std::string_view("secret of the agent")), scope);
    };
    return {key_for, {"20261126", "eu-west-1", "polly"}, codec::hex(Bytes(32, 0x0f))};
}

SignedEvent read(const Bytes& bytes) {
    return read_signed_event(codec::decode_event_message(bytes).value()).value();
}

TEST(EventSigner, signs_what_another_implementation_signs_over_midnight_too) {
    const Bytes first = codec::unhex(kFirst).value();
    const Bytes last = codec::unhex(kLast).value();
    EventSigner chain = signer();
    EXPECT_EQ(chain.sign(kBeforeMidnight_ms, crypto::sha256(read(first).payload)),
              "ef93111dc517646cef4e760f53fa2428e056d20c30ee024e43aa01c912e45129");
    EXPECT_EQ(chain.sign(kAfterMidnight_ms, crypto::sha256(read(last).payload)),
              "949aaa915d3298c05f9b7c2a17f48f139c6ab4f17eae0434578a84d48670d561");
}

TEST(EventSigner, each_signature_is_over_the_one_before) {
    EventSigner chain = signer();
    EXPECT_NE(chain.sign(kAfterMidnight_ms, crypto::sha256("")),
              "949aaa915d3298c05f9b7c2a17f48f139c6ab4f17eae0434578a84d48670d561");
}

TEST(SignedEvents, are_read_and_written_as_another_implementation_does) {
    const Bytes first = codec::unhex(kFirst).value();
    const SignedEvent event = read(first);
    EXPECT_EQ(event.time_ms, kBeforeMidnight_ms);
    EXPECT_EQ(event.signature, "ef93111dc517646cef4e760f53fa2428e056d20c30ee024e43aa01c912e45129");
    const Bytes inner = to_bytes(event.payload);
    EXPECT_EQ(codec::decode_event_message(inner).value().type(), "TextEvent");
    EXPECT_EQ(codec::hex(write_signed_event(event)), kFirst);
    const Bytes last = codec::unhex(kLast).value();
    EXPECT_TRUE(read(last).payload.empty());
    EXPECT_EQ(codec::hex(write_signed_event(read(last))), kLast);
}

TEST(SignedEvents, have_a_date_and_a_signature_and_nothing_else) {
    using codec::EventHeader;
    using codec::EventHeaderType;
    const Bytes time(8, 0);
    const Bytes signature(32, 1);
    const Bytes negative(8, 0xff);
    const EventHeader date{":date", EventHeaderType::timestamp, time};
    const EventHeader proof{":chunk-signature", EventHeaderType::bytes, signature};
    const auto reads = [](const std::vector<EventHeader>& headers) {
        const Bytes bytes =
            codec::encode_event_message(codec::encode_event_headers(headers), ByteView());
        return read_signed_event(codec::decode_event_message(bytes).value()).has_value();
    };
    EXPECT_TRUE(reads({date, proof}));
    EXPECT_FALSE(reads({date}));
    EXPECT_FALSE(reads({proof}));
    EXPECT_FALSE(reads({date, proof, {"more", EventHeaderType::yes, {}}}));
    EXPECT_FALSE(reads({{":date", EventHeaderType::long_integer, time}, proof}));
    EXPECT_FALSE(reads({{":date", EventHeaderType::timestamp, negative}, proof}));
    EXPECT_FALSE(
        reads({date, {":chunk-signature", EventHeaderType::bytes, ByteView(signature).first(31)}}));
}

}  // namespace
}  // namespace narrows::sigv4
