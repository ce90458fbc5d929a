#include "protocols/aws/adapter/forward.h"

#include <fmt/format.h>

#include "protocols/aws/adapter/cut.h"
#include "protocols/aws/adapter/intake.h"
#include "protocols/aws/adapter/own_answer.h"
#include "protocols/aws/adapter/secrets_record.h"
#include "protocols/aws/adapter/withheld_headers.h"

namespace narrows::aws {

using recording::Direction;
using recording::RecordKind;

namespace {

/// How long an agent may go on speaking after the answer is over; nobody listens to it.
constexpr net::Millis kFarewell{2'000};

/// However it ends, the signer forgets the upload's key.
class EndOfUpload {
  public:
    EndOfUpload(signer::Client& by, std::uint64_t number) : signer_(by), number_(number) {}
    ~EndOfUpload() {
        if (number_ != 0) {
            signer_.end_upload(number_);
        }
    }
    EndOfUpload(const EndOfUpload&) = delete;
    EndOfUpload& operator=(const EndOfUpload&) = delete;

  private:
    signer::Client& signer_;
    const std::uint64_t number_;
};

std::string pool_key(const session::Permit& permit, const upstream::Target& target, bool http2) {
    return permit.session().terms().id.value() + "/" + permit.connection().name + "/" +
           target.authority() + (http2 ? "/h2" : "");
}

codec::Value sent_record(const session::Permit& permit, const signer::Signature& request,
                         const upstream::UnsignedRequest& what, const upstream::Target& target,
                         ByteView key) {
    codec::Map fields;
    fields.emplace("op", permit.op().value());
    if (what.stays_unsigned) {
        fields.emplace("algorithm", "none");
    } else {
        fields.emplace("upstream_key_id", request.access_key_id);
        fields.emplace("signed_sha256", codec::hex(request.signed_sha256));
    }
    fields.emplace("endpoint", target.authority());
    fields.emplace("attempt", 1);
    if (what.algorithm == sigv4::Algorithm::ecdsa) {
        fields.emplace("algorithm", sigv4::name_of(what.algorithm));
        fields.emplace("region_set", what.region);
    }
    if (what.carried) {
        fields.emplace("carried_url", withheld_url(request.carried_url, key));
    }
    return recording::observed(std::move(fields));
}

SecretValues secret_inputs(const Understood& asked) {
    SecretValues values;
    if (!asked.body.secret) {
        return values;
    }
    for (const Decoded& each : asked.decoded) {
        values.merge(secret_inputs_of(each.entry, asked.decoded.front().parameters));
    }
    return values;
}

}  // namespace

net::Task<void> Forward::run() {
    of_.agent.expires_after(net::Millis(0));  // it is AWS's turn; each write sets its own
    Result<signer::Signature> signature = co_await sign();
    if (!signature.has_value()) {
        co_return co_await give_up(signature.error(), false);
    }
    const std::optional<upstream::CarriedUrl>& carried = of_.asked.request.carried;
    if (carried) {
        carrier_ = to_bytes(upstream::form_with(*carried, signature.value().carried_url));
    }
    const EndOfUpload end(of_.services.signer, signature.value().upload);
    const bool http2 = goes_by_http2();
    const upstream::Target& target = of_.asked.place.target;
    const std::string key = pool_key(of_.permit, target, http2);
    Result<UpstreamPool::Lease> lease = co_await pool_.take(key, target, false, http2);
    if (!lease.has_value()) {
        co_return co_await give_up(lease.error(), false);
    }
    http::ClientExchange& upstream = *lease.value().connection;
    bool passed = false;
    {
        const Cut cut(loop_, of_.permit.session(), of_.agent, upstream);
        passed = co_await pass(upstream, std::move(signature.value()));
    }
    if (passed) {
        pool_.give_back(key, std::move(lease.value().connection));
    }
}

/// There and back. False: it did not get there, and the connection is good for nothing else.
net::Task<bool> Forward::pass(http::ClientExchange& upstream, signer::Signature signature) {
    const Result<void> recorded = record_sent(signature);
    if (!recorded.has_value()) {
        co_await give_up(recorded.error(), false);
        co_return false;
    }
    const Result<void> sent = co_await send(upstream, signature);
    if (upload_ && upload_->failed_early()) {
        of_.agent.must_close();  // AWS may have answered before the upload was over
    } else if (!sent.has_value()) {
        co_await give_up(sent.error(), !upstream.unprocessed());
        co_return false;
    }
    if (of_.asked.sends_events()) {
        co_await converse(upstream, signature.upload);
    } else {
        co_await answer(upstream);
    }
    co_return true;
}

/// Without SENT nothing goes.
Result<void> Forward::record_sent(const signer::Signature& signature) {
    const ByteView key = of_.services.commitment_key;
    if (!of_.permit.session().is_active()) {
        return fail(ErrorCode::closed, "the session ended before the request was sent");
    }
    if (!record_secrets(of_.permit, Direction::request, secret_inputs(of_.asked), key)) {
        return fail(ErrorCode::unavailable, "the journal refuses to record its secret values");
    }
    const codec::Value record =
        sent_record(of_.permit, signature, of_.asked.request, of_.asked.place.target, key);
    if (!of_.permit.log().bulk_unawaited(RecordKind::sent, record)) {
        return fail(ErrorCode::unavailable, "the journal refuses to record that it is sent");
    }
    return ok();
}

/// A target gets HTTP/2 if the agent spoke it, so that it meets no client that it would not meet
/// directly; or if it takes events, which need both ways at once. In the clear only by an agent's
/// own prior knowledge.
bool Forward::goes_by_http2() const {
    const bool spoken = of_.agent.version() == "2";
    const bool needed = of_.asked.entry().event_stream_input();
    return of_.asked.place.target.tls ? spoken || needed : spoken && !of_.arrival.secure;
}

/// The Signer answers at once, or says that credentials must be obtained first. What AWS takes
/// unsigned it is not asked about: there is nothing to sign, and no role is assumed.
net::Task<Result<signer::Signature>> Forward::sign() {
    const upstream::UnsignedRequest& request = of_.asked.request;
    if (request.stays_unsigned) {
        co_return signer::Signature{};
    }
    const recording::Receipt& receipt = of_.permit.receipt();
    if (of_.ahead) {
        Result<signer::Signature> ahead = co_await of_.ahead->unlock(receipt.mac);
        if (ahead.has_value()) {
            co_return ahead;
        }
    }
    signer::Client& signer = of_.services.signer;
    const upstream::Lease lease = of_.asked.caller.lease();
    Result<signer::Signature> signature = co_await signer.sign(lease, receipt, request);
    if (signature.has_value() || signature.error().code != ErrorCode::unavailable) {
        co_return signature;
    }
    const Result<void> prepared = co_await signer.prepare(lease);
    if (!prepared.has_value()) {
        co_return fail(prepared.error());
    }
    co_return co_await signer.sign(lease, receipt, request);
}

http::Framing Forward::framing() const {
    if (!of_.asked.body.streamed) {
        const std::string& method = of_.head().method;
        const bool bodiless =
            body().empty() && (method == "GET" || method == "HEAD" || method == "DELETE");
        return bodiless ? http::Framing::none() : http::Framing::sized(body().size());
    }
    const auto length = of_.agent.content_length();
    return length && !of_.asked.payload.chunked() ? http::Framing::sized(*length)
                                                  : http::Framing::chunked();
}

net::Task<Result<void>> Forward::send(http::ClientExchange& upstream,
                                      signer::Signature& signature) {
    http::RequestHead head = of_.asked.request.head;
    for (codec::Pair& field : signature.headers) {
        head.headers.push_back(std::move(field));
    }
    upstream.expires_after(of_.services.limits.idle_max);
    const bool streamed = of_.asked.body.streamed;
    const ByteView first = streamed ? ByteView() : ByteView(body());
    const Result<void> begun = co_await upstream.write_head(head, framing(), first);
    if (!begun.has_value() || !streamed || of_.asked.sends_events()) {
        co_return begun;
    }
    upload_.emplace(of_, upstream, signature.upload);
    co_return co_await upload_->run();
}

/// What RESULT says of the request's body.
codec::Map Forward::request_fields() const {
    const RequestBody& asked = of_.asked.body;
    codec::Map fields;
    if (!of_.asked.sends_events()) {
        fields.emplace("bytes_request", asked.bytes_on_record() + (upload_ ? upload_->bytes() : 0));
    }
    if (!asked.kept.empty() || other_body()) {
        fields.emplace("bytes_sent", std::uint64_t{body().size()});
    }
    if (other_body()) {
        fields.emplace("sha256_sent", codec::hex(crypto::sha256(body())));
    }
    if (asked.streamed) {
        fields.emplace("request_integrity", upload_ ? upload_->integrity() : codec::Map());
    }
    return fields;
}

net::Task<void> Forward::answer(http::ClientExchange& upstream) {
    EventUpload* const events = events_ ? &*events_ : nullptr;
    Delivery delivery(of_, upstream, request_fields(), events);
    const Result<void> answered = co_await delivery.run();
    if (!answered.has_value()) {
        co_await give_up(answered.error(), !upstream.unprocessed());
    }
}

/// Events and answer flow at the same time; the answer's side has the outcome.
net::Task<void> Forward::converse(http::ClientExchange& upstream, std::uint64_t number) {
    const Result<void> asked = co_await invite(of_.agent, of_.head());
    if (!asked.has_value()) {
        co_return co_await give_up(asked.error(), true);
    }
    events_.emplace(of_, upstream, number);
    const auto there = [&]() { return events_->run(); };
    const auto back = [&]() { return hear_out(upstream); };
    co_await net::both(there, back);
}

net::Task<void> Forward::hear_out(http::ClientExchange& upstream) {
    co_await answer(upstream);
    if (!events_->finished()) {
        upstream.close();  // half a request stands on it
    }
    if (!of_.agent.body_done()) {
        of_.agent.must_close();
        of_.agent.expires_after(kFarewell);
    }
}

/// Ends an operation that has no answer: the outcome goes on record, then the agent is told.
net::Task<void> Forward::give_up(const Error& error, bool sent) {
    if (events_) {
        co_await events_->end();
    }
    const std::string why = events_ ? events_->cause(error.what) : error.what;
    codec::Map fields;
    fields.emplace("why", why);
    if (upload_ && !upload_->integrity().empty()) {
        fields.emplace("request_integrity", upload_->integrity());
    }
    of_.agent.must_close();
    Result<void> held = ok();
    if (sent) {
        held = co_await of_.permit.unknown(std::move(fields));
    } else {
        held = co_await of_.permit.not_sent(std::move(fields));
    }
    if (!held.has_value() || !of_.agent.is_open()) {
        co_return;
    }
    Refusal refusal = why_not(error, sent, why);
    const Style style = style_for(of_.proof, of_.asked);
    co_await answer_error(of_.agent, of_.services, style, std::move(refusal));
}

/// What the agent is told of it.
Refusal Forward::why_not(const Error& error, bool sent, const std::string& why) const {
    const std::string& record = of_.record;
    if (upload_ && upload_->refused()) {
        const Rejection& refused = *upload_->refused();
        return {refused.code,
                fmt::format("The upload was broken off before its end [Narrows {}]. {}", record,
                            error.what),
                record,
                {},
                refused.status};
    }
    if (sent) {
        return {"BadGateway",
                fmt::format("AWS was called and gave no answer: the outcome is unknown "
                            "[Narrows {}]. {}",
                            record, why),
                record,
                {},
                502};
    }
    const bool ours = error.code == ErrorCode::denied || error.code == ErrorCode::invalid ||
                      error.code == ErrorCode::not_found;
    // A signer that was started again has no credentials of AWS's answers: the client asks anew.
    const bool gone = of_.asked.caller.derived && error.code == ErrorCode::not_found;
    return {gone   ? "ExpiredToken"
            : ours ? "AccessDenied"
                   : "ServiceUnavailable",
            fmt::format("Allowed, but not sent [Narrows {}]: {}", record, error.what),
            record,
            {},
            ours ? 403 : 503};
}

}  // namespace narrows::aws
