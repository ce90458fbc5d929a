#include "protocols/aws/adapter/understand.h"

#include <algorithm>

#include "codec/text.h"
#include "protocols/aws/adapter/interpret.h"
#include "protocols/aws/adapter/origin.h"
#include "protocols/aws/adapter/request_integrity.h"
#include "protocols/aws/decode/carried_url.h"
#include "protocols/aws/decode/decode.h"
#include "protocols/aws/decode/wire.h"

namespace narrows::aws {

using model::Reason;

namespace {

/// A blob up to this size is held, not streamed: its INTENT then holds it whole.
constexpr std::uint64_t kStreamFrom = 32 * 1024;

bool is_form(const http::RequestHead& head) {
    return codec::lower(http::header(head.headers, "content-type"))
        .starts_with("application/x-www-form-urlencoded");
}

bool is_blob(const Recognition& recognition) {
    return !recognition.candidates.empty() &&
           std::all_of(recognition.candidates.begin(), recognition.candidates.end(),
                       [](const Candidate& c) { return takes_stream(c.operation); });
}

/// The signature covers the body's hash, so it cannot be verified before the body is here.
bool covers_body(const sigv4::Payload& payload) {
    return payload.kind == sigv4::PayloadKind::absent;
}

/// Why the operation takes no such stream of events, if it does not.
std::optional<Rejection> check_events(const Proof& proof, const Understood& asked) {
    for (const Candidate& candidate : asked.recognition.candidates) {
        const Operation entry = candidate.operation;
        const bool takes = entry.event_stream_input();
        if (takes != asked.sends_events() || (takes && !proof.vouches_for_events())) {
            return reject(Reason::not_recognised, "AccessDenied",
                          "a stream of events goes to operations that take one, signed event by "
                          "event (STREAMING-AWS4-HMAC-SHA256-EVENTS)");
        }
        if (takes && (!is_rest(asked.recognition.protocol) || !entry.secret_inputs().empty())) {
            return reject(Reason::not_supported, "AccessDenied",
                          "its events have a form that cannot be recorded");
        }
    }
    return std::nullopt;
}

std::optional<Rejection> recognise_head(const Reading& reading, Understood& asked) {
    if (!asked.recognition.candidates.empty()) {
        return std::nullopt;
    }
    const std::string_view form =
        is_form(reading.proof.asked()) ? as_text(asked.body.plain) : std::string_view();
    Judged<Recognition> recognition = recognise_at(reading.services.catalogue, reading.arrival,
                                                   asked.named, asked.caller, reading.proof, form);
    if (!recognition.has_value()) {
        return std::move(recognition.error());
    }
    asked.recognition = std::move(recognition.value());
    return std::nullopt;
}

/// Where it was sent, how its body is sent, and the proof, where that does not need the body.
std::optional<Rejection> read_head(const Reading& reading, Understood& asked) {
    const Proof& proof = reading.proof;
    Judged<AwsHost> origin =
        read_origin(reading.services.catalogue, reading.arrival, asked.caller, proof);
    if (!origin.has_value()) {
        return std::move(origin.error());
    }
    asked.named = std::move(origin.value());
    Result<sigv4::Payload> payload = sigv4::read_payload(proof.asked());
    if (!payload.has_value()) {
        return not_recognised(payload.error());
    }
    asked.payload = std::move(payload.value());
    std::optional<Rejection> rejection = proof.check_payload(asked.payload);
    if (!rejection && !covers_body(asked.payload)) {
        rejection = proof.verify(reading.services, asked.named.bucket, std::nullopt);
    }
    return rejection;
}

/// Large blobs are streamed; so are those of whoever waits to be told to send, who is told after
/// the decision, which needs no blob.
bool is_streamed(const Reading& reading, const Understood& asked) {
    if (asked.form != nullptr || !reading.agent.has_body() || covers_body(asked.payload)) {
        return false;
    }
    const bool large = reading.agent.content_length().value_or(kStreamFrom + 1) > kStreamFrom;
    const bool waits = waits_for_invitation(reading.proof.asked());
    return asked.sends_events() ||
           ((large || waits || asked.payload.chunked()) && is_blob(asked.recognition));
}

/// Which operation it is, where that does not need the body, and whether the body is streamed.
std::optional<Rejection> recognise_by_head(const Reading& reading, Understood& asked) {
    std::optional<Rejection> rejection = recognise_head(reading, asked);
    if (rejection) {
        // Nothing is believed yet of a request whose signature covers its body: it is verified,
        // then asked again.
        return covers_body(asked.payload) ? std::nullopt : rejection;
    }
    rejection = check_events(reading.proof, asked);
    asked.body.streamed = !rejection && is_streamed(reading, asked);
    return rejection;
}

/// What a streamed upload declares of itself is refused before a byte of it is sent, not at its
/// end.
std::optional<Rejection> check_declarations(const http::RequestHead& head,
                                            const Understood& asked) {
    if (asked.sends_events() && !asked.body.streamed) {
        return reject(Reason::not_recognised, "AccessDenied",
                      "the request declares a stream of events and has none");
    }
    if (asked.payload.chunked() && !asked.payload.decoded_length) {
        return reject(Reason::not_recognised, "MissingContentLength",
                      "An aws-chunked upload must declare x-amz-decoded-content-length");
    }
    if (!asked.body.streamed) {
        return std::nullopt;
    }
    const Result<sigv4::BodyCheck> check =
        sigv4::BodyCheck::of(head, asked.payload, asked.checksums_cover_body());
    return check.has_value() ? std::nullopt : std::optional(not_recognised(check.error()));
}

/// Hash and checksums that the request declares of a body that is in memory.
std::optional<Rejection> check_sums(const http::RequestHead& head, Understood& asked) {
    if (asked.payload.chunked()) {
        return reject(Reason::not_recognised, "AccessDenied",
                      "aws-chunked bodies are only taken for uploads");
    }
    Result<sigv4::BodyCheck> check =
        sigv4::BodyCheck::of(head, asked.payload, asked.checksums_cover_body());
    if (!check.has_value()) {
        return not_recognised(check.error());
    }
    check.value().update(asked.body.raw);
    const Result<sigv4::BodyReport> report = check.value().finish();
    if (!report.has_value()) {
        return not_recognised(report.error());
    }
    const bool held = report.value().held();
    if (!asked.body.raw.empty() || !held) {
        asked.body.integrity = integrity_value(asked.payload, report.value());
    }
    return held ? std::nullopt : std::optional(body_mismatch(report.value()));
}

/// Signature, hash, framing and checksums of a body that is in memory, then its plain form.
std::optional<Rejection> check_held_body(const Reading& reading, Understood& asked) {
    RequestBody& body = asked.body;
    body.sha256 = crypto::sha256(body.raw);
    std::optional<Rejection> rejection;
    if (covers_body(asked.payload)) {
        rejection = reading.proof.verify(reading.services, asked.named.bucket, body.sha256);
    }
    if (!rejection) {
        rejection = check_sums(reading.proof.asked(), asked);
    }
    if (rejection) {
        return rejection;
    }
    if (is_blob(asked.recognition)) {
        body.plain = body.raw;  // a content coding belongs to the object then
        return std::nullopt;
    }
    Result<Bytes> plain =
        plain_body(reading.proof.asked(), body.raw, reading.services.limits.body_bytes_max);
    if (!plain.has_value()) {
        return not_recognised(plain.error());
    }
    body.plain = std::move(plain.value());
    return recognise_head(reading, asked);
}

net::Task<std::optional<Rejection>> take_held_body(const Reading& reading, Understood& asked) {
    const Services& services = reading.services;
    Result<Bytes> raw =
        co_await reading.intake.read_whole(reading.proof.asked(), services.limits.body_bytes_max);
    if (!raw.has_value()) {
        reading.agent.must_close();
        co_return reject(Reason::not_recognised, "RequestEntityTooLarge", raw.error().what);
    }
    asked.body.raw = std::move(raw.value());
    asked.body.read = true;
    const Result<void> whole = reading.intake.check_whole();
    if (!whole.has_value()) {
        co_return not_recognised(whole.error());
    }
    std::optional<Rejection> rejection =
        reading.proof.check_size(asked.body.raw.size(), asked.named.bucket, services.clock.wall());
    co_return rejection ? rejection : check_held_body(reading, asked);
}

/// Whether a refused request may carry values that no record may hold. One that nobody signed is
/// withheld whole: unsigned operations bring passwords and tokens by nature. A signed one is as
/// secret as the operation that it looks like.
bool may_hold_secrets(const Reading& reading, const Understood& asked) {
    const std::optional<Proof::Claim> claim = reading.proof.claim();
    if (!claim) {
        return true;
    }
    const http::RequestHead& head = reading.proof.asked();
    const Result<Bytes> plain =
        plain_body(head, asked.body.raw, reading.services.limits.body_bytes_max);
    const std::string_view form =
        is_form(head) && plain.has_value() ? as_text(plain.value()) : std::string_view();
    const Question question{
        head, form, claim->service, claim->region, reading.arrival.host, asked.named.bucket};
    const Result<Recognition> looks_like = recognise(reading.services.catalogue, question);
    return looks_like.has_value() &&
           std::any_of(looks_like.value().candidates.begin(), looks_like.value().candidates.end(),
                       [](const Candidate& c) {
                           return !c.operation.secret_inputs().empty() ||
                                  !carried_url_member(c.operation).empty() ||
                                  c.operation.auth() != Auth::sigv4;
                       });
}

}  // namespace

net::Task<void> understand(const Reading& reading, Understood& asked) {
    const http::RequestHead& head = reading.proof.asked();
    asked.rejection = read_head(reading, asked);
    if (!asked.rejection && !is_form(head)) {
        asked.rejection = recognise_by_head(reading, asked);
    }
    if (!asked.rejection) {
        asked.rejection = check_declarations(head, asked);
    }
    if (!asked.rejection && !asked.body.streamed) {
        asked.rejection = co_await take_held_body(reading, asked);
    }
    if (!asked.rejection) {
        asked.rejection = interpret(reading.services, reading.arrival, reading.proof, asked);
    }
}

net::Task<void> keep_refused_body(const Reading& reading, Understood& asked) {
    std::optional<Bytes> raw;
    if (!asked.body.read) {
        raw = co_await reading.intake.read_refused(reading.proof.asked());
    }
    if (raw) {
        asked.body.raw = std::move(*raw);
        asked.body.read = true;
        asked.body.streamed = false;
    }
    asked.body.secret = asked.body.secret || may_hold_secrets(reading, asked);
}

}  // namespace narrows::aws
