#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "net/task.h"

namespace narrows::net {

class TlsServerContext;
class TlsClientContext;
using TlsChooser = std::function<std::shared_ptr<TlsServerContext>(const std::string& name)>;

struct Endpoint {
    std::string address;  ///< IPv4 or IPv6 literal
    std::uint16_t port = 0;
    friend bool operator==(const Endpoint&, const Endpoint&) = default;
};
std::string to_string(const Endpoint& endpoint);
/// "127.0.0.1:8400", "[::1]:8400".
Result<Endpoint> parse_endpoint(std::string_view text);

/// A TCP connection, with TLS on top after start_tls_*. Belongs to one loop; one read and one write
/// may be under way at once. Every operation is bounded by the deadline set last; when it passes,
/// the connection is closed and the operation fails with ErrorCode::timeout. A peer's end is
/// ErrorCode::closed; a TLS stream cut without close_notify is `truncated()`.
class Stream final : public Expiring {
  public:
    struct Impl;
    explicit Stream(std::unique_ptr<Impl> impl);
    ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    /// Reads at least one byte.
    Task<Result<std::size_t>> read_some(std::span<std::uint8_t> into);
    /// Writes all buffers in order, gathered.
    Task<Result<void>> write(std::array<ByteView, 2> buffers);
    Task<Result<void>> write(ByteView bytes) { return write({bytes, ByteView()}); }
    /// The first byte the peer sends, left in place; tells TLS (0x16) from plain HTTP.
    Task<Result<std::uint8_t>> peek();

    /// `choose`, if not empty, may serve another context to a peer that names one.
    Task<Result<void>> start_tls_server(TlsServerContext& context, TlsChooser choose = {});
    /// Verifies the peer's certificate for `name`. Offers by ALPN (RFC 7301) http/1.1, and h2
    /// before it if asked to.
    Task<Result<void>> start_tls_client(TlsClientContext& context, const std::string& name,
                                        bool offer_http2 = false);

    /// From now; replaces the deadline before. Zero: none.
    void expires_after(Millis time);
    void shutdown_write();
    void close();
    bool is_open() const;
    bool truncated() const;
    /// An idle connection with unread bytes or an end is no good for another request.
    bool is_idle_clean() const;
    Endpoint peer() const;
    std::string tls_server_name() const;  ///< SNI the peer asked for, or empty
    bool speaks_http2() const;            ///< agreed on by ALPN

    void expire_if_due(MonoNs now) override;

  private:
    std::unique_ptr<Impl> impl_;
};

using StreamPtr = std::unique_ptr<Stream>;

/// Connects on the calling coroutine's loop.
Task<Result<StreamPtr>> connect(Loop& loop, Endpoint to, Millis timeout);
/// The addresses of a name, by the system's resolver.
Task<Result<std::vector<std::string>>> resolve(std::string name);

/// Accepts until closed; hands each connection to a loop in turn.
class Listener {
  public:
    /// Beyond `connections_max` at once a new connection is closed as it comes.
    static Result<std::unique_ptr<Listener>> listen(Loops& loops, const Endpoint& at,
                                                    std::size_t connections_max = 65'536);
    ~Listener();
    Endpoint local() const;
    /// `on_connection` runs as a coroutine on the connection's loop.
    void start(std::function<Task<void>(Loop&, StreamPtr)> on_connection);
    void close();

  private:
    struct Impl;
    explicit Listener(std::shared_ptr<Impl> impl);
    std::shared_ptr<Impl> impl_;  // shared with the accept coroutine, which outlives close()
};

/// Copies both ways until both ends are done; half-close is passed on. Counts bytes.
struct RelayCount {
    std::uint64_t to_right = 0;
    std::uint64_t to_left = 0;
};
Task<RelayCount> relay(Stream& left, Stream& right, Millis idle_max,
                       std::function<bool(std::uint64_t)> may_pass);

}  // namespace narrows::net
