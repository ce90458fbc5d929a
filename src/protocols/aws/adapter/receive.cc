#include <fmt/format.h>

#include "codec/text.h"
#include "protocols/aws/adapter/exchange.h"
#include "protocols/aws/adapter/request_integrity.h"
#include "protocols/aws/decode/decode.h"

namespace narrows::aws {

using model::Reason;

namespace {

/// Bodies of refused requests are kept up to this size; beyond it the connection is closed.
constexpr std::size_t kRefusedBodyMax = 256 * 1024;
constexpr net::Millis kRefusedBodyTime{5'000};
constexpr net::Millis kHeldBodyTime{60'000};

}  // namespace

net::Task<Result<Bytes>> Exchange::read_whole(std::size_t size_max) {
    if (agent_.content_length().value_or(0) > size_max) {
        co_return fail(ErrorCode::exhausted,
                       fmt::format("The request's body is larger than the {} bytes that are held "
                                   "in memory for this kind of operation",
                                   size_max));
    }
    if (agent_.has_body() && !http::header(proof_.asked().headers, "expect").empty() &&
        !continue_sent_) {
        continue_sent_ = true;
        const Result<void> written = co_await agent_.write_continue();
        if (!written.has_value()) {
            co_return fail(written.error());
        }
    }
    // One deadline for the whole body: it is small, and nothing holds it to account yet.
    agent_.expires_after(kHeldBodyTime);
    co_return co_await collect(size_max);
}

/// The rest of the body, within the deadline that is set.
net::Task<Result<Bytes>> Exchange::collect(std::size_t size_max) {
    Bytes body = form_ ? std::move(form_->begun) : Bytes();
    while (!agent_.body_done()) {
        const Result<ByteView> part = co_await agent_.read_body();
        if (!part.has_value()) {
            co_return fail(part.error());
        }
        if (body.size() + part.value().size() > size_max) {
            co_return fail(ErrorCode::exhausted, "The request's body is larger than allowed");
        }
        if (!form_) {
            append(body, part.value());
            continue;
        }
        const Result<void> read = form_->reader.push(part.value(), body);
        if (!read.has_value()) {
            co_return fail(read.error());
        }
    }
    co_return body;
}

net::Task<std::optional<Rejection>> Exchange::take_held_body() {
    Result<Bytes> raw = co_await read_whole(services_.limits.body_bytes_max);
    if (!raw.has_value()) {
        agent_.must_close();
        co_return reject(Reason::not_recognised, "RequestEntityTooLarge", raw.error().what);
    }
    raw_body_ = std::move(raw.value());
    body_read_ = true;
    bytes_request_ = raw_body_.size();
    const Result<void> whole = form_ ? form_->reader.finish() : Result<void>(ok());
    if (!whole.has_value()) {
        co_return not_recognised(whole.error());
    }
    std::optional<Rejection> rejection =
        proof_.check_size(raw_body_.size(), named_.bucket, services_.clock.wall());
    co_return rejection ? rejection : check_held_body(raw_body_);
}

/// The fields of a browser's upload, with what came of the file; nobody is known yet, so they are
/// few and have one deadline.
net::Task<std::optional<Rejection>> Exchange::receive_form() {
    const auto malformed = [](const Error& error) {
        return reject_as_bad(Reason::not_recognised, "MalformedPOSTRequest", error.what);
    };
    Result<codec::FormUpload> reader =
        codec::FormUpload::of(http::header(proof_.asked().headers, "content-type"));
    if (!reader.has_value()) {
        co_return malformed(reader.error());
    }
    PostedForm form{std::move(reader.value()), {}, {}};
    if (!http::header(proof_.asked().headers, "expect").empty()) {
        continue_sent_ = true;
        const Result<void> written = co_await agent_.write_continue();
        if (!written.has_value()) {
            co_return malformed(written.error());
        }
    }
    agent_.expires_after(kRefusedBodyTime);
    form_begun_ = true;
    while (!agent_.body_done() && !form.reader.in_file()) {
        const Result<ByteView> part = co_await agent_.read_body();
        if (!part.has_value()) {
            co_return malformed(part.error());
        }
        const Result<void> read = form.reader.push(part.value(), form.begun);
        if (!read.has_value()) {
            co_return malformed(read.error());
        }
    }
    form.fields = fields_of(form.reader);
    form_.emplace(std::move(form));
    co_return std::nullopt;
}

/// Hash, signature, framing and checksums of a body that is in memory, then its plain form.
std::optional<Rejection> Exchange::check_held_body(const Bytes& raw) {
    body_sha256_ = crypto::sha256(raw);
    if (payload_.kind == sigv4::PayloadKind::absent) {
        std::optional<Rejection> rejection = proof_.verify(services_, named_.bucket, body_sha256_);
        if (rejection) {
            return rejection;
        }
    }
    if (payload_.chunked()) {
        return reject(Reason::not_recognised, "AccessDenied",
                      "aws-chunked bodies are only taken for uploads");
    }
    Result<sigv4::BodyCheck> check =
        sigv4::BodyCheck::of(proof_.asked(), payload_, checksums_cover_body());
    if (!check.has_value()) {
        return not_recognised(check.error());
    }
    check.value().update(raw);
    const Result<sigv4::BodyReport> report = check.value().finish();
    if (!report.has_value()) {
        return not_recognised(report.error());
    }
    if (!raw.empty() || !report.value().held()) {
        integrity_ = integrity_value(payload_, report.value());
    }
    if (!report.value().held()) {
        return body_mismatch(report.value());
    }
    if (is_blob()) {
        plain_body_ = raw;  // a content coding belongs to the object then
        return std::nullopt;
    }
    Result<Bytes> plain = plain_body(proof_.asked(), raw, services_.limits.body_bytes_max);
    if (!plain.has_value()) {
        return not_recognised(plain.error());
    }
    plain_body_ = std::move(plain.value());
    return recognise_head();
}

/// The bytes of a refused request belong to its record, as far as they are few; they have one
/// deadline for all of them.
net::Task<void> Exchange::keep_refused_body() {
    const bool expects = !http::header(proof_.asked().headers, "expect").empty() && !continue_sent_;
    // Whoever sends events may wait for an answer before the first or between them.
    const bool waits = expects || http::header(proof_.asked().headers, "x-amz-content-sha256") ==
                                      "STREAMING-AWS4-HMAC-SHA256-EVENTS";
    const bool halved = form_begun_ && !form_;  // what is left of a form would pass for all of it
    if (!body_read_ && !agent_.body_done() && !waits && !halved &&
        agent_.content_length().value_or(0) <= kRefusedBodyMax) {
        agent_.expires_after(kRefusedBodyTime);
        Result<Bytes> raw = co_await collect(kRefusedBodyMax);
        if (raw.has_value()) {
            raw_body_ = std::move(raw.value());
            body_read_ = true;
            streamed_ = false;
        }
    }
    body_secret_ = body_secret_ || may_hold_secrets();
}

}  // namespace narrows::aws
