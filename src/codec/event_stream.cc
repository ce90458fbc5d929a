#include "codec/event_stream.h"

#include <algorithm>
#include <set>

#include <zlib.h>

#include "base/check.h"
#include "codec/text.h"

namespace narrows::codec {
namespace {

constexpr std::size_t kPrelude = 12;  // two lengths and their CRC
constexpr std::size_t kCrc = 4;
constexpr std::size_t kOverhead = kPrelude + kCrc;

auto broken(std::string what) {
    return fail(ErrorCode::invalid, "the event stream has a message " + std::move(what));
}

std::uint32_t crc32(ByteView bytes) {
    return static_cast<std::uint32_t>(::crc32_z(0, bytes.data(), bytes.size()));
}

std::uint32_t load_be(ByteView from) {
    std::uint32_t value = 0;
    for (const std::uint8_t byte : from) value = value << 8 | byte;
    return value;
}

void append_be(Bytes& to, std::size_t value, std::size_t size) {
    while (size-- > 0) to.push_back(static_cast<std::uint8_t>(value >> (8 * size)));
}

/// The size of the message that these bytes begin; nothing if its prelude is not all there.
Result<std::optional<std::size_t>> message_size(ByteView bytes) {
    if (bytes.size() < kPrelude) return std::optional<std::size_t>();
    if (load_be(bytes.subspan(8, kCrc)) != crc32(bytes.first(8))) {
        return broken("whose lengths do not have the CRC that they came with");
    }
    const std::size_t size = load_be(bytes.first(4));
    const std::size_t headers = load_be(bytes.subspan(4, 4));
    if (size > kEventMessageMax || headers > kEventHeadersMax) {
        return fail(ErrorCode::exhausted,
                    "the event stream has a message or headers that are "
                    "larger than AWS's own clients take");
    }
    if (size < kOverhead || headers > size - kOverhead) {
        return broken("that is shorter than its parts");
    }
    return std::optional(size);
}

bool has_length(EventHeaderType type) {
    return type == EventHeaderType::bytes || type == EventHeaderType::text;
}

std::size_t fixed_size(EventHeaderType type) {
    switch (type) {
        case EventHeaderType::byte:
            return 1;
        case EventHeaderType::short_integer:
            return 2;
        case EventHeaderType::integer:
            return 4;
        case EventHeaderType::long_integer:
        case EventHeaderType::timestamp:
            return 8;
        case EventHeaderType::uuid:
            return 16;
        default:
            return 0;
    }
}

Result<EventHeader> read_header(ByteReader& reader) {
    EventHeader header;
    header.name = as_text(reader.take(reader.le<std::uint8_t>()));
    const auto type = reader.le<std::uint8_t>();
    if (type > static_cast<std::uint8_t>(EventHeaderType::uuid)) {
        return broken("with a header of a type that nobody knows");
    }
    header.type = static_cast<EventHeaderType>(type);
    const std::size_t size =
        has_length(header.type) ? load_be(reader.take(2)) : fixed_size(header.type);
    header.value = reader.take(size);
    if (reader.overrun()) return broken("with a header that is longer than all of them");
    const bool text = header.type == EventHeaderType::text;
    if (header.name.empty() || !is_utf8(header.name) || (text && !is_utf8(as_text(header.value)))) {
        return broken("with a header that has no name, or is no UTF-8");
    }
    return header;
}

Result<std::vector<EventHeader>> read_headers(ByteView bytes) {
    std::vector<EventHeader> headers;
    std::set<std::string_view> names;
    ByteReader reader(bytes);
    while (reader.remaining() > 0) {
        NARROWS_TRY(EventHeader header, read_header(reader));
        if (!names.insert(header.name).second) return broken("with a header that comes twice");
        headers.push_back(header);
    }
    return headers;
}

}  // namespace

const EventHeader* EventMessage::find(std::string_view name) const {
    const auto at = std::find_if(headers.begin(), headers.end(),
                                 [&](const EventHeader& each) { return each.name == name; });
    return at == headers.end() ? nullptr : &*at;
}

std::string_view EventMessage::text(std::string_view name) const {
    const EventHeader* header = find(name);
    const bool is_text = header != nullptr && header->type == EventHeaderType::text;
    return is_text ? as_text(header->value) : std::string_view();
}

std::string_view EventMessage::type() const {
    const std::string_view kind = text(":message-type");
    return text(kind == "exception" ? ":exception-type"
                : kind == "error"   ? ":error-code"
                                    : ":event-type");
}

bool EventMessage::is_failure() const {
    const std::string_view kind = text(":message-type");
    return kind == "exception" || kind == "error";
}

Result<EventMessage> decode_event_message(ByteView bytes) {
    NARROWS_TRY(const std::optional<std::size_t> size, message_size(bytes));
    if (size != bytes.size()) return broken("that is longer or shorter than it says");
    const ByteView covered = bytes.first(*size - kCrc);
    if (load_be(bytes.last(kCrc)) != crc32(covered)) {
        return broken("that does not have the CRC that it came with");
    }
    const std::size_t headers = load_be(bytes.subspan(4, 4));
    EventMessage message;
    NARROWS_TRY(message.headers, read_headers(covered.subspan(kPrelude, headers)));
    message.payload = covered.subspan(kPrelude + headers);
    message.whole = bytes;
    return message;
}

void EventStreamDecoder::push(ByteView bytes) {
    held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(taken_));
    taken_ = 0;
    append(held_, bytes);
}

Result<std::optional<EventMessage>> EventStreamDecoder::next() {
    NARROWS_TRY(const std::optional<std::size_t> size, message_size(rest()));
    if (!size || *size > rest().size()) return std::optional<EventMessage>();
    NARROWS_TRY(EventMessage message, decode_event_message(rest().first(*size)));
    taken_ += *size;
    return std::optional(std::move(message));
}

Bytes encode_event_headers(const std::vector<EventHeader>& headers) {
    Bytes out;
    for (const EventHeader& header : headers) {
        NARROWS_CHECK(
            !header.name.empty() && header.name.size() <= 0xff && header.value.size() <= 0xffff,
            "a header of an event is larger than the format has room for");
        append_be(out, header.name.size(), 1);
        append(out, header.name);
        append_be(out, static_cast<std::size_t>(header.type), 1);
        if (has_length(header.type)) append_be(out, header.value.size(), 2);
        append(out, header.value);
    }
    return out;
}

Bytes encode_event_message(ByteView headers, ByteView payload) {
    const std::size_t size = kOverhead + headers.size() + payload.size();
    NARROWS_CHECK(size <= kEventMessageMax && headers.size() <= kEventHeadersMax,
                  "an event is larger than the format allows");
    Bytes out;
    out.reserve(size);
    append_be(out, size, 4);
    append_be(out, headers.size(), 4);
    append_be(out, crc32(out), kCrc);
    append(out, headers);
    append(out, payload);
    append_be(out, crc32(out), kCrc);
    return out;
}

}  // namespace narrows::codec
