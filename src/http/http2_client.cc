#include "http/http2_client.h"

namespace narrows::http {
namespace {

/// One stream at a time: what one may hold, the connection may.
constexpr Http2Bounds kUpstream{
    .streams_max = 0, .stream_window = 256 * 1024, .connection_window = 256 * 1024};

}  // namespace

struct Http2Client::Link {
    Link(net::Loop& loop, net::StreamPtr connected)
        : stream(std::move(connected)),
          connection(loop, *stream, Http2Session::Side::client, kUpstream) {}
    const net::StreamPtr stream;
    Http2Connection connection;
};

Http2Client::Http2Client(net::Loop& loop, net::StreamPtr stream, bool tls)
    : link_(std::make_shared<Link>(loop, std::move(stream))), tls_(tls) {
    loop.spawn([link = link_]() -> net::Task<void> {
        Http2Connection::OnRequest on_request;  // AWS asks nothing
        const Result<void> held = co_await link->connection.read(Bytes(), std::move(on_request));
        static_cast<void>(held);  // whoever has a stream is told
    });
    loop.spawn([link = link_] { return link->connection.write(); });
}

Http2Client::~Http2Client() {
    end_.reset();
    link_->connection.close();
}

net::Task<Result<void>> Http2Client::write_head(const RequestHead& head, Framing framing,
                                                ByteView first) {
    const bool chunked = framing.kind == Framing::Kind::chunked;
    const bool bodiless = !chunked && framing.length == 0;
    Http2Connection& connection = link_->connection;
    end_.reset();
    if (!connection.is_open()) {
        co_return fail(ErrorCode::closed, "the target closed the connection");
    }
    const Result<Http2Session::Id> id = connection.session().request(head, framing, tls_, bodiless);
    if (!id.has_value()) {
        co_return fail(id.error());
    }
    end_.emplace(connection, id.value());
    end_->expires_after(patience_);
    connection.wake();
    if (bodiless || first.empty()) {
        co_return ok();
    }
    const bool is_all = !chunked && first.size() == framing.length;
    co_return co_await end_->write(first, is_all);
}

net::Task<Result<void>> Http2Client::write_body(ByteView part) {
    return end_->write(part, false);
}
net::Task<Result<void>> Http2Client::finish_body() {
    return end_->write({}, true);
}

net::Task<Result<ResponseHead>> Http2Client::read_head(const std::string&) {
    const Result<void> headed = co_await end_->headed();
    if (!headed.has_value()) {
        co_return fail(headed.error());
    }
    co_return end_->stream().response;
}

bool Http2Client::ended_well() const {
    return end_ && body_done() && end_->stream().finished && link_->connection.is_open() &&
           !link_->connection.session().is_going();
}

void Http2Client::expires_after(net::Millis time) {
    patience_ = time;
    if (end_) {
        end_->expires_after(time);
    }
}

void Http2Client::close() {
    link_->connection.close();
}

}  // namespace narrows::http
