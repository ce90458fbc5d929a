#include "apps/client/http_client.h"

#include <future>

#include "http/connection.h"
#include "protocols/aws/adapter/dialing.h"

namespace narrows::client {

Result<std::unique_ptr<HttpClient>> HttpClient::make() {
    NARROWS_TRY(auto tls, net::TlsClientContext::make(""));
    return std::unique_ptr<HttpClient>(new HttpClient(std::move(tls)));
}

HttpClient::HttpClient(std::shared_ptr<net::TlsClientContext> tls)
    : tls_(std::move(tls)), thread_([this] { loops_.run(); }) {}

HttpClient::~HttpClient() {
    loops_.stop();
    thread_.join();
}

Result<upstream::FetchResponse> HttpClient::fetch(const upstream::FetchRequest& request) {
    std::promise<Result<upstream::FetchResponse>> done;
    loops_.at(0).spawn([&]() -> net::Task<void> {
        Result<upstream::FetchResponse> response = co_await exchange(request);
        done.set_value(std::move(response));
    });
    return done.get_future().get();
}

net::Task<Result<upstream::FetchResponse>> HttpClient::exchange(
    const upstream::FetchRequest& request) {
    const net::Millis timeout(request.timeout_ms);
    const std::vector<upstream::Listener> none;
    Result<net::StreamPtr> stream =
        co_await aws::dial(loops_.at(0), request.target, none, *tls_, timeout);
    if (!stream.has_value()) {
        co_return fail(stream.error());
    }
    stream.value()->expires_after(timeout);
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

}  // namespace narrows::client
