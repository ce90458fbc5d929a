#include "http/http2_connection.h"

#include <vector>

#include "base/secret.h"

namespace narrows::http {
namespace {

constexpr std::size_t kReadBytes = 32 * 1024;
/// A head must come whole within this time.
constexpr MonoNs kHeadNsMax = 20 * kNsPerSecond;
/// A write that the peer takes nothing of for so long ends the connection.
constexpr MonoNs kWriteNsMax = 60 * kNsPerSecond;
/// So long has the peer to take what is left for it, and then to end the connection.
constexpr net::Millis kLastWriteMax{10'000};
constexpr net::Millis kLastWordMax{2'000};
/// What it may send while it has not heard them.
constexpr std::size_t kUnheardMax = 256 * 1024;

MonoNs now() {
    return system_clock().mono();
}

}  // namespace

Http2Connection::Http2Connection(net::Loop& loop, net::Stream& stream, Http2Session::Side side,
                                 Http2Bounds bounds)
    : loop_(loop), stream_(stream), session_(side, bounds), written_(loop), used_(now()) {
    stream_.expires_after(net::Millis(0));
    loop_.watch(this);
}

Http2Connection::~Http2Connection() {
    loop_.unwatch(this);
}

net::Task<Result<void>> Http2Connection::read(Bytes began, OnRequest on_request) {
    Bytes buffer(kReadBytes);
    ByteView came = began;
    Error why{ErrorCode::closed, "the connection is over"};
    Result<void> held = ok();
    bool ends_here = false;
    while (true) {
        const Result<void> fed = session_.feed(came, now());
        wipe(buffer.data(), came.size());
        tell_touched(on_request);
        wake();
        if (!fed.has_value() || session_.over()) {
            why = fed.has_value() ? why : fed.error();
            held = fed;
            ends_here = true;
            break;
        }
        const Result<std::size_t> size = co_await stream_.read_some(buffer);
        if (!size.has_value()) {
            why = size.error();
            break;
        }
        came = ByteView(buffer).first(size.value());
    }
    end(why);
    // What is unread when a socket closes takes the last words with it.
    std::size_t unheard = 0;
    while (ends_here && unheard < kUnheardMax) {
        const Result<std::size_t> size = co_await stream_.read_some(buffer);
        if (!size.has_value()) {
            break;
        }
        unheard += size.value();
    }
    stream_.close();
    if (held.has_value() && !session_.broken().empty()) {
        held = fail(ErrorCode::invalid, session_.broken());
    }
    co_return held;
}

net::Task<void> Http2Connection::write() {
    while (true) {
        const ByteView out = session_.output();
        tell_touched({});
        if (out.empty()) {
            if (ending_ || session_.over()) {
                break;
            }
            co_await written_.wait();
            continue;
        }
        writing_since_ = now();
        const Result<void> written = co_await stream_.write(out);
        writing_since_ = 0;
        if (!written.has_value()) {
            co_return stream_.close();
        }
    }
    stream_.shutdown_write();
    stream_.expires_after(kLastWordMax);
}

/// Who waits for a stream is told; what nobody holds yet is a new request.
void Http2Connection::tell_touched(const OnRequest& on_request) {
    for (const Http2Session::Id id : session_.take_touched()) {
        const auto held = ends_.find(id);
        Http2Session::Stream* const stream = session_.find(id);
        if (held != ends_.end()) {
            held->second->tell();
        } else if (stream != nullptr && !stream->announced && stream->failed) {
            session_.forget(id);
        } else if (stream != nullptr && !stream->announced && stream->headed && on_request) {
            stream->announced = true;
            on_request(id);
        }
    }
}

void Http2Connection::end(const Error& why) {
    ending_ = true;
    session_.fail_all(why);
    tell_touched({});
    stream_.expires_after(kLastWriteMax);
    wake();
}

void Http2Connection::leave(Http2Session::Id id) {
    ends_.erase(id);
    session_.forget(id);
    used_ = now();
    wake();
}

void Http2Connection::expire_if_due(MonoNs at) {
    for (const auto& [id, each] : ends_) {
        each->expire_if_due(at);
    }
    const MonoNs heading = session_.heading_since();
    if ((heading != 0 && at - heading > kHeadNsMax) ||
        (writing_since_ != 0 && at - writing_since_ > kWriteNsMax)) {
        stream_.close();
    }
    const bool idle = session_.size() == 0 && idle_max_.count() != 0;
    if (idle && at - used_ > idle_max_.count() * kNsPerMs) {
        session_.go_away();
        wake();
    }
}

Http2End::Http2End(Http2Connection& connection, Http2Session::Id id)
    : connection_(connection), id_(id), changed_(connection.loop()) {
    connection_.enter(id_, this);
}

Http2End::~Http2End() {
    connection_.leave(id_);
}

net::Task<Result<void>> Http2End::headed() {
    while (!stream().headed) {
        if (stream().failed) {
            co_return fail(*stream().failed);
        }
        co_await changed_.wait();
    }
    co_return ok();
}

net::Task<Result<ByteView>> Http2End::read() {
    while (true) {
        Http2Session::Stream& s = stream();
        taken_ = std::exchange(s.body, {});
        if (!taken_.empty()) {
            connection_.session().consumed(id_, taken_.size());
            connection_.wake();
            co_return ByteView(taken_);
        }
        if (s.ended) {
            co_return ByteView();
        }
        if (s.failed) {
            co_return fail(*s.failed);
        }
        co_await changed_.wait();
    }
}

/// Returns when all of it is on its way, so that a slow peer holds up whoever writes.
net::Task<Result<void>> Http2End::write(ByteView part, bool last) {
    if (!stream().failed) {
        connection_.session().send(id_, part, last);
        connection_.wake();
    }
    while (!stream().failed && stream().sends()) {
        co_await changed_.wait();
    }
    if (stream().failed && !stream().finished) {
        co_return fail(*stream().failed);
    }
    co_return ok();
}

void Http2End::expires_after(net::Millis time) {
    deadline_ = time.count() == 0 ? 0 : now() + time.count() * kNsPerMs;
}

void Http2End::expire_if_due(MonoNs at) {
    if (deadline_ != 0 && at >= deadline_) {
        deadline_ = 0;
        cut({ErrorCode::timeout, "the peer was too slow: the deadline has passed"});
    }
}

void Http2End::cut(Error why) {
    connection_.session().cut(id_, std::move(why));
    changed_.notify();
    connection_.wake();
}

}  // namespace narrows::http
