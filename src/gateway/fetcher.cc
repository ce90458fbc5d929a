#include "gateway/fetcher.h"

#include <algorithm>
#include <chrono>
#include <future>

#include "io/file.h"
#include "protocols/aws/adapter/dialing.h"

namespace narrows::gateway {

/// What the loop works on; it outlives a caller that has given up.
struct Fetcher::Exchange {
    Exchange(net::Loop& on, const upstream::FetchRequest& asked)
        : loop(on), request(asked.copy()) {}
    /// A stream ends on its loop.
    ~Exchange() {
        loop.post([gone = std::move(connection)] {});
    }
    net::Millis timeout() const { return net::Millis(request.timeout_ms); }

    net::Loop& loop;
    const upstream::FetchRequest request;
    const std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();
    std::shared_ptr<http::ClientConnection> connection;  // shared with its end
};

namespace {

/// Resolving, connecting, securing, asking: each has the request's timeout.
constexpr int kStepsMax = 4;

/// How long the next step may be waited for.
template <class Exchange>
net::Millis patience(const Exchange& exchange) {
    const net::Millis steps = kStepsMax * exchange.timeout();
    const auto gone = std::chrono::steady_clock::now() - exchange.began;
    const auto left = net::Millis(exchange.request.whole_ms) - gone;
    return exchange.request.whole_ms == 0
               ? steps
               : std::min(steps, std::chrono::duration_cast<net::Millis>(left));
}

/// Runs `story` on the exchange's loop and waits for its end, as long as `patience` says.
template <class T, class Exchange>
Result<T> on_loop(const std::shared_ptr<Exchange>& exchange,
                  std::function<net::Task<Result<T>>()> story) {
    auto done = std::make_shared<std::promise<Result<T>>>();
    exchange->loop.spawn([done, exchange, story]() -> net::Task<void> {
        Result<T> outcome = co_await story();
        done->set_value(std::move(outcome));
    });
    std::future<Result<T>> outcome = done->get_future();
    if (outcome.wait_for(patience(*exchange)) != std::future_status::ready) {
        return fail(ErrorCode::timeout, exchange->request.target.host + " does not answer in time");
    }
    return outcome.get();
}

net::Task<Result<void>> write_piece(http::ClientConnection& connection, net::Millis timeout,
                                    std::shared_ptr<const Bytes> piece) {
    connection.expires_after(timeout);
    co_return co_await connection.write_body(*piece);
}

net::Task<Result<upstream::FetchResponse>> read_answer(http::ClientConnection& connection,
                                                       const upstream::FetchRequest& request) {
    connection.expires_after(net::Millis(request.timeout_ms));
    Result<http::ResponseHead> answer = co_await connection.read_head(request.head.method);
    if (!answer.has_value()) {
        co_return fail(answer.error());
    }
    Bytes body;
    while (!connection.body_done()) {
        const Result<ByteView> part = co_await connection.read_body();
        if (!part.has_value()) {
            co_return fail(part.error());
        }
        if (body.size() + part.value().size() > request.response_bytes_max) {
            co_return fail(ErrorCode::exhausted,
                           request.target.host + " answers with more than expected");
        }
        append(body, part.value());
    }
    co_return upstream::FetchResponse{std::move(answer.value()), Secret(std::move(body))};
}

}  // namespace

net::Task<Result<void>> Fetcher::dial(Shared exchange, http::Framing framing) {
    const upstream::FetchRequest& request = exchange->request;
    Result<net::StreamPtr> stream = co_await aws::dial(exchange->loop, request.target,
                                                       own_listeners_, tls_, exchange->timeout());
    if (!stream.has_value()) {
        co_return fail(stream.error());
    }
    stream.value()->expires_after(exchange->timeout());
    exchange->connection =
        std::make_shared<http::ClientConnection>(std::move(stream.value()), http::Bounds{});
    http::RequestHead head = request.head;
    http::set(head.headers, "Connection", "close");
    co_return co_await exchange->connection->write_head(head, framing, request.body.view());
}

Result<Fetcher::Shared> Fetcher::begin(const upstream::FetchRequest& request,
                                       http::Framing framing) {
    auto exchange = std::make_shared<Exchange>(loops_.next(), request);
    NARROWS_TRY(
        on_loop<void>(exchange, [this, exchange, framing] { return dial(exchange, framing); }));
    return exchange;
}

Result<upstream::FetchResponse> Fetcher::answer(const Shared& exchange) {
    return on_loop<upstream::FetchResponse>(
        exchange, [exchange] { return read_answer(*exchange->connection, exchange->request); });
}

Result<upstream::FetchResponse> Fetcher::fetch(const upstream::FetchRequest& request) {
    const bool bodiless = request.body.empty() && request.head.method == "GET";
    NARROWS_TRY(const Shared exchange,
                begin(request, bodiless ? http::Framing::none()
                                        : http::Framing::sized(request.body.view().size())));
    return answer(exchange);
}

Result<upstream::FetchResponse> Fetcher::upload(const upstream::FetchRequest& request,
                                                const Upload& body) {
    NARROWS_TRY(const Shared exchange, begin(request, http::Framing::sized(body.bytes)));
    Result<void> sent = ok();
    for (std::uint64_t at = 0; at < body.bytes && sent.has_value(); at += kPieceBytes) {
        NARROWS_TRY(Bytes bytes,
                    body.read(at, std::min<std::uint64_t>(kPieceBytes, body.bytes - at)));
        auto piece = std::make_shared<const Bytes>(std::move(bytes));
        sent = on_loop<void>(exchange, [exchange, piece] {
            return write_piece(*exchange->connection, exchange->timeout(), piece);
        });
    }
    Result<upstream::FetchResponse> answered = answer(exchange);
    return answered.has_value() || sent.has_value() ? std::move(answered)
                                                    : Result<upstream::FetchResponse>(sent.error());
}

Result<std::string> fetch_text(Fetcher& fetcher, const std::string& where) {
    constexpr std::uint64_t kMax = 256 * 1024;
    constexpr std::string_view kScheme = "https://";
    if (!where.starts_with(kScheme)) {
        NARROWS_TRY(const Bytes bytes, io::read_all(io::posix(), where, kMax));
        return narrows::to_string(bytes);
    }
    const std::size_t slash = where.find('/', kScheme.size());
    const std::string path = slash == std::string::npos ? "/" : where.substr(slash);
    upstream::FetchRequest request;
    NARROWS_TRY(request.target, upstream::parse_endpoint_url(where.substr(0, slash)));
    request.target.configured = false;
    request.head = {"GET", path, {{"Host", request.target.authority()}}};
    NARROWS_TRY(upstream::FetchResponse response, fetcher.fetch(request));
    if (response.head.status != 200) {
        return fail(ErrorCode::unavailable, where + " does not answer with 200");
    }
    return std::string(response.body.text());
}

}  // namespace narrows::gateway
