#pragma once

#include <functional>
#include <map>
#include <memory>

#include "http/http2_session.h"
#include "net/event.h"
#include "net/stream.h"

/// HTTP/2 over a net::Stream, for both sides: one coroutine reads, one writes, and each exchange is
/// a coroutine of its own. All of it on the stream's loop.
namespace narrows::http {

class Http2End;

/// One connection. Outlives its two coroutines and its ends.
class Http2Connection final : public net::Expiring {
  public:
    Http2Connection(net::Loop& loop, net::Stream& stream, Http2Session::Side side,
                    Http2Bounds bounds);
    ~Http2Connection();
    Http2Connection(const Http2Connection&) = delete;
    Http2Connection& operator=(const Http2Connection&) = delete;

    /// What has to be told of a new request; may not be awaited, ends soon.
    using OnRequest = std::function<void(Http2Session::Id)>;

    /// Reads, beginning with what was read before, until the connection is over; closes the stream
    /// then.
    net::Task<Result<void>> read(Bytes began, OnRequest on_request);
    /// Writes what there is, until the connection is over or cannot be written to.
    net::Task<void> write();

    Http2Session& session() { return session_; }
    net::Loop& loop() { return loop_; }
    net::Endpoint peer() const { return stream_.peer(); }
    /// The session has something to write.
    void wake() { written_.notify(); }
    bool is_open() const { return stream_.is_open() && !ending_; }
    void close() { stream_.close(); }

    void enter(Http2Session::Id id, Http2End* end) { ends_[id] = end; }
    void leave(Http2Session::Id id);

    /// Cuts ends past their deadlines, and a peer that stands still in the middle of a head or
    /// does not read. After `idle_max` without a stream the connection ends.
    void expire_if_due(MonoNs now) override;
    void set_idle_max(net::Millis most) { idle_max_ = most; }

  private:
    void tell_touched(const OnRequest& on_request);
    void end(const Error& why);

    net::Loop& loop_;
    net::Stream& stream_;
    Http2Session session_;
    net::Event written_;
    std::map<Http2Session::Id, Http2End*> ends_;
    net::Millis idle_max_{0};  ///< zero: none
    MonoNs used_;              ///< when the last end left, or the connection began
    MonoNs writing_since_ = 0;
    bool ending_ = false;
};

/// One side's hold of one stream, for one reader and one writer at a time. Leaves the stream when
/// it goes.
class Http2End {
  public:
    Http2End(Http2Connection& connection, Http2Session::Id id);
    ~Http2End();
    Http2End(const Http2End&) = delete;
    Http2End& operator=(const Http2End&) = delete;

    /// Until its head came.
    net::Task<Result<void>> headed();
    net::Task<Result<ByteView>> read();
    net::Task<Result<void>> write(ByteView part, bool last);

    Http2Session::Stream& stream() { return *connection_.session().find(id_); }
    const Http2Session::Stream& stream() const { return *connection_.session().find(id_); }
    Http2Session::Id id() const { return id_; }
    void expires_after(net::Millis time);
    void expire_if_due(MonoNs now);
    void cut(Error why);
    void tell() { changed_.notify(); }

  private:
    Http2Connection& connection_;
    const Http2Session::Id id_;
    net::Event changed_;
    Bytes taken_;
    MonoNs deadline_ = 0;
};

}  // namespace narrows::http
