#include "http/http2_server.h"

#include <array>
#include <memory>

namespace narrows::http {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// One stream of an agent's connection.
class Http2ServerExchange final : public ServerExchange {
  public:
    Http2ServerExchange(Http2Connection& connection, Http2Session::Id id)
        : connection_(connection), end_(connection, id) {}

    std::string_view version() const override { return "2"; }
    net::Endpoint peer() const override { return connection_.peer(); }
    net::Task<Result<ByteView>> read_body() override { return end_.read(); }
    bool body_done() const override { return end_.stream().ended && end_.stream().body.empty(); }
    std::optional<std::uint64_t> content_length() const override { return end_.stream().length; }
    bool has_body() const override { return !body_done(); }
    void must_close() override {}  // a stream has no successor

    net::Task<Result<void>> write_continue() override;
    net::Task<Result<void>> write_message(const ResponseHead& head, ByteView body,
                                          bool is_head) override;
    net::Task<Result<void>> write_head(const ResponseHead& head, Framing framing) override;
    net::Task<Result<void>> write_body(ByteView part) override { return end_.write(part, false); }
    net::Task<Result<void>> finish_body() override { return end_.write({}, true); }

    void expires_after(net::Millis time) override { end_.expires_after(time); }
    void close() override { end_.cut({ErrorCode::closed, "the exchange was cut"}); }
    bool is_open() const override { return !end_.stream().failed; }

    Http2Session::Stream& stream() { return end_.stream(); }

  private:
    Result<void> state() const {
        return end_.stream().failed ? Result<void>(fail(*end_.stream().failed)) : ok();
    }

    Http2Connection& connection_;
    Http2End end_;
};

net::Task<Result<void>> Http2ServerExchange::write_continue() {
    connection_.session().interim(end_.id(), 100);
    connection_.wake();
    co_return state();
}

net::Task<Result<void>> Http2ServerExchange::write_message(const ResponseHead& head, ByteView body,
                                                           bool is_head) {
    const bool bodiless = head.status == 204 || head.status == 304;
    const Framing framing = bodiless || is_head ? Framing::none() : Framing::sized(body.size());
    const bool ends = bodiless || is_head || body.empty();
    if (!end_.stream().failed) {
        connection_.session().answer(end_.id(), head, framing, ends);
        connection_.wake();
    }
    if (ends) {
        co_return state();
    }
    co_return co_await end_.write(body, true);
}

net::Task<Result<void>> Http2ServerExchange::write_head(const ResponseHead& head, Framing framing) {
    if (!end_.stream().failed) {
        connection_.session().answer(end_.id(), head, framing, false);
        connection_.wake();
    }
    co_return state();
}

/// One connection with its exchanges. Shared with them: when a loop ends its coroutines are
/// destroyed in no order.
class Http2Server : public std::enable_shared_from_this<Http2Server> {
  public:
    Http2Server(net::Loop& loop, net::Stream& stream, Http2Bounds bounds, net::Millis idle_max,
                Http2Handlers handlers)
        : loop_(loop),
          connection_(loop, stream, Http2Session::Side::server, bounds),
          handlers_(std::move(handlers)),
          left_(loop) {
        connection_.set_idle_max(idle_max);
    }

    net::Task<Result<void>> run(Bytes began) {
        begin([this] { return connection_.write(); });
        Http2Connection::OnRequest on_request = [this](Http2Session::Id id) { take(id); };
        const Result<void> held =
            co_await connection_.read(std::move(began), std::move(on_request));
        while (under_way_ > 0) {
            co_await left_.wait();
        }
        co_return held;
    }

  private:
    /// A coroutine beside this one, which waits for its end.
    void begin(std::function<net::Task<void>()> story) {
        ++under_way_;
        loop_.spawn([self = shared_from_this(), story = std::move(story)]() -> net::Task<void> {
            co_await story();
            --self->under_way_;
            self->left_.notify();
        });
    }

    void take(Http2Session::Id id) {
        if (handlers_.draining()) {
            connection_.session().refuse(id);
            connection_.session().go_away();
            return;
        }
        begin([this, id] { return answer(id); });
    }

    net::Task<void> answer(Http2Session::Id id) {
        Http2ServerExchange exchange(connection_, id);
        Http2Session::Stream& stream = exchange.stream();
        const Malformed malformed = std::move(stream.malformed);
        if (!malformed.why.empty()) {
            const Error why{stream.refusal, malformed.why};
            co_await handlers_.refuse(exchange, malformed, why);
            co_return;
        }
        if (stream.failed) {
            co_return;  // taken back before anything was made of it
        }
        RequestHead head = std::move(stream.request);
        co_await handlers_.serve(exchange, std::move(head));
    }

    net::Loop& loop_;
    Http2Connection connection_;
    const Http2Handlers handlers_;
    net::Event left_;
    std::size_t under_way_ = 0;
};

}  // namespace

net::Task<Result<bool>> begins_http2(net::Stream& stream, Bytes& read) {
    while (read.size() < kPreface.size() && kPreface.starts_with(as_text(read))) {
        std::array<std::uint8_t, kPreface.size()> more{};
        const std::span<std::uint8_t> room = std::span(more).first(more.size() - read.size());
        const Result<std::size_t> size = co_await stream.read_some(room);
        if (!size.has_value()) {
            co_return fail(size.error());
        }
        append(read, ByteView(more).first(size.value()));
    }
    co_return as_text(read) == kPreface;
}

net::Task<Result<void>> serve_http2(net::Loop& loop, net::Stream& stream, Bytes began,
                                    Http2Bounds bounds, net::Millis idle_max,
                                    Http2Handlers handlers) {
    const auto server =
        std::make_shared<Http2Server>(loop, stream, bounds, idle_max, std::move(handlers));
    co_return co_await server->run(std::move(began));
}

}  // namespace narrows::http
