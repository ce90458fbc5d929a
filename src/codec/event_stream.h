#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

/// Messages of application/vnd.amazon.eventstream: lengths, headers and payload, with a CRC-32 over
/// the lengths and one over all. https://smithy.io/2.0/aws/amazon-eventstream.html
namespace narrows::codec {

/// The largest message that AWS's own clients take (aws-c-event-stream, botocore).
inline constexpr std::size_t kEventMessageMax = 24 * 1024 * 1024;
inline constexpr std::size_t kEventHeadersMax = 128 * 1024;

/// As on the wire.
enum class EventHeaderType : std::uint8_t {
    yes,
    no,
    byte,
    short_integer,
    integer,
    long_integer,
    bytes,
    text,
    timestamp,  ///< milliseconds since 1970, 8 bytes
    uuid,
};

struct EventHeader {
    std::string_view name;
    EventHeaderType type = EventHeaderType::text;
    ByteView value;  ///< most significant byte first; without the length of a text or byte string
};

/// Views into the bytes it was read from.
struct EventMessage {
    std::vector<EventHeader> headers;
    ByteView payload;
    ByteView whole;  ///< as on the wire

    const EventHeader* find(std::string_view name) const;
    /// A header that is a text; empty if there is none.
    std::string_view text(std::string_view name) const;
    /// ":event-type" of an event, ":exception-type" of an exception, ":error-code" of an error.
    std::string_view type() const;
    bool is_failure() const;  ///< an exception or an error
};

/// Takes messages out of a stream as it arrives. Holds one message and what came behind it in the
/// same stretch. Not thread-safe; after an error only `rest` and destruction are allowed.
class EventStreamDecoder {
  public:
    /// Ends the life of messages given out before.
    void push(ByteView bytes);
    /// The next message that has arrived whole, if there is one; valid until `push`.
    /// ErrorCode::invalid: a CRC is wrong, lengths or headers are not as they must be, a header
    /// comes twice. ErrorCode::exhausted: larger than the bounds above.
    Result<std::optional<EventMessage>> next();
    /// What has been given out since `push`, whole, as it came.
    ByteView taken() const { return ByteView(held_).first(taken_); }
    /// That and what no message has been made of yet; the latter alone.
    ByteView all() const { return held_; }
    ByteView rest() const { return ByteView(held_).subspan(taken_); }

  private:
    Bytes held_;
    std::size_t taken_ = 0;
};

/// Exactly one message. Errors as EventStreamDecoder::next.
Result<EventMessage> decode_event_message(ByteView bytes);

/// Names of 1 to 255 bytes; values of texts and byte strings up to 65,535.
Bytes encode_event_headers(const std::vector<EventHeader>& headers);
/// `headers` encoded. The whole is at most kEventMessageMax.
Bytes encode_event_message(ByteView headers, ByteView payload);

}  // namespace narrows::codec
