#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "http/exchange.h"

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

class MessageReader;

/// The server's side of one connection, one exchange after another. Not thread-safe; lives on the
/// stream's loop.
class ServerConnection final : public ServerExchange {
  public:
    ServerConnection(net::Stream& stream, Bounds bounds);
    ~ServerConnection() override;

    /// What was read of the connection before; once, at its beginning.
    void begin_with(ByteView read);

    /// The next request's head. ErrorCode::closed: the peer ended between requests.
    /// ErrorCode::invalid: refused; `malformed()` has the bytes.
    net::Task<Result<RequestHead>> read_head();
    const Malformed& malformed() const { return malformed_; }

    /// After the answer: may another request follow?
    bool keep_alive() const { return keep_alive_; }

    std::string_view version() const override { return "1.1"; }
    net::Endpoint peer() const override { return stream_.peer(); }
    net::Task<Result<ByteView>> read_body() override;
    bool body_done() const override;
    std::optional<std::uint64_t> content_length() const override;
    bool has_body() const override;
    void must_close() override { keep_alive_ = false; }
    net::Task<Result<void>> write_continue() override;
    net::Task<Result<void>> write_message(const ResponseHead& head, ByteView body,
                                          bool is_head) override;
    net::Task<Result<void>> write_head(const ResponseHead& head, Framing framing) override;
    net::Task<Result<void>> write_body(ByteView part) override;
    net::Task<Result<void>> finish_body() override;
    void expires_after(net::Millis time) override { stream_.expires_after(time); }
    void close() override { stream_.close(); }
    bool is_open() const override { return stream_.is_open(); }

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

/// The client's side of one connection, one exchange after another.
class ClientConnection final : public ClientExchange {
  public:
    ClientConnection(net::StreamPtr stream, Bounds bounds);
    ~ClientConnection() override;

    net::Task<Result<void>> write_head(const RequestHead& head, Framing framing,
                                       ByteView first) override;
    net::Task<Result<void>> write_body(ByteView part) override;
    net::Task<Result<void>> finish_body() override;
    net::Task<Result<ResponseHead>> read_head(const std::string& method) override;
    net::Task<Result<ByteView>> read_body() override;
    bool body_done() const override;
    std::optional<std::uint64_t> content_length() const override;
    bool unprocessed() const override { return false; }  // there is no such word in HTTP/1.1
    bool ended_well() const override;
    bool is_reusable() const override;
    void expires_after(net::Millis time) override { stream_->expires_after(time); }
    void close() override { stream_->close(); }

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
