#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "http/message.h"
#include "net/stream.h"

/// HTTP/1.1 (RFC 9112) over a net::Stream, parsed by Boost.Beast's parser. Strict where leniency
/// lets two readers disagree: a message with both Content-Length and Transfer-Encoding, repeated
/// singleton fields, chunk extensions, trailer fields or obsolete line folding is refused.
namespace narrows::http {

struct Bounds {
    std::size_t header_bytes_max = 64 * 1024;
    std::size_t read_bytes = 64 * 1024;  ///< kept for reading, and the largest stretch handed on
    /// The same while a body longer than `read_bytes` passes.
    std::size_t stream_bytes = 256 * 1024;
};

/// How the body of a message to be written is delimited.
struct Framing {
    enum class Kind { none, length, chunked } kind = Kind::none;
    std::uint64_t length = 0;

    static Framing none() { return {}; }
    static Framing sized(std::uint64_t length) { return {Kind::length, length}; }
    static Framing chunked() { return {Kind::chunked, 0}; }
};

/// The bytes of a message's head that could not be understood, for the record. Bounded.
/// At most this much of what could not be understood is kept.
inline constexpr std::size_t kMalformedKept = 16 * 1024;

struct Malformed {
    Bytes bytes;
    std::string why;
};

class MessageReader;

/// The server's side of one connection. Not thread-safe; lives on the stream's loop. After any
/// error the connection is good for one last answer at most.
class ServerConnection {
  public:
    ServerConnection(net::Stream& stream, Bounds bounds);
    ~ServerConnection();

    /// The next request's head. ErrorCode::closed: the peer ended between requests.
    /// ErrorCode::invalid: refused; `malformed()` has the bytes.
    net::Task<Result<RequestHead>> read_head();
    const Malformed& malformed() const { return malformed_; }

    /// The next stretch of the request's body; valid until the next call. Empty: the body is over.
    net::Task<Result<ByteView>> read_body();
    bool body_done() const;
    /// Declared length, if there is a Content-Length.
    std::optional<std::uint64_t> content_length() const;
    bool has_body() const;
    /// After the answer: may another request follow?
    bool keep_alive() const { return keep_alive_; }
    void must_close() { keep_alive_ = false; }

    net::Task<Result<void>> write_continue();
    /// Head and the whole body in one write.
    net::Task<Result<void>> write_message(const ResponseHead& head, ByteView body, bool is_head);
    net::Task<Result<void>> write_head(const ResponseHead& head, Framing framing);
    net::Task<Result<void>> write_body(ByteView part);
    net::Task<Result<void>> finish_body();

    /// Bytes read beyond the message, for a connection that becomes a tunnel.
    ByteView unread() const;
    net::Stream& stream() { return stream_; }

  private:
    net::Stream& stream_;
    std::unique_ptr<MessageReader> reader_;
    Malformed malformed_;
    Framing writing_;
    bool keep_alive_ = true;
};

/// The client's side of one connection, to an upstream.
class ClientConnection {
  public:
    ClientConnection(net::StreamPtr stream, Bounds bounds);
    ~ClientConnection();

    net::Task<Result<void>> write_head(const RequestHead& head, Framing framing, ByteView first);
    net::Task<Result<void>> write_body(ByteView part);
    net::Task<Result<void>> finish_body();

    /// `method` decides whether the answer has a body. 1xx answers are read over.
    net::Task<Result<ResponseHead>> read_head(const std::string& method);
    net::Task<Result<ByteView>> read_body();
    bool body_done() const;
    std::optional<std::uint64_t> content_length() const;

    /// The answer was read whole, keep-alive, nothing left over.
    bool ended_well() const;
    /// The same, and the peer has neither ended nor said anything since: asks the socket.
    bool is_reusable() const;
    net::Stream& stream() { return *stream_; }

  private:
    net::StreamPtr stream_;
    std::unique_ptr<MessageReader> reader_;
    Framing writing_;
};

/// For writers and tests: the head as bytes, with the framing's field.
std::string encode_head(const RequestHead& head, Framing framing);
std::string encode_head(const ResponseHead& head, Framing framing);
const char* reason_phrase(int status);

}  // namespace narrows::http
