#include "protocols/aws/adapter/event_upload.h"

#include "protocols/aws/adapter/exchange.h"
#include "protocols/aws/decode/wire.h"

namespace narrows::aws {

using recording::Await;
using recording::Direction;

namespace {

/// How long an agent may go on speaking after the answer is over; nobody listens to it.
constexpr net::Millis kFarewell{2'000};
constexpr net::Millis kRecordingTick{1};

}  // namespace

Result<ByteView> EventUpload::open(const codec::EventMessage& signed_event) {
    NARROWS_TRY(const sigv4::SignedEvent event, sigv4::read_signed_event(signed_event));
    const std::string expected = verifier.sign(event.time_ms, crypto::sha256(event.payload));
    if (!crypto::equal_constant_time(expected, event.signature)) {
        return fail(ErrorCode::unauthenticated,
                    "the signature of an event is not one that the session's credential makes");
    }
    if (closed) {
        return fail(ErrorCode::invalid, "an event comes after the one that closes the stream");
    }
    closed = event.payload.empty();
    if (!closed) {
        NARROWS_TRY(const codec::EventMessage inner, codec::decode_event_message(event.payload));
        count.add(inner);
    }
    return event.payload;
}

/// Events and answer flow at the same time; the answer's side has the outcome.
net::Task<void> Exchange::converse(session::Permit& permit, http::ClientExchange& upstream,
                                   const signer::Signature& signature, const std::string& record) {
    if (!http::header(proof_.asked().headers, "expect").empty()) {
        const Result<void> asked = co_await agent_.write_continue();
        if (!asked.has_value()) {
            co_return co_await give_up(permit, asked.error(), true, record);
        }
    }
    events_.emplace(proof_.event_verifier(services_.keys), signature.upload);
    const auto there = [&]() { return send_events(permit, upstream); };
    const auto back = [&]() { return hear_answer(permit, upstream, record); };
    co_await net::both(there, back);
}

net::Task<void> Exchange::hear_answer(session::Permit& permit, http::ClientExchange& upstream,
                                      const std::string& record) {
    co_await deliver(permit, upstream, record);
    if (!events_->finished) {
        upstream.close();  // half a request stands on it
    }
    if (!agent_.body_done()) {
        agent_.must_close();
        agent_.expires_after(kFarewell);
    }
}

net::Task<void> Exchange::send_events(session::Permit& permit, http::ClientExchange& upstream) {
    EventUpload& events = *events_;
    Result<void> passed = ok();
    while (passed.has_value() && !agent_.body_done()) {
        if (!events.over) {
            agent_.expires_after(services_.limits.idle_max);
        }
        const Result<ByteView> part = co_await agent_.read_body();
        if (!part.has_value()) {
            passed = fail(part.error());
        } else {
            passed = co_await pass_events(permit, upstream, part.value());
        }
    }
    if (passed.has_value() && !events.closed) {
        passed = fail(ErrorCode::closed, "the agent's events ended without the one that closes");
    }
    if (!passed.has_value() && !events.over) {
        events.why = passed.error().what;
        upstream.close();
    }
}

net::Task<Result<void>> Exchange::pass_events(session::Permit& permit,
                                              http::ClientExchange& upstream, ByteView part) {
    EventUpload& events = *events_;
    if (!events.over) {
        events.decoder.push(part);
    }
    while (!events.over) {
        const Result<std::optional<codec::EventMessage>> next = events.decoder.next();
        if (!next.has_value()) {
            co_return fail(next.error());
        }
        if (!next.value()) {
            break;
        }
        const Result<ByteView> event = events.open(*next.value());
        if (!event.has_value()) {
            co_return fail(event.error());
        }
        const Result<void> passed = co_await pass_event(permit, upstream, event.value());
        if (!passed.has_value()) {
            co_return passed;
        }
    }
    co_return ok();
}

/// Recorded, then signed anew and sent. The closing event goes only after all of the body is
/// durable, as the last bytes of an upload.
net::Task<Result<void>> Exchange::pass_event(session::Permit& permit,
                                             http::ClientExchange& upstream, ByteView event) {
    EventUpload& events = *events_;
    const Result<void> held = co_await record_event(permit, event);
    if (!held.has_value() || events.over) {
        co_return held;
    }
    const std::int64_t now_ms = services_.clock.wall() / kNsPerMs;
    const Result<std::string> signature =
        co_await services_.signer.sign_event(events.number, now_ms, crypto::sha256(event));
    if (!signature.has_value()) {
        co_return fail(signature.error());
    }
    if (events.over) {
        co_return ok();  // the answer ended meanwhile, and nothing may follow its outcome
    }
    const Bytes out = sigv4::write_signed_event({now_ms, signature.value(), event});
    upstream.expires_after(services_.limits.idle_max);
    Result<void> written = co_await upstream.write_body(out);
    if (written.has_value() && events.closed) {
        written = co_await upstream.finish_body();
        events.finished = written.has_value();
    }
    // If AWS hears no more, what it answered may still come.
    events.over = events.over || !written.has_value();
    co_return ok();
}

net::Task<Result<void>> Exchange::record_event(session::Permit& permit, ByteView event) {
    EventUpload& events = *events_;
    if (!permit.spend(event.size())) {
        co_return fail(ErrorCode::exhausted, "the connection's budget of bytes is used up");
    }
    const std::uint64_t index = events.index;
    events.index += recording::body_parts(event.size());
    bytes_request_ += event.size();
    const Await await = events.closed ? Await::durable : Await::held;
    events.recording = true;
    const Result<void> held =
        co_await permit.log().body(permit.op(), Direction::request, index, event, await);
    events.recording = false;
    co_return held;
}

/// Before the outcome: nothing may follow it on record.
net::Task<void> Exchange::end_events(session::Permit& permit) {
    if (!events_ || events_->ended) {
        co_return;
    }
    events_->over = true;
    events_->ended = true;
    while (events_->recording) {
        co_await net::sleep_for(kRecordingTick);
    }
    if (!events_->closed) {
        const std::uint64_t index = events_->index;
        (void)co_await permit.log().body(permit.op(), Direction::request, index, ByteView(),
                                         Await::held);
    }
}

}  // namespace narrows::aws
