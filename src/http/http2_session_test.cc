#include "http/http2_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace narrows::http {
namespace {

using testing::HasSubstr;
using Fields = std::vector<std::pair<std::string, std::string>>;

// Frame types, flags and error codes: RFC 9113 sections 6 and 7.
constexpr int kData = 0, kHeaders = 1, kPriority = 2, kReset = 3, kSettings = 4, kPing = 6,
              kGoAway = 7, kWindowUpdate = 8, kContinuation = 9;
constexpr int kEndStream = 1, kEndHeaders = 4;
constexpr std::uint32_t kProtocolError = 1, kRefused = 7, kCalm = 11;
constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

std::string big_endian(std::uint64_t number, int bytes) {
    std::string out;
    for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) {
        out += static_cast<char>(number >> shift);
    }
    return out;
}

std::string frame(int type, int flags, std::uint32_t stream, std::string_view payload = {}) {
    return big_endian(payload.size(), 3) + static_cast<char>(type) + static_cast<char>(flags) +
           big_endian(stream, 4) + std::string(payload);
}

/// A literal string of HPACK without Huffman (RFC 7541 sections 5.1 and 5.2).
std::string literal(std::string_view text) {
    if (text.size() < 127) {
        return static_cast<char>(text.size()) + std::string(text);
    }
    std::string out(1, 127);
    std::size_t rest = text.size() - 127;
    for (; rest >= 128; rest /= 128) {
        out += static_cast<char>(128 + rest % 128);
    }
    return out + static_cast<char>(rest) + std::string(text);
}

/// Fields never indexed (RFC 7541 section 6.2.3).
std::string block(const Fields& fields) {
    std::string out;
    for (const auto& [name, value] : fields) {
        out += '\x10' + literal(name) + literal(value);
    }
    return out;
}

Fields put_of(Fields more = {}) {
    Fields fields = {{":method", "PUT"},
                     {":scheme", "https"},
                     {":authority", "s3.example"},
                     {":path", "/b/a%2Fk?x-id=PutObject"}};
    fields.insert(fields.end(), more.begin(), more.end());
    return fields;
}

struct Frame {
    int type = 0;
    int flags = 0;
    std::uint32_t stream = 0;
    std::string payload;

    std::uint32_t number(std::size_t at = 0) const {
        std::uint32_t out = 0;
        for (std::size_t i = at; i < at + 4; ++i) {
            out = out << 8 | static_cast<std::uint8_t>(payload.at(i));
        }
        return out;
    }
};

std::vector<Frame> frames_of(std::string_view bytes) {
    std::vector<Frame> out;
    while (bytes.size() >= 9) {
        const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
        const std::size_t size = at(0) << 16 | at(1) << 8 | at(2);
        const std::uint32_t stream = at(5) << 24 | at(6) << 16 | at(7) << 8 | at(8);
        out.push_back({at(3), at(4), stream, std::string(bytes.substr(9, size))});
        bytes.remove_prefix(9 + size);
    }
    return out;
}

/// A session and what a peer on the other side says and sees.
class Peer {
  public:
    explicit Peer(Http2Session::Side side, Http2Bounds bounds = {}) : session(side, bounds) {
        const bool is_server = side == Http2Session::Side::server;
        EXPECT_TRUE(say((is_server ? std::string(kPreface) : "") + frame(kSettings, 0, 0)));
    }

    bool say(std::string_view bytes, MonoNs now = 1) {
        const Result<void> fed = session.feed(as_bytes(bytes), now);
        why = fed.has_value() ? "" : fed.error().what;
        return fed.has_value();
    }
    std::vector<Frame> hear() {
        std::string all;
        for (ByteView out = session.output(); !out.empty(); out = session.output()) {
            all += as_text(out);
        }
        all.erase(0, all.starts_with(kPreface) ? kPreface.size() : 0);
        return frames_of(all);
    }
    std::vector<Frame> hear(int type, std::uint32_t stream) {
        std::vector<Frame> all = hear();
        std::erase_if(all, [&](const Frame& f) { return f.type != type || f.stream != stream; });
        return all;
    }

    Http2Session session;
    std::string why;
};

class Server : public Peer {
  public:
    explicit Server(Http2Bounds bounds = {}) : Peer(Http2Session::Side::server, bounds) {}
    Http2Session::Stream& ask(const Fields& fields, int flags = kEndHeaders,
                              Http2Session::Id id = 1) {
        EXPECT_TRUE(say(frame(kHeaders, flags, static_cast<std::uint32_t>(id), block(fields))));
        return *session.find(id);
    }
};

