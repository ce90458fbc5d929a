#include "protocols/aws/adapter/event_upload.h"

namespace narrows::aws {

using recording::Await;
using recording::Direction;

namespace {

constexpr net::Millis kRecordingTick{1};

}  // namespace

/// One event of the agent's: its own message, empty if it closes the stream. ErrorCode::
/// unauthenticated: its signature is not that of the session; ErrorCode::invalid: it is no signed
/// event, what it holds is no message, or it comes after the one that closes.
Result<ByteView> EventUpload::open(const codec::EventMessage& signed_event) {
    NARROWS_TRY(const sigv4::SignedEvent event, sigv4::read_signed_event(signed_event));
    const std::string expected = verifier_.sign(event.time_ms, crypto::sha256(event.payload));
    if (!crypto::equal_constant_time(expected, event.signature)) {
        return fail(ErrorCode::unauthenticated,
                    "the signature of an event is not one that the session's credential makes");
    }
    if (closed_) {
        return fail(ErrorCode::invalid, "an event comes after the one that closes the stream");
    }
    closed_ = event.payload.empty();
    if (!closed_) {
        NARROWS_TRY(const codec::EventMessage inner, codec::decode_event_message(event.payload));
        count_.add(inner);
    }
    return event.payload;
}

net::Task<void> EventUpload::run() {
    Result<void> passed = ok();
    while (passed.has_value() && !of_.agent.body_done()) {
        if (!over_) {
            of_.agent.expires_after(of_.services.limits.idle_max);
        }
        const Result<ByteView> part = co_await of_.agent.read_body();
        if (!part.has_value()) {
            passed = fail(part.error());
        } else {
            passed = co_await take(part.value());
        }
    }
    if (passed.has_value() && !closed_) {
        passed = fail(ErrorCode::closed, "the agent's events ended without the one that closes");
    }
    if (!passed.has_value() && !over_) {
        why_ = passed.error().what;
        upstream_.close();
    }
}

net::Task<Result<void>> EventUpload::take(ByteView part) {
    if (!over_) {
        decoder_.push(part);
    }
    while (!over_) {
        const Result<std::optional<codec::EventMessage>> next = decoder_.next();
        if (!next.has_value()) {
            co_return fail(next.error());
        }
        if (!next.value()) {
            break;
        }
        const Result<ByteView> event = open(*next.value());
        if (!event.has_value()) {
            co_return fail(event.error());
        }
        const Result<void> passed = co_await pass(event.value());
        if (!passed.has_value()) {
            co_return passed;
        }
    }
    co_return ok();
}

/// Recorded, then signed anew and sent. The closing event goes only after all of the body is
/// durable, as the last bytes of an upload.
net::Task<Result<void>> EventUpload::pass(ByteView event) {
    const Result<void> held = co_await record(event);
    if (!held.has_value() || over_) {
        co_return held;
    }
    const std::int64_t now_ms = of_.services.clock.wall() / kNsPerMs;
    const Result<std::string> signature =
        co_await of_.services.signer.sign_event(number_, now_ms, crypto::sha256(event));
    if (!signature.has_value()) {
        co_return fail(signature.error());
    }
    if (over_) {
        co_return ok();  // the answer ended meanwhile, and nothing may follow its outcome
    }
    const Bytes out = sigv4::write_signed_event({now_ms, signature.value(), event});
    upstream_.expires_after(of_.services.limits.idle_max);
    Result<void> written = co_await upstream_.write_body(out);
    upstream_.expires_after(of_.services.limits.answer_max);  // the answer is awaited all the while
    if (written.has_value() && closed_) {
        written = co_await upstream_.finish_body();
        finished_ = written.has_value();
    }
    // If AWS hears no more, what it answered may still come.
    over_ = over_ || !written.has_value();
    co_return ok();
}

net::Task<Result<void>> EventUpload::record(ByteView event) {
    if (!of_.permit.spend(event.size())) {
        co_return fail(ErrorCode::exhausted, "the connection's budget of bytes is used up");
    }
    const std::uint64_t index = index_;
    index_ += recording::body_parts(event.size());
    bytes_ += event.size();
    const Await await = closed_ ? Await::durable : Await::held;
    recording_ = true;
    const Result<void> held =
        co_await of_.permit.log().body(of_.permit.op(), Direction::request, index, event, await);
    recording_ = false;
    co_return held;
}

net::Task<void> EventUpload::end() {
    if (ended_) {
        co_return;
    }
    over_ = true;
    ended_ = true;
    while (recording_) {
        co_await net::sleep_for(kRecordingTick);
    }
    if (!closed_) {
        (void)co_await of_.permit.log().body(of_.permit.op(), Direction::request, index_,
                                             ByteView(), Await::held);
    }
}

}  // namespace narrows::aws
