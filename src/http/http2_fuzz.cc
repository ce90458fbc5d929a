#include <algorithm>

#include "base/check.h"
#include "http/http2_session.h"

using namespace narrows;  // NOLINT: a fuzzer's main file

namespace {

constexpr http::Http2Bounds kSmall{.header_bytes_max = 2048,
                                   .streams_max = 4,
                                   .stream_window = 65'535,
                                   .connection_window = 65'535};

/// What an exchange would do with each stream that something happened on.
void act(http::Http2Session& session, bool is_server) {
    for (const http::Http2Session::Id id : session.take_touched()) {
        http::Http2Session::Stream* const stream = session.find(id);
        if (stream == nullptr) {
            continue;
        }
        NARROWS_CHECK(stream->body.size() <= kSmall.stream_window, "more came than was allowed");
        const bool whole = stream->headed && stream->malformed.why.empty();
        NARROWS_CHECK(!is_server || !whole || stream->request.target.starts_with('/'), "no path");
        if (stream->failed || (is_server && stream->ended)) {
            session.forget(id);
        } else if (stream->headed && is_server && !stream->announced) {
            stream->announced = true;
            session.answer(id, {200, {}}, http::Framing::chunked(), false);
            session.send(id, as_bytes("answer"), true);
        } else if (stream->body.size() % 2 == 1) {
            session.consumed(id, stream->body.size());
            stream->body.clear();
        }
    }
    NARROWS_CHECK(session.size() <= kSmall.streams_max, "more streams than are allowed");
}

}  // namespace

/// The first byte chooses the side and the stretch size; the rest is what a peer sends, a client's
/// preface apart.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const bool is_server = (data[0] & 1) == 0;
    const std::size_t step = 1 + std::size_t{data[0]} * 4;
    using Side = http::Http2Session::Side;
    http::Http2Session session(is_server ? Side::server : Side::client, kSmall);
    if (is_server) {
        (void)session.feed(as_bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 1);
    } else {
        (void)session.request({"GET", "/k", {{"host", "h"}}}, {}, true, true);
    }
    ByteView rest(data + 1, size - 1);
    for (MonoNs now = 1; !rest.empty() && !session.over(); ++now) {
        const ByteView part = rest.first(std::min(step, rest.size()));
        rest = rest.subspan(part.size());
        if (!session.feed(part, now).has_value()) {
            break;
        }
        act(session, is_server);
        NARROWS_CHECK(session.output().size() <= 2 * http::Http2Session::kOutputMax, "output");
    }
    (void)session.output();
    return 0;
}