class Client : public Peer {
  public:
    Client() : Peer(Http2Session::Side::client) {}
    Http2Session::Id ask() {
        const RequestHead head{"GET", "/k", {{"Host", "s3.example"}, {"Connection", "close"}}};
        return session.request(head, Framing::none(), true, true).value();
    }
};

TEST(Http2Session, ReadsARequestAsItWasSent) {
    Server peer;
    Http2Session::Stream& stream = peer.ask(put_of({{"x-amz-date", "d"}, {"content-length", "5"}}));
    EXPECT_EQ(stream.malformed.why, "");
    EXPECT_EQ(stream.request.method, "PUT");
    EXPECT_EQ(stream.request.target, "/b/a%2Fk?x-id=PutObject");
    ASSERT_EQ(stream.request.headers.size(), 4u);
    EXPECT_EQ(stream.request.headers[0].name, "host");
    EXPECT_EQ(stream.request.headers[0].value, "s3.example");
    EXPECT_EQ(header(stream.request.headers, ":authority"), "s3.example");
    EXPECT_EQ(stream.length, 5u);
    EXPECT_TRUE(peer.say(frame(kData, 0, 1, "hel")));
    EXPECT_FALSE(stream.ended);
    EXPECT_TRUE(peer.say(frame(kData, kEndStream, 1, "lo")));
    EXPECT_TRUE(stream.ended);
    EXPECT_EQ(as_text(stream.body), "hello");
}

TEST(Http2Session, AnswersWithWhatHttp2MayCarry) {
    Server peer;
    peer.ask(put_of(), kEndHeaders | kEndStream);
    const ResponseHead head{200, {{"ETag", "\"e\""}, {"Connection", "close"}}};
    peer.session.answer(1, head, Framing::sized(2), false);
    peer.session.send(1, as_bytes("ok"), true);
    const std::vector<Frame> heard = peer.hear();
    const auto at =
        std::find_if(heard.begin(), heard.end(), [](const Frame& f) { return f.type == kHeaders; });
    ASSERT_NE(at, heard.end());
    // No table (RFC 7541 section 6.3), then :status 200, which has index 8 in the static one.
    EXPECT_THAT(at->payload, testing::StartsWith("\x20\x88"));
    EXPECT_EQ(at->payload.find("close"), std::string::npos);
    EXPECT_EQ((at + 1)->type, kData);
    EXPECT_EQ((at + 1)->flags, kEndStream);
    EXPECT_EQ((at + 1)->payload, "ok");
}

struct Refused {
    const char* what;
    Fields fields;
    const char* why;
};

class Http2Refused : public testing::TestWithParam<Refused> {};

TEST_P(Http2Refused, WithItsReason) {
    Server peer;
    Http2Session::Stream& stream = peer.ask(GetParam().fields, kEndHeaders | kEndStream);
    EXPECT_TRUE(stream.headed);
    EXPECT_THAT(stream.malformed.why, HasSubstr(GetParam().why));
    EXPECT_FALSE(stream.malformed.bytes.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Heads, Http2Refused,
    testing::Values(
        Refused{"upper case", put_of({{"X-A", "1"}}), "lower case"},
        Refused{"line end in a value", put_of({{"x-a", "1\r\nx-b: 2"}}), "control characters"},
        Refused{"NUL in a value", put_of({{"x-a", std::string("a\0b", 3)}}), "control characters"},
        Refused{"outer blank", put_of({{"x-a", " 1"}}), "outer blanks"},
        Refused{"connection", put_of({{"connection", "x-amz-date"}}), "belongs to a connection"},
        Refused{"framing of HTTP/1.1", put_of({{"transfer-encoding", "chunked"}}),
                "belongs to a connection"},
        Refused{"te", put_of({{"te", "gzip"}}), "trailers"},
        Refused{"pseudo after regular", put_of({{"x-a", "1"}, {":path", "/"}}), "out of place"},
        Refused{"two paths", put_of({{":path", "/"}}), "twice there"},
        Refused{"unknown pseudo", put_of({{":protocol", "websocket"}}), "unknown"},
        Refused{"no path",
                {{":method", "GET"}, {":scheme", "http"}, {":authority", "h"}},
                ":path is missing"},
        Refused{
            "absolute path",
            {{":method", "GET"}, {":scheme", "http"}, {":authority", "h"}, {":path", "http://h/"}},
            ":path"},
        Refused{"blank in the path",
                {{":method", "GET"}, {":scheme", "http"}, {":authority", "h"}, {":path", "/a b"}},
                ":path"},
        Refused{"no method", {{":scheme", "http"}, {":authority", "h"}, {":path", "/"}}, ":method"},
        Refused{"no host", {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}}, "host"},
        Refused{"another scheme",
                {{":method", "GET"}, {":scheme", "file"}, {":authority", "h"}, {":path", "/"}},
                ":scheme"},
        Refused{"CONNECT", {{":method", "CONNECT"}, {":authority", "h:443"}}, "CONNECT"},
        Refused{"two hosts", put_of({{"host", "other.example"}}), "differ"},
        Refused{"two lengths", put_of({{"content-length", "0"}, {"content-length", "5"}}),
                "Content-Length"},
        Refused{"a signed length", put_of({{"content-length", "+4"}}), "Content-Length"},
        Refused{"a body that does not follow", put_of({{"content-length", "5"}}), "follow"},
        Refused{"two dates", put_of({{"x-amz-date", "1"}, {"x-amz-date", "2"}}), "twice"}),
    [](const testing::TestParamInfo<Refused>& info) {
        std::string name = info.param.what;
        std::replace_if(
            name.begin(), name.end(), [](char c) { return c == ' ' || c == '/' || c == '.'; }, '_');
        return name;
    });

