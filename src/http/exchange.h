#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "http/message.h"
#include "net/stream.h"

/// One request and its answer, whatever version of HTTP carries them (RFC 9110). Both sides belong
/// to one loop, and to one reader and one writer at a time: a coroutine may read while another
/// writes. A stretch that was read is valid until the next read.
namespace narrows::http {

/// How the body of a message to be written is delimited.
struct Framing {
    enum class Kind { none, length, chunked } kind = Kind::none;
    std::uint64_t length = 0;

    static Framing none() { return {}; }
    static Framing sized(std::uint64_t length) { return {Kind::length, length}; }
    static Framing chunked() { return {Kind::chunked, 0}; }
};

/// At most this much of what could not be understood is kept.
inline constexpr std::size_t kMalformedKept = 16 * 1024;

/// The bytes of a message's head that could not be understood, for the record. Bounded.
struct Malformed {
    Bytes bytes;
    std::string why;
};

/// The server's side, from the moment that the head was read. After any error it is good for one
/// last answer at most.
class ServerExchange {
  public:
    virtual ~ServerExchange() = default;

    virtual std::string_view version() const = 0;  ///< "1.1", "2"
    virtual net::Endpoint peer() const = 0;

    /// The next stretch of the request's body. Empty: the body is over.
    virtual net::Task<Result<ByteView>> read_body() = 0;
    virtual bool body_done() const = 0;
    /// Declared length, if there is a Content-Length.
    virtual std::optional<std::uint64_t> content_length() const = 0;
    virtual bool has_body() const = 0;
    /// Nothing can follow this exchange where what follows stands behind it.
    virtual void must_close() = 0;

    virtual net::Task<Result<void>> write_continue() = 0;
    /// Head and the whole body.
    virtual net::Task<Result<void>> write_message(const ResponseHead& head, ByteView body,
                                                  bool is_head) = 0;
    virtual net::Task<Result<void>> write_head(const ResponseHead& head, Framing framing) = 0;
    virtual net::Task<Result<void>> write_body(ByteView part) = 0;
    virtual net::Task<Result<void>> finish_body() = 0;

    /// From now, for all that waits; replaces the deadline before. Zero: none. When it passes, the
    /// exchange is closed and what waits fails with ErrorCode::timeout.
    virtual void expires_after(net::Millis time) = 0;
    /// Cuts it where it is, so that the agent does not take half an answer for a whole one.
    virtual void close() = 0;
    virtual bool is_open() const = 0;
};

/// The client's side, to an upstream. `write_head` comes first.
class ClientExchange {
  public:
    virtual ~ClientExchange() = default;

    virtual net::Task<Result<void>> write_head(const RequestHead& head, Framing framing,
                                               ByteView first) = 0;
    virtual net::Task<Result<void>> write_body(ByteView part) = 0;
    virtual net::Task<Result<void>> finish_body() = 0;

    /// `method` decides whether the answer has a body. 1xx answers are read over.
    virtual net::Task<Result<ResponseHead>> read_head(const std::string& method) = 0;
    virtual net::Task<Result<ByteView>> read_body() = 0;
    virtual bool body_done() const = 0;
    virtual std::optional<std::uint64_t> content_length() const = 0;

    /// After an error: the peer said that it did nothing of the request.
    virtual bool unprocessed() const = 0;
    /// The answer was read whole, and the connection is good for another request.
    virtual bool ended_well() const = 0;
    /// The same, and the peer has neither ended nor said anything since.
    virtual bool is_reusable() const = 0;

    virtual void expires_after(net::Millis time) = 0;
    virtual void close() = 0;
};

}  // namespace narrows::http
