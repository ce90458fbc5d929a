#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "http/exchange.h"

/// HTTP/2 (RFC 9113) of one connection, framed by nghttp2.
namespace narrows::http {

struct Http2Bounds {
    std::size_t header_bytes_max = 64 * 1024;   ///< of a head: names, values and 32 for each field
    std::uint32_t streams_max = 128;            ///< that the peer may have open
    std::uint32_t stream_window = 128 * 1024;   ///< bytes of a body that came and were not taken
    std::uint32_t connection_window = 2 << 20;  ///< the same of all streams together
};

/// So many things may happen at once, and so many a second in the long run.
class Allowance {
  public:
    Allowance(double most, double per_second) : most_(most), per_second_(per_second), left_(most) {}
    bool spend(MonoNs now);
    void earn(double more);

  private:
    const double most_;
    const double per_second_;
    double left_;
    MonoNs since_ = 0;
};

/// Turns bytes into what happens on streams, and what shall happen into bytes; does no I/O and
/// asks no clock, so that tests and the fuzzer drive it directly. Feed it, ask `take_touched`, then
/// write what `output` gives. One loop's.
///
/// Bounded: what a peer may send is what it was given as window, and that is given back only for
/// what was taken (`consumed`). Of HPACK's tables ours has size 0; the peer's has the 4 KiB it may
/// take for granted, since Go's clients before 1.20 use it whatever they are told, and is wiped
/// with the session. A peer that floods (frames without content, resets, CONTINUATION, endless
/// fields) loses the connection with ENHANCE_YOUR_CALM.
class Http2Session {
  public:
    enum class Side { server, client };
    using Id = std::int32_t;

    /// What is known of one stream, until `forget`.
    struct Stream {
        bool announced = false;  ///< somebody was told of it; kept for who drives the session
        bool headed = false;     ///< `request` or `response` is there, or `malformed` says why not
        RequestHead request;
        ResponseHead response;
        Malformed malformed;
        ErrorCode refusal = ErrorCode::invalid;  ///< `exhausted`: the head is too large
        std::optional<std::uint64_t> length;     ///< Content-Length
        Bytes body;                              ///< came and was not taken
        std::uint64_t received = 0;
        bool ended = false;           ///< the peer's body is whole
        bool finished = false;        ///< ours is
        std::optional<Error> failed;  ///< nothing more goes; what came before stands above
        bool unprocessed = false;     ///< the peer says that it did nothing of it
        ByteView sending;             ///< given by `send`, not yet in `output`
        bool finishing = false;
        bool is_head_request = false;  ///< a Content-Length then announces nothing
        bool closed = false;           ///< both sides are done with it

        /// Not all that was given has left.
        bool sends() const { return !sending.empty() || (finishing && !finished); }
    };

    Http2Session(Side side, Http2Bounds bounds);
    ~Http2Session();

    /// An error: the peer broke the protocol or floods. What `output` still has is a last word.
    Result<void> feed(ByteView bytes, MonoNs now);
    /// What to write next, at most about kOutputMax; valid until the next call. Empty: nothing.
    ByteView output();
    static constexpr std::size_t kOutputMax = 64 * 1024;
    /// Nothing will come or go any more.
    bool over() const;
    /// Why this side ended the connection, if the peer broke the protocol; else empty.
    const std::string& broken() const { return broken_; }

    /// Streams on which something happened since the last call.
    std::vector<Id> take_touched();
    /// nullptr: there is none, or it was forgotten.
    Stream* find(Id id);
    /// The number of streams that are not forgotten.
    std::size_t size() const { return streams_.size(); }
    /// Since when a head is under way whose end has not come; 0: none is.
    MonoNs heading_since() const { return heading_since_; }

    /// Client: a request; a body follows by `send` unless it is `bodiless`.
    Result<Id> request(const RequestHead& head, Framing framing, bool tls, bool bodiless);
    /// Server: a 1xx answer, or the answer.
    void interim(Id id, int status);
    void answer(Id id, const ResponseHead& head, Framing framing, bool bodiless);
    /// More of the body; views memory of the caller's until it left or the stream failed.
    void send(Id id, ByteView part, bool last);
    /// Bytes of `body` were taken: the peer may send as many again.
    void consumed(Id id, std::size_t size);
    /// Ends a stream where it is. Without effect if it failed before.
    void cut(Id id, Error why);
    /// Ends and forgets a request of which nothing was made: the peer may send it again.
    void refuse(Id id);
    /// Whoever held the stream is done with it; the peer is told if it is not.
    void forget(Id id);
    /// The connection is over: nothing more comes or goes on any stream.
    void fail_all(const Error& why);
    /// No new streams; those that are open go on.
    void go_away();
    bool is_going() const { return going_; }

  private:
    struct Glue;
    struct Block {
        Id id = 0;
        Headers fields;
        std::size_t size = 0;
        bool trailers = false;
    };

    int begin_block(Id id, bool is_first);
    int add_field(std::string_view name, std::string_view value);
    void end_block(bool ended);
    void end_request(Stream& stream, bool ended);
    void end_response(Stream& stream, bool ended);
    int take_body(Id id, ByteView part);
    void end_body(Id id);
    void close(Id id, std::uint32_t code);
    int charge(std::uint8_t type, bool is_empty);
    int refuse_peer(std::string why);
    void fail_stream(Id id, Stream& stream, Error why, std::uint32_t code);
    void touch(Id id) { touched_.push_back(id); }

    const Side side_;
    const Http2Bounds bounds_;
    std::map<Id, Stream> streams_;
    std::vector<Id> touched_;
    /// Their answers are whole before their requests are (RFC 9113 section 8.1). A reset would take
    /// an answer with it that has not left.
    std::vector<Id> answered_;
    std::set<Id> forgotten_;  ///< reset by this side; nghttp2 has still to close them
    Block block_;
    MonoNs now_ = 0;
    MonoNs heading_since_ = 0;
    Allowance frames_{1024, 128};  ///< frames that bring nothing
    Allowance resets_{256, 32};
    std::string why_;  ///< why the peer is refused
    std::string broken_;
    bool going_ = false;
    Bytes output_;
    std::unique_ptr<Glue> glue_;
};

}  // namespace narrows::http