TEST(Http2Session, ABodyIsAsLongAsItsLength) {
    for (const std::string_view body : {"four", "sixsix"}) {
        Server peer;
        Http2Session::Stream& stream = peer.ask(put_of({{"content-length", "5"}}));
        EXPECT_TRUE(peer.say(frame(kData, kEndStream, 1, body)));
        EXPECT_FALSE(stream.ended) << body;
        ASSERT_TRUE(stream.failed);
        EXPECT_THAT(stream.failed->what, HasSubstr("than its Content-Length"));
        const std::vector<Frame> resets = peer.hear(kReset, 1);
        ASSERT_EQ(resets.size(), 1u);
        EXPECT_EQ(resets[0].number(), kProtocolError);
    }
}

TEST(Http2Session, TrailersAreRefused) {
    Server peer;
    Http2Session::Stream& stream = peer.ask(put_of());
    EXPECT_TRUE(peer.say(frame(kData, 0, 1, "x") + frame(kHeaders, kEndHeaders | kEndStream, 1,
                                                         block({{"x-amz-date", "d"}}))));
    EXPECT_FALSE(stream.ended);
    ASSERT_TRUE(stream.failed);
    EXPECT_THAT(stream.failed->what, HasSubstr("trailer"));
}

TEST(Http2Session, AHeadThatIsTooLargeIsKnownAsOne) {
    Server peer(Http2Bounds{.header_bytes_max = 1024});
    Http2Session::Stream& stream = peer.ask(put_of({{"x-a", std::string(1500, 'a')}}));
    EXPECT_EQ(stream.refusal, ErrorCode::exhausted);
    EXPECT_THAT(stream.malformed.why, HasSubstr("larger than allowed"));
}

