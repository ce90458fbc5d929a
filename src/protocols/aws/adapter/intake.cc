#include "protocols/aws/adapter/intake.h"

#include <fmt/format.h>

namespace narrows::aws {

using model::Reason;

namespace {

/// Bodies of refused requests are kept up to this size; beyond it the connection is closed.
constexpr std::size_t kRefusedBodyMax = 256 * 1024;
constexpr net::Millis kRefusedBodyTime{5'000};
constexpr net::Millis kHeldBodyTime{60'000};

Rejection malformed_form(const Error& error) {
    return reject_as_bad(Reason::not_recognised, "MalformedPOSTRequest", error.what);
}

}  // namespace

bool waits_for_invitation(const http::RequestHead& head) {
    return !http::header(head.headers, "expect").empty();
}

net::Task<Result<void>> invite(http::ServerExchange& agent, const http::RequestHead& head) {
    if (!waits_for_invitation(head)) {
        co_return ok();
    }
    co_return co_await agent.write_continue();
}

net::Task<std::optional<Rejection>> Intake::begin_form(const http::RequestHead& head) {
    Result<codec::FormUpload> reader =
        codec::FormUpload::of(http::header(head.headers, "content-type"));
    if (!reader.has_value()) {
        co_return malformed_form(reader.error());
    }
    PostedForm form{std::move(reader.value()), {}, {}};
    invited_ = waits_for_invitation(head);
    const Result<void> asked = co_await invite(agent_, head);
    if (!asked.has_value()) {
        co_return malformed_form(asked.error());
    }
    agent_.expires_after(kRefusedBodyTime);
    form_begun_ = true;
    while (!agent_.body_done() && !form.reader.in_file()) {
        const Result<ByteView> part = co_await agent_.read_body();
        if (!part.has_value()) {
            co_return malformed_form(part.error());
        }
        const Result<void> read = form.reader.push(part.value(), form.begun);
        if (!read.has_value()) {
            co_return malformed_form(read.error());
        }
    }
    form.fields = fields_of(form.reader);
    form_.emplace(std::move(form));
    co_return std::nullopt;
}

net::Task<Result<Bytes>> Intake::read_whole(const http::RequestHead& head, std::size_t size_max) {
    if (agent_.content_length().value_or(0) > size_max) {
        co_return fail(ErrorCode::exhausted,
                       fmt::format("The request's body is larger than the {} bytes that are held "
                                   "in memory for this kind of operation",
                                   size_max));
    }
    if (agent_.has_body() && !invited_) {
        invited_ = waits_for_invitation(head);
        const Result<void> asked = co_await invite(agent_, head);
        if (!asked.has_value()) {
            co_return fail(asked.error());
        }
    }
    // One deadline for the whole body: it is small, and nothing holds it to account yet.
    agent_.expires_after(kHeldBodyTime);
    co_return co_await collect(size_max);
}

/// The rest of the body, within the deadline that is set.
net::Task<Result<Bytes>> Intake::collect(std::size_t size_max) {
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

Result<void> Intake::check_whole() const {
    return form_ ? form_->reader.finish() : Result<void>(ok());
}

net::Task<std::optional<Bytes>> Intake::read_refused(const http::RequestHead& head) {
    // Whoever sends events may wait for an answer before the first or between them.
    const bool waits =
        (waits_for_invitation(head) && !invited_) ||
        http::header(head.headers, "x-amz-content-sha256") == "STREAMING-AWS4-HMAC-SHA256-EVENTS";
    const bool halved = form_begun_ && !form_;  // what is left of a form would pass for all of it
    if (agent_.body_done() || waits || halved ||
        agent_.content_length().value_or(0) > kRefusedBodyMax) {
        co_return std::nullopt;
    }
    agent_.expires_after(kRefusedBodyTime);
    Result<Bytes> raw = co_await collect(kRefusedBodyMax);
    if (!raw.has_value()) {
        co_return std::nullopt;
    }
    co_return std::move(raw.value());
}

}  // namespace narrows::aws
