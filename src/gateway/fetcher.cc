#include "gateway/fetcher.h"

#include <future>

#include "http/connection.h"
#include "io/file.h"
#include "protocols/aws/adapter/dialing.h"

namespace narrows::gateway {

namespace {

/// Resolving, connecting, securing, asking: each has the request's timeout.
constexpr int kStepsMax = 4;

upstream::FetchRequest copy_of(const upstream::FetchRequest& request) {
    return {request.target, request.head, request.body.copy(), request.timeout_ms,
            request.response_bytes_max};
}

}  // namespace

Result<upstream::FetchResponse> Fetcher::fetch(const upstream::FetchRequest& request) {
    // Copies: the caller may have given up by the time the exchange ends.
    auto done = std::make_shared<std::promise<Result<upstream::FetchResponse>>>();
    auto asked = std::make_shared<upstream::FetchRequest>(copy_of(request));
    net::Loop& loop = loops_.next();
    loop.spawn([this, &loop, done, asked]() -> net::Task<void> {
        Result<upstream::FetchResponse> response = co_await exchange(loop, *asked);
        done->set_value(std::move(response));
    });
    std::future<Result<upstream::FetchResponse>> answer = done->get_future();
    if (answer.wait_for(net::Millis(kStepsMax * request.timeout_ms)) != std::future_status::ready) {
        return fail(ErrorCode::timeout, request.target.host + " does not answer in time");
    }
    return answer.get();
}

net::Task<Result<upstream::FetchResponse>> Fetcher::exchange(
    net::Loop& loop, const upstream::FetchRequest& request) {
    Result<net::StreamPtr> stream = co_await aws::dial(loop, request.target, own_listeners_, tls_,
                                                       net::Millis(request.timeout_ms));
    if (!stream.has_value()) {
        co_return fail(stream.error());
    }
    stream.value()->expires_after(net::Millis(request.timeout_ms));
    http::ClientConnection connection(std::move(stream.value()), http::Bounds{});
    http::RequestHead head = request.head;
    http::set(head.headers, "Connection", "close");
    const bool bodiless = request.body.empty() && head.method == "GET";
    const http::Framing framing =
        bodiless ? http::Framing::none() : http::Framing::sized(request.body.view().size());
    const Result<void> written = co_await connection.write_head(head, framing, request.body.view());
    if (!written.has_value()) {
        co_return fail(written.error());
    }
    Result<http::ResponseHead> answer = co_await connection.read_head(head.method);
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