TEST(Http2Session, WindowsFollowWhatIsTaken) {
    constexpr std::uint32_t kWindow = 100'000;
    Server peer(Http2Bounds{.stream_window = kWindow, .connection_window = kWindow});
    peer.ask(put_of());
    EXPECT_TRUE(peer.say(frame(kSettings, 1, 0)));  // the peer knows the windows
    peer.hear();
    for (std::uint32_t given = 0; given < kWindow; given += 10'000) {
        EXPECT_TRUE(peer.say(frame(kData, 0, 1, std::string(10'000, 'x'))));
    }
    EXPECT_TRUE(peer.hear(kWindowUpdate, 1).empty()) << "nobody took anything";
    peer.session.consumed(1, kWindow);
    const std::vector<Frame> given = peer.hear(kWindowUpdate, 1);
    ASSERT_EQ(given.size(), 1u);
    EXPECT_EQ(given[0].number(), kWindow);
    EXPECT_TRUE(peer.say(frame(kData, 0, 1, std::string(10'000, 'x'))));
}

TEST(Http2Session, WhatExceedsTheWindowEndsTheConnection) {
    Server peer(Http2Bounds{.stream_window = 65'535, .connection_window = 65'535});
    peer.ask(put_of());
    for (int i = 0; i < 8; ++i) {
        peer.say(frame(kData, 0, 1, std::string(10'000, 'x')));
    }
    EXPECT_LE(peer.session.find(1)->body.size(), 65'535u);
    EXPECT_EQ(peer.hear(kGoAway, 0).size(), 1u);
}

TEST(Http2Session, ASlowReaderHoldsUpWhoWrites) {
    Server peer;
    peer.ask(put_of(), kEndHeaders | kEndStream);
    EXPECT_TRUE(peer.say(frame(kSettings, 0, 0, big_endian(4, 2) + big_endian(10, 4))));
    peer.session.answer(1, {200, {}}, Framing::chunked(), false);
    peer.session.send(1, as_bytes("0123456789abc"), true);
    const std::vector<Frame> first = peer.hear(kData, 1);
    ASSERT_EQ(first.size(), 1u);
    EXPECT_EQ(first[0].payload, "0123456789");
    EXPECT_TRUE(peer.session.find(1)->sends());
    EXPECT_TRUE(peer.say(frame(kWindowUpdate, 0, 1, big_endian(5, 4))));
    const std::vector<Frame> rest = peer.hear(kData, 1);
    ASSERT_EQ(rest.size(), 1u);
    EXPECT_EQ(rest[0].payload, "abc");
    EXPECT_EQ(rest[0].flags, kEndStream);
    EXPECT_FALSE(peer.session.find(1)->sends());
}

TEST(Http2Session, StreamsBeyondTheBoundAreRefusedUntilOthersAreForgotten) {
    Server peer(Http2Bounds{.streams_max = 1});
    peer.ask(put_of());
    EXPECT_TRUE(peer.say(frame(kReset, 0, 1, big_endian(8, 4))));  // the exchange is still at work
    EXPECT_TRUE(peer.say(frame(kHeaders, kEndHeaders, 3, block(put_of()))));
    EXPECT_EQ(peer.session.find(3), nullptr);
    const std::vector<Frame> resets = peer.hear(kReset, 3);
    ASSERT_EQ(resets.size(), 1u);
    EXPECT_EQ(resets[0].number(), kRefused);
    peer.session.forget(1);
    peer.ask(put_of(), kEndHeaders, 5);
}

/// How many of a frame a peer may send before it loses the connection.
int until_refused(Server& peer, const std::function<std::string(int)>& each, MonoNs pause = 0) {
    for (int i = 0; i < 10'000; ++i) {
        if (!peer.say(each(i), 1 + i * pause)) {
            const std::vector<Frame> last = peer.hear(kGoAway, 0);
            EXPECT_EQ(last.empty() ? 0 : last.back().number(4), kCalm);
            return i;
        }
    }
    return 10'000;
}

TEST(Http2Session, FloodsEndTheConnection) {
    const std::map<std::string, std::function<std::string(int)>> floods = {
        {"ping", [](int) { return frame(kPing, 0, 0, "12345678"); }},
        {"settings", [](int) { return frame(kSettings, 0, 0); }},
        {"priority", [](int) { return frame(kPriority, 0, 1, std::string(4, '\0') + "x"); }},
        {"windows", [](int) { return frame(kWindowUpdate, 0, 0, big_endian(1, 4)); }},
        {"empty data", [](int) { return frame(kData, 0, 1); }}};
    for (const auto& [name, each] : floods) {
        Server peer;
        peer.ask(put_of());
        const int sent = until_refused(peer, [&](int i) {
            peer.hear();
            return each(i);
        });
        EXPECT_LT(sent, 1100) << name;
        EXPECT_THAT(peer.why, HasSubstr("bring nothing")) << name;
        Server slow;
        slow.ask(put_of());
        EXPECT_EQ(until_refused(
                      slow,
                      [&](int i) {
                          slow.hear();
                          return each(i);
                      },
                      kNsPerSecond / 100),
                  10'000)
            << name;
    }
}

TEST(Http2Session, RapidResetEndsTheConnection) {
    Server peer;
    const int sent = until_refused(peer, [&](int i) {
        const auto id = static_cast<std::uint32_t>(2 * i + 1);
        peer.session.forget(static_cast<Http2Session::Id>(id) - 2);
        return frame(kHeaders, kEndHeaders | kEndStream, id, block(put_of())) +
               frame(kReset, 0, id, big_endian(8, 4));
    });
    EXPECT_LT(sent, 300);
    EXPECT_THAT(peer.why, HasSubstr("resets"));
}

TEST(Http2Session, AHeadWithoutEndEndsTheConnection) {
    Server peer(Http2Bounds{.header_bytes_max = 4096});
    bool held = peer.say(frame(kHeaders, 0, 1, block(put_of())));
    int sent = 0;
    for (; held && sent < 1000; ++sent) {
        held = peer.say(frame(kContinuation, 0, 1, block({{"x-a", std::string(100, 'a')}})));
    }
    EXPECT_LT(sent, 150);
    Server empty;
    held = empty.say(frame(kHeaders, 0, 1, block(put_of())));
    for (sent = 0; held && sent < 1000; ++sent) {
        held = empty.say(frame(kContinuation, 0, 1));
    }
    EXPECT_LT(sent, 50);
}

TEST(Http2Session, AnAnswerMayBeWholeBeforeItsRequest) {
    Server peer;
    peer.ask(put_of());
    peer.hear();
    peer.session.answer(1, {403, {}}, Framing::none(), true);
    peer.session.forget(1);
    const std::vector<Frame> heard = peer.hear();
    ASSERT_GE(heard.size(), 2u);
    EXPECT_EQ(heard[heard.size() - 2].type, kHeaders);
    EXPECT_EQ(heard.back().type, kReset);
    EXPECT_EQ(heard.back().number(), 0u);
}

TEST(Http2Session, HalfAnAnswerIsCutSoThatItIsSeen) {
    Server peer;
    peer.ask(put_of(), kEndHeaders | kEndStream);
    peer.session.answer(1, {200, {}}, Framing::sized(10), false);
    peer.session.send(1, as_bytes("half"), false);
    peer.hear();
    peer.session.cut(1, {ErrorCode::closed, "the session ended"});
    const std::vector<Frame> resets = peer.hear(kReset, 1);
    ASSERT_EQ(resets.size(), 1u);
    EXPECT_NE(resets[0].number(), 0u);
}

TEST(Http2Session, ReadsAnAnswerPastInterimOnes) {
    Client peer;
    const Http2Session::Id id = peer.ask();
    EXPECT_EQ(peer.hear(kHeaders, 1).size(), 1u);
    EXPECT_TRUE(peer.say(frame(kHeaders, kEndHeaders, 1, block({{":status", "100"}}))));
    EXPECT_FALSE(peer.session.find(id)->headed);
    EXPECT_TRUE(
        peer.say(frame(kHeaders, kEndHeaders, 1, block({{":status", "206"}, {"etag", "e"}})) +
                 frame(kData, kEndStream, 1, "part")));
    const Http2Session::Stream& stream = *peer.session.find(id);
    EXPECT_EQ(stream.response.status, 206);
    EXPECT_EQ(as_text(stream.body), "part");
    EXPECT_TRUE(stream.ended && !stream.failed);
}

TEST(Http2Session, KnowsWhatWasNotProcessed) {
    Client refused;
    Http2Session::Id id = refused.ask();
    refused.hear();
    EXPECT_TRUE(refused.say(frame(kReset, 0, 1, big_endian(kRefused, 4))));
    EXPECT_TRUE(refused.session.find(id)->unprocessed);

    Client reset;
    id = reset.ask();
    reset.hear();
    EXPECT_TRUE(reset.say(frame(kReset, 0, 1, big_endian(2, 4))));
    EXPECT_TRUE(reset.session.find(id)->failed);
    EXPECT_FALSE(reset.session.find(id)->unprocessed);

    for (const std::uint32_t last : {0u, 1u}) {
        Client left;
        id = left.ask();
        left.hear();
        EXPECT_TRUE(left.say(frame(kGoAway, 0, 0, big_endian(last, 4) + big_endian(0, 4))));
        EXPECT_TRUE(left.session.is_going());
        left.session.fail_all({ErrorCode::closed, "the peer closed the connection"});
        EXPECT_TRUE(left.session.find(id)->failed);
        EXPECT_EQ(left.session.find(id)->unprocessed, last == 0);
    }
}

TEST(Http2Session, AnAnswerThatIsNoneFailsItsStream) {
    const std::vector<Fields> answers = {{{"etag", "e"}},
                                         {{":status", "20"}},
                                         {{":status", "200"}, {"connection", "close"}},
                                         {{":status", "200"}, {"Etag", "e"}},
                                         {{":status", "100"}}};
    for (const Fields& fields : answers) {
        Client peer;
        const Http2Session::Id id = peer.ask();
        peer.hear();
        EXPECT_TRUE(peer.say(frame(kHeaders, kEndHeaders | kEndStream, 1, block(fields))));
        EXPECT_TRUE(peer.session.find(id)->failed) << fields.front().second;
    }
}

TEST(Http2Session, BytesThatAreNoHttp2EndTheConnection) {
    Http2Session session(Http2Session::Side::server, {});
    EXPECT_FALSE(
        session.feed(as_bytes("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), 1).has_value());
}

}  // namespace
}  // namespace narrows::http
