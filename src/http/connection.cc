#include "http/connection.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "http/message_reader.h"

namespace narrows::http {
namespace {

/// 1xx answers that are read over before the one that counts.
constexpr int kInterimMax = 16;

/// Reads once from the stream into the reader. A peer's end mid-message is an error.
net::Task<Result<void>> feed(net::Stream& stream, MessageReader& reader) {
    const std::span<std::uint8_t> room = reader.room();
    if (room.empty()) {
        co_return fail(ErrorCode::exhausted, "a line of the message is longer than allowed");
    }
    const Result<std::size_t> size = co_await stream.read_some(room);
    if (!size.has_value()) {
        co_return fail(size.error());
    }
    reader.fed(size.value());
    co_return ok();
}

net::Task<Result<ByteView>> next_body(net::Stream& stream, MessageReader& reader) {
    while (true) {
        if (reader.body_done()) {
            reader.forget();
            co_return ByteView();
        }
        const Result<ByteView> part = reader.parse_body();
        if (!part.has_value() || !part.value().empty()) {
            co_return part;
        }
        if (reader.body_done()) {
            continue;
        }
        const Result<void> more = co_await feed(stream, reader);
        if (more.has_value()) {
            continue;
        }
        const Result<void> end = more.error().code == ErrorCode::closed && !stream.truncated()
                                     ? reader.ended()
                                     : Result<void>(more.error());
        if (!end.has_value()) {
            co_return fail(end.error());
        }
    }
}

net::Task<Result<void>> write_framed(net::Stream& stream, const Framing& framing, ByteView part) {
    if (framing.kind != Framing::Kind::chunked || part.empty()) {
        co_return co_await stream.write(part);
    }
    std::string head = fmt::format("{:x}\r\n", part.size());
    const std::array<ByteView, 2> both = {as_bytes(head), part};
    const Result<void> begun = co_await stream.write(both);
    if (!begun.has_value()) {
        co_return fail(begun.error());
    }
    co_return co_await stream.write(as_bytes("\r\n"));
}

net::Task<Result<void>> finish_framed(net::Stream& stream, const Framing& framing) {
    if (framing.kind != Framing::Kind::chunked) {
        co_return ok();
    }
    co_return co_await stream.write(as_bytes("0\r\n\r\n"));
}

void append_fields(std::string& text, const Headers& headers, const Framing& framing) {
    for (const codec::Pair& field : headers) {
        text += field.name;
        text += ": ";
        text += field.value;
        text += "\r\n";
    }
    if (framing.kind == Framing::Kind::length) {
        text += fmt::format("Content-Length: {}\r\n", framing.length);
    } else if (framing.kind == Framing::Kind::chunked) {
        text += "Transfer-Encoding: chunked\r\n";
    }
    text += "\r\n";
}

}  // namespace

std::string encode_head(const RequestHead& head, Framing framing) {
    std::string text = head.method + " " + head.target + " HTTP/1.1\r\n";
    append_fields(text, head.headers, framing);
    return text;
}

std::string encode_head(const ResponseHead& head, Framing framing) {
    const std::string_view reason =
        head.reason.empty() ? std::string_view(reason_phrase(head.status)) : head.reason;
    std::string text = fmt::format("HTTP/1.1 {} {}\r\n", head.status, reason);
    append_fields(text, head.headers, framing);
    return text;
}

ServerConnection::ServerConnection(net::Stream& stream, Bounds bounds)
    : stream_(stream),
      reader_(std::make_unique<MessageReader>(MessageReader::Side::request, bounds)) {}
ServerConnection::~ServerConnection() = default;

void ServerConnection::begin_with(ByteView read) {
    std::copy(read.begin(), read.end(), reader_->room().begin());
    reader_->fed(read.size());
}

net::Task<Result<RequestHead>> ServerConnection::read_head() {
    reader_->begin(false);
    malformed_ = {};
    while (true) {
        const Bytes before = to_bytes(reader_->unread().first(
            std::min<std::size_t>(reader_->unread().size(), kMalformedKept)));
        const Result<bool> done = reader_->parse_head();
        if (!done.has_value()) {
            keep_alive_ = false;
            malformed_ = {before, done.error().what};
            co_return fail(done.error());
        }
        if (done.value()) {
            break;
        }
        const Result<void> more = co_await feed(stream_, *reader_);
        if (!more.has_value()) {
            keep_alive_ = false;
            malformed_ = {to_bytes(reader_->unread()), more.error().what};
            co_return fail(more.error());
        }
    }
    keep_alive_ = reader_->keep_alive();
    co_return reader_->take_request();
}

net::Task<Result<ByteView>> ServerConnection::read_body() {
    Result<ByteView> part = co_await next_body(stream_, *reader_);
    if (!part.has_value()) {
        keep_alive_ = false;
    }
    co_return part;
}

bool ServerConnection::body_done() const {
    return reader_->body_done();
}
bool ServerConnection::has_body() const {
    return reader_->has_body();
}
ByteView ServerConnection::unread() const {
    return reader_->unread();
}
std::optional<std::uint64_t> ServerConnection::content_length() const {
    return reader_->content_length();
}

net::Task<Result<void>> ServerConnection::write_continue() {
    co_return co_await stream_.write(as_bytes("HTTP/1.1 100 Continue\r\n\r\n"));
}

net::Task<Result<void>> ServerConnection::write_message(const ResponseHead& head, ByteView body,
                                                        bool is_head) {
    ResponseHead closing = head;
    if (!keep_alive_) {
        set(closing.headers, "Connection", "close");
    }
    const bool bodiless = head.status == 204 || head.status == 304;
    const Framing framing = bodiless || is_head ? Framing::none() : Framing::sized(body.size());
    const std::string text = encode_head(closing, framing);
    const std::array<ByteView, 2> both = {as_bytes(text), is_head ? ByteView() : body};
    co_return co_await stream_.write(both);
}

net::Task<Result<void>> ServerConnection::write_head(const ResponseHead& head, Framing framing) {
    writing_ = framing;
    ResponseHead closing = head;
    if (!keep_alive_) {
        set(closing.headers, "Connection", "close");
    }
    const std::string text = encode_head(closing, framing);
    co_return co_await stream_.write(as_bytes(text));
}

net::Task<Result<void>> ServerConnection::write_body(ByteView part) {
    co_return co_await write_framed(stream_, writing_, part);
}
net::Task<Result<void>> ServerConnection::finish_body() {
    co_return co_await finish_framed(stream_, writing_);
}

ClientConnection::ClientConnection(net::StreamPtr stream, Bounds bounds)
    : stream_(std::move(stream)),
      reader_(std::make_unique<MessageReader>(MessageReader::Side::response, bounds)) {}
ClientConnection::~ClientConnection() = default;

net::Task<Result<void>> ClientConnection::write_head(const RequestHead& head, Framing framing,
                                                     ByteView first) {
    writing_ = framing;
    const std::string text = encode_head(head, framing);
    if (framing.kind != Framing::Kind::chunked) {
        const std::array<ByteView, 2> both = {as_bytes(text), first};
        co_return co_await stream_->write(both);
    }
    const Result<void> written = co_await stream_->write(as_bytes(text));
    if (!written.has_value() || first.empty()) {
        co_return written;
    }
    co_return co_await write_body(first);
}

net::Task<Result<void>> ClientConnection::write_body(ByteView part) {
    co_return co_await write_framed(*stream_, writing_, part);
}
net::Task<Result<void>> ClientConnection::finish_body() {
    co_return co_await finish_framed(*stream_, writing_);
}

net::Task<Result<ResponseHead>> ClientConnection::read_head(const std::string& method) {
    for (int interim = 0; interim <= kInterimMax; ++interim) {
        reader_->begin(method == "HEAD");
        while (true) {
            const Result<bool> done = reader_->parse_head();
            if (!done.has_value()) {
                co_return fail(done.error());
            }
            if (done.value()) {
                break;
            }
            const Result<void> more = co_await feed(*stream_, *reader_);
            if (!more.has_value()) {
                co_return fail(more.error());
            }
        }
        ResponseHead head = reader_->take_response();
        if (head.status == 101) {
            co_return fail(ErrorCode::invalid, "the upstream switched protocols unasked");
        }
        if (head.status >= 200) {
            co_return head;
        }
    }
    co_return fail(ErrorCode::exhausted, "the upstream sends 1xx answers without end");
}

net::Task<Result<ByteView>> ClientConnection::read_body() {
    co_return co_await next_body(*stream_, *reader_);
}
bool ClientConnection::body_done() const {
    return reader_->body_done();
}
std::optional<std::uint64_t> ClientConnection::content_length() const {
    return reader_->content_length();
}

bool ClientConnection::ended_well() const {
    return stream_->is_open() && reader_->body_done() && reader_->keep_alive() && reader_->idle();
}

bool ClientConnection::is_reusable() const {
    return ended_well() && stream_->is_idle_clean();
}

const char* reason_phrase(int status) {
    switch (status) {
        case 200:
            return "OK";
        case 201:
            return "Created";
        case 202:
            return "Accepted";
        case 204:
            return "No Content";
        case 206:
            return "Partial Content";
        case 301:
            return "Moved Permanently";
        case 302:
            return "Found";
        case 303:
            return "See Other";
        case 304:
            return "Not Modified";
        case 307:
            return "Temporary Redirect";
        case 308:
            return "Permanent Redirect";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 407:
            return "Proxy Authentication Required";
        case 409:
            return "Conflict";
        case 412:
            return "Precondition Failed";
        case 413:
            return "Content Too Large";
        case 416:
            return "Range Not Satisfiable";
        case 429:
            return "Too Many Requests";
        case 431:
            return "Request Header Fields Too Large";
        case 500:
            return "Internal Server Error";
        case 502:
            return "Bad Gateway";
        case 503:
            return "Service Unavailable";
        case 504:
            return "Gateway Timeout";
        default:
            return "";
    }
}

}  // namespace narrows::http
