#include "gateway/s3_client.h"

#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "codec/text.h"
#include "gateway/own_credentials.h"
#include "protocols/aws/upstream/sts.h"

namespace narrows::gateway {
namespace {

constexpr std::chrono::milliseconds kFirstWait(250);
constexpr int kWaitFactor = 3;

/// Whether the same question may be answered a moment later:
/// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
bool is_passing(const Result<S3Answer>& answered) {
    if (!answered.has_value()) {
        const ErrorCode code = answered.error().code;
        return code == ErrorCode::unavailable || code == ErrorCode::io ||
               code == ErrorCode::timeout || code == ErrorCode::closed;
    }
    const S3Answer& answer = answered.value();
    return answer.status == 429 || (answer.status >= 500 && answer.status != 501) ||
           answer.code == "SlowDown" || answer.code == "RequestTimeout";
}

}  // namespace

Result<std::unique_ptr<S3Client>> S3Client::make(const S3Place& place, const Clock& clock,
                                                 Fetches& fetches) {
    std::unique_ptr<S3Client> client(new S3Client(place, clock, fetches.tries()));
    client->name_ = "s3://" + place.bucket + (place.prefix.empty() ? "" : "/" + place.prefix);
    NARROWS_TRY(client->find_endpoint());
    NARROWS_TRY(client->http_, fetches.for_ca(place.ca));
    NARROWS_TRY(client->credentials_http_, fetches.for_ca(""));
    client->host_ = host_with_file(place.credentials);
    client->credentials_ = std::make_unique<upstream::CredentialChain>(
        *client->host_, *client->credentials_http_, clock, chain_options(place.region));
    return client;
}

/// A bucket with a dot in its name fits no wildcard certificate.
Result<void> S3Client::find_endpoint() {
    path_style_ = place_.path_style || place_.bucket.find('.') != std::string::npos;
    if (place_.endpoint.empty()) {
        NARROWS_TRY(target_.host, aws_host("s3", place_.region));
    } else {
        NARROWS_TRY(target_, upstream::parse_endpoint_url(place_.endpoint));
    }
    if (!path_style_) {
        target_.host = place_.bucket + "." + target_.host;
    }
    return ok();
}

std::string S3Client::full_key(std::string_view key) const {
    const bool apart = !place_.prefix.empty() && !key.empty();
    return place_.prefix + (apart ? "/" : "") + std::string(key);
}

std::string S3Client::target_of(const S3Ask& ask) const {
    std::string target = path_style_ ? "/" + place_.bucket : "";
    if (!ask.key.empty()) {
        target += "/" + codec::percent_encode(full_key(ask.key), "/");
    }
    if (target.empty()) {
        target = "/";
    }
    char before = '?';
    for (const codec::Pair& each : ask.query) {
        target +=
            before + codec::percent_encode(each.name) + "=" + codec::percent_encode(each.value);
        before = '&';
    }
    return target;
}

Result<upstream::FetchRequest> S3Client::signed_request(const S3Ask& ask,
                                                        const crypto::Digest& sha256) {
    NARROWS_TRY(upstream::HostCredentials host, credentials_->get(place_.profile));
    const std::string digest = codec::hex(sha256);
    upstream::FetchRequest request;
    request.target = target_;
    request.timeout_ms = ask.timeout_ms;
    request.response_bytes_max = ask.answer_max;
    request.head = {ask.method,
                    target_of(ask),
                    {{"Host", target_.authority()}, {"x-amz-content-sha256", digest}}};
    request.head.headers.insert(request.head.headers.end(), ask.headers.begin(), ask.headers.end());
    NARROWS_TRY(sigv4::Signed made, sigv4::sign(request.head, digest, host.credentials,
                                                place_.region, "s3", clock_.wall(), keys_));
    std::move(made.headers.begin(), made.headers.end(), std::back_inserter(request.head.headers));
    return request;
}

S3Answer S3Client::answer_of(const S3Ask& ask, const upstream::FetchResponse& response) {
    S3Answer answer{response.head.status, response.head.headers, to_bytes(response.body.view()),
                    ""};
    if (answer.status >= 300 || ask.method == "POST") {
        answer.code = upstream::parse_service_error(as_text(answer.body)).code;
    }
    return answer;
}

/// Signed anew each time: a signature is good for a quarter of an hour.
Result<S3Answer> S3Client::ask(const S3Ask& ask) {
    const bool changes_nothing = ask.method == "GET" || ask.method == "HEAD";
    const crypto::Digest sha256 = crypto::sha256(ask.body);
    std::chrono::milliseconds wait = kFirstWait;
    for (int left = changes_nothing && !is_down_ ? tries_ : 1;; --left) {
        NARROWS_TRY(upstream::FetchRequest request, signed_request(ask, sha256));
        request.body = Secret(ask.body);
        const Result<upstream::FetchResponse> response = http_->fetch(request);
        Result<S3Answer> answered = response.has_value()
                                        ? Result<S3Answer>(answer_of(ask, response.value()))
                                        : fail(response.error());
        const bool is_in_vain = is_passing(answered);
        if (left <= 1 || !is_in_vain) {
            is_down_ = is_in_vain;
            return answered;
        }
        std::this_thread::sleep_for(wait);
        wait *= kWaitFactor;
    }
}

Result<S3Answer> S3Client::send(const S3Ask& ask, const archive::Content& content,
                                const crypto::Digest& sha256) {
    NARROWS_TRY(const upstream::FetchRequest request, signed_request(ask, sha256));
    const Upload upload{content.size(), [&content](std::uint64_t offset, std::size_t size) {
                            return content.read(offset, size);
                        }};
    NARROWS_TRY(const upstream::FetchResponse response, http_->upload(request, upload));
    return answer_of(ask, response);
}

Error S3Client::odd(const S3Answer& answer, std::string_view doing, std::string_view key) const {
    const std::string what =
        fmt::format("{} answers {} {} to {} {}", name_, answer.status,
                    answer.code.empty() ? "(no error code)" : answer.code, doing, key);
    if (answer.status == 404) {
        return {answer.code == "NoSuchBucket" ? ErrorCode::denied : ErrorCode::not_found,
                what + ": it is not there"};
    }
    if (answer.status == 401 || answer.status == 403) {
        return {ErrorCode::denied,
                what +
                    ": check the bucket's policy and what the gateway's credentials may do "
                    "(docs/archive.md lists it)"};
    }
    if (answer.status == 400) {
        return {ErrorCode::denied,
                what +
                    ": check that the bucket has versioning and Object Lock, that the region "
                    "is its own, and that the clock is right"};
    }
    return {ErrorCode::unavailable, what + ": it cannot for now"};
}

}  // namespace narrows::gateway
