#include "protocols/aws/sigv4/event_signer.h"

#include <array>

#include "codec/text.h"

namespace narrows::sigv4 {
namespace {

using codec::EventHeader;
using codec::EventHeaderType;

constexpr std::string_view kDate = ":date";
constexpr std::string_view kSignature = ":chunk-signature";

std::array<std::uint8_t, 8> big_endian(std::int64_t value) {
    std::array<std::uint8_t, 8> out{};
    for (std::size_t i = 0; i < out.size(); ++i) {
        out[i] = static_cast<std::uint8_t>(static_cast<std::uint64_t>(value) >> (8 * (7 - i)));
    }
    return out;
}

std::int64_t from_big_endian(ByteView bytes) {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : bytes) value = value << 8 | byte;
    return static_cast<std::int64_t>(value);
}

}  // namespace

EventSigner::EventSigner(KeyFor key_for, CredentialScope scope, std::string seed_signature)
    : key_for_(std::move(key_for)),
      scope_(std::move(scope)),
      previous_(std::move(seed_signature)) {}

std::string EventSigner::sign(std::int64_t time_ms, const crypto::Digest& payload_sha256) {
    const std::string date = iso_basic(time_ms / 1000 * kNsPerSecond);
    const auto time = big_endian(time_ms);
    const Bytes headers =
        codec::encode_event_headers({{kDate, EventHeaderType::timestamp, ByteView(time)}});
    scope_.date = date.substr(0, 8);
    const std::string text = "AWS4-HMAC-SHA256-PAYLOAD\n" + date + "\n" + scope_.text() + "\n" +
                             previous_ + "\n" + codec::hex(crypto::sha256(headers)) + "\n" +
                             codec::hex(payload_sha256);
    return previous_ = key_for_(scope_).sign(text);
}

Result<SignedEvent> read_signed_event(const codec::EventMessage& message) {
    const EventHeader* date = message.find(kDate);
    const EventHeader* signature = message.find(kSignature);
    const bool whole = message.headers.size() == 2 && date != nullptr && signature != nullptr &&
                       date->type == EventHeaderType::timestamp &&
                       signature->type == EventHeaderType::bytes && signature->value.size() == 32;
    const std::int64_t time_ms = whole ? from_big_endian(date->value) : -1;
    if (time_ms < 0 || time_ms > kEventTimeMsMax) {
        return fail(ErrorCode::invalid,
                    "an event does not come with a date and a signature, and these alone");
    }
    return SignedEvent{time_ms, codec::hex(signature->value), message.payload};
}

Bytes write_signed_event(const SignedEvent& event) {
    const auto time = big_endian(event.time_ms);
    const Bytes signature = codec::unhex(event.signature).value();
    const Bytes headers =
        codec::encode_event_headers({{kDate, EventHeaderType::timestamp, ByteView(time)},
                                     {kSignature, EventHeaderType::bytes, signature}});
    return codec::encode_event_message(headers, event.payload);
}

}  // namespace narrows::sigv4
