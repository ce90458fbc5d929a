#include <cstdlib>

#include "codec/event_stream.h"

using namespace narrows;

/// What decodes is written back as the same bytes, however the stream was cut into pieces.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::size_t piece = data[0] + 1;
    const ByteView stream(data + 1, size - 1);
    codec::EventStreamDecoder decoder;
    Bytes written;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
        decoder.push(stream.subspan(at, std::min(piece, stream.size() - at)));
        while (true) {
            const auto message = decoder.next();
            if (!message) return 0;
            if (!message.value()) break;
            const Bytes headers = codec::encode_event_headers(message.value()->headers);
            append(written, codec::encode_event_message(headers, message.value()->payload));
        }
    }
    append(written, decoder.rest());
    if (!std::equal(written.begin(), written.end(), stream.begin(), stream.end())) std::abort();
    return 0;
}
