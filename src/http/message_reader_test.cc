#include "http/message_reader.h"

#include <gtest/gtest.h>

namespace narrows::http {
namespace {

/// Feeds `text` in stretches of `step` bytes and collects the one message in it.
struct Read {
    Result<RequestHead> head = fail(ErrorCode::timeout, "never complete");
    std::string body;
    bool done = false;
};

void feed(MessageReader& reader, std::string_view text) {
    const std::span<std::uint8_t> room = reader.room();
    ASSERT_GE(room.size(), text.size());
    std::copy(text.begin(), text.end(), room.begin());
    reader.fed(text.size());
}

Read read_in_steps(std::string_view text, std::size_t step) {
    MessageReader reader(MessageReader::Side::request, Bounds{4096, 1024});
    Read read;
    bool head_done = false;
    for (std::size_t at = 0; at < text.size(); at += step) {
        feed(reader, text.substr(at, step));
        if (!head_done) {
            const Result<bool> done = reader.parse_head();
            if (!done.has_value()) {
                read.head = fail(done.error());
                return read;
            }
            head_done = done.value();
            if (head_done) {
                read.head = reader.take_request();
            }
        }
        while (head_done && !reader.body_done()) {
            const Result<ByteView> part = reader.parse_body();
            if (!part.has_value()) {
                read.head = fail(part.error());
                return read;
            }
            if (part.value().empty()) {
                break;
            }
            read.body += as_text(part.value());
        }
    }
    read.done = head_done && reader.body_done();
    return read;
}

class InSteps : public testing::TestWithParam<std::size_t> {};

TEST_P(InSteps, content_length_body) {
    const Read read = read_in_steps(
        "PUT /b/a%20b/../x//y?acl HTTP/1.1\r\nHost: h\r\nX-Two:  a  b \r\nContent-Length: "
        "11\r\n\r\n"
        "hello world",
        GetParam());
    ASSERT_TRUE(read.head.has_value());
    EXPECT_EQ(read.head.value().target, "/b/a%20b/../x//y?acl");
    EXPECT_EQ(header(read.head.value().headers, "x-two"), "a  b");
    EXPECT_EQ(read.body, "hello world");
    EXPECT_TRUE(read.done);
}

TEST_P(InSteps, chunked_body) {
    const Read read = read_in_steps(
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
        GetParam());
    ASSERT_TRUE(read.head.has_value()) << read.head.error().what;
    EXPECT_EQ(read.body, "hello world");
    EXPECT_TRUE(read.done);
}

TEST_P(InSteps, empty_chunked_body) {
    const Read read = read_in_steps(
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", GetParam());
    ASSERT_TRUE(read.head.has_value()) << read.head.error().what;
    EXPECT_EQ(read.body, "");
    EXPECT_TRUE(read.done);
}

INSTANTIATE_TEST_SUITE_P(Steps, InSteps, testing::Values(1, 2, 3, 7, 64, 1000));

class Refused : public testing::TestWithParam<const char*> {};

TEST_P(Refused, messages_two_readers_could_understand_differently) {
    const Read whole = read_in_steps(GetParam(), 1000);
    EXPECT_FALSE(whole.head.has_value() && whole.done) << GetParam();
    const Read bytewise = read_in_steps(GetParam(), 1);
    EXPECT_FALSE(bytewise.head.has_value() && bytewise.done) << GetParam();
}

INSTANTIATE_TEST_SUITE_P(
    Smuggling, Refused,
    testing::Values(
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: "
        "chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3, 3\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\n folded: x\r\n\r\n", "GET / HTTP/1.1\r\nHost : h\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3;ext=1\r\nabc\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\n0\r\nX-Trailer: 1\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: h\r\nConnection: Content-Length\r\nContent-Length: 3\r\n\r\nabc",
        "GET / HTTP/1.1\r\nHost: h\r\nConnection: close, x-amz-date\r\nX-Amz-Date: 1\r\n\r\n",
        "GET / HTTP/2.0\r\nHost: h\r\n\r\n", "GET /\r\n\r\n"));

TEST(MessageReader, tunnels_may_be_asked_for_in_http_1_0) {
    EXPECT_TRUE(read_in_steps("CONNECT h:443 HTTP/1.0\r\n\r\n", 5).head.has_value());
    EXPECT_FALSE(read_in_steps("GET / HTTP/1.0\r\nHost: h\r\n\r\n", 5).head.has_value());
}

TEST(MessageReader, connection_options_of_its_own_are_accepted) {
    EXPECT_TRUE(read_in_steps("GET / HTTP/1.1\r\nHost: h\r\nConnection: Keep-Alive, TE,\r\n\r\n", 7)
                    .head.has_value());
}

TEST(MessageReader, a_long_body_is_read_in_larger_stretches_and_the_room_is_given_back) {
    MessageReader reader(MessageReader::Side::request, Bounds{4096, 1024, 8192});
    feed(reader, "PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 9000\r\n\r\n");
    ASSERT_TRUE(reader.parse_head().value());
    std::size_t read = 0;
    while (!reader.body_done()) {
        const std::span<std::uint8_t> room = reader.room();
        ASSERT_LE(room.size(), 8192u);
        const std::size_t size = std::min(room.size(), 9000 - read);
        std::fill_n(room.begin(), size, std::uint8_t{'x'});
        reader.fed(size);
        read += reader.parse_body().value().size();
    }
    EXPECT_EQ(read, 9000u);
    reader.begin(false);
    EXPECT_LE(reader.room().size(), 1024u);
}

TEST(MessageReader, head_larger_than_its_bound_is_refused) {
    const std::string text = "GET / HTTP/1.1\r\nX: " + std::string(5000, 'a') + "\r\n\r\n";
    EXPECT_FALSE(read_in_steps(text, 1).head.has_value());
}

}  // namespace
}  // namespace narrows::http
