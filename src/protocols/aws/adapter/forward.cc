#include <algorithm>

#include <fmt/format.h>

#include "codec/text.h"
#include "protocols/aws/adapter/cut.h"
#include "protocols/aws/adapter/exchange.h"
#include "protocols/aws/adapter/request_integrity.h"
#include "protocols/aws/adapter/secrets_record.h"
#include "protocols/aws/adapter/withheld_headers.h"

namespace narrows::aws {

using recording::Await;
using recording::Direction;
using recording::RecordKind;

namespace {

/// An upload sent as it came keeps this much back until its hash and checksums have held.
constexpr std::size_t kHoldBack = 16 * 1024;

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

std::string pool_key(const session::Permit& permit, const upstream::Target& target) {
    return permit.session().terms().id.value() + "/" + permit.connection().name + "/" +
           target.authority();
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

}  // namespace

/// The only path to AWS. Takes the permit; leaves with an outcome on record.
net::Task<void> Exchange::forward(session::Permit permit, std::string record) {
    bytes_request_ = asked_.body.bytes_on_record();
    agent_.expires_after(net::Millis(0));  // it is AWS's turn; each write sets its own
    Result<signer::Signature> signed_request = co_await sign(permit);
    if (!signed_request.has_value()) {
        co_return co_await give_up(permit, signed_request.error(), false, record);
    }
    if (asked_.request.carried) {
        asked_.body.other = to_bytes(
            upstream::form_with(*asked_.request.carried, signed_request.value().carried_url));
    }
    const EndOfUpload end(services_.signer, signed_request.value().upload);
    const bool http2 = goes_by_http2();
    const std::string key = pool_key(permit, asked_.place.target) + (http2 ? "/h2" : "");
    Result<UpstreamPool::Lease> lease = co_await pool_.take(key, asked_.place.target, false, http2);
    if (!lease.has_value()) {
        co_return co_await give_up(permit, lease.error(), false, record);
    }
    http::ClientExchange& upstream = *lease.value().connection;
    {
        const Cut cut(loop_, permit.session(), agent_, upstream);
        if (!permit.session().is_active()) {
            const Error over{ErrorCode::closed, "the session ended before the request was sent"};
            co_return co_await give_up(permit, over, false, record);
        }
        if (!record_secrets(permit, Direction::request, secret_inputs())) {
            const Error refused{ErrorCode::unavailable,
                                "the journal refuses to record its secret values"};
            co_return co_await give_up(permit, refused, false, record);
        }
        const codec::Value record_of_it =
            sent_record(permit, signed_request.value(), asked_.request, asked_.place.target,
                        services_.commitment_key);
        if (!permit.log().bulk_unawaited(RecordKind::sent, record_of_it)) {
            const Error refused{ErrorCode::unavailable,
                                "the journal refuses to record that it is sent"};
            co_return co_await give_up(permit, refused, false, record);
        }
        const Result<void> sent = co_await send(permit, upstream, signed_request.value());
        if (upstream_failed_early_) {
            agent_.must_close();  // AWS may have answered before the upload was over
        } else if (!sent.has_value()) {
            co_return co_await give_up(permit, sent.error(), !upstream.unprocessed(), record);
        }
        if (asked_.sends_events()) {
            co_await converse(permit, upstream, signed_request.value(), record);
        } else {
            co_await deliver(permit, upstream, record);
        }
    }
    pool_.give_back(key, std::move(lease.value().connection));
}

/// A target gets HTTP/2 if the agent spoke it, so that it meets no client that it would not meet
/// directly; or if it takes events, which need both ways at once. In the clear only by an agent's
/// own prior knowledge.
bool Exchange::goes_by_http2() const {
    const bool spoken = agent_.version() == "2";
    const bool needed = asked_.decoded.front().entry.event_stream_input();
    return asked_.place.target.tls ? spoken || needed : spoken && !arrival_.secure;
}

SecretValues Exchange::secret_inputs() const {
    SecretValues values;
    if (!asked_.body.secret) {
        return values;
    }
    for (const Decoded& each : asked_.decoded) {
        values.merge(secret_inputs_of(each.entry, asked_.decoded.front().parameters));
    }
    return values;
}

/// What is withheld elsewhere, for custodians, if there are any: in the lane that SENT and RESULT
/// follow in.
bool Exchange::record_secrets(session::Permit& permit, Direction direction,
                              SecretValues values) const {
    if (values.empty() || !permit.log().keeps_secrets()) {
        return true;
    }
    const std::vector<codec::Value> records =
        secrets_records(permit.op(), direction, std::move(values), services_.commitment_key);
    return std::all_of(records.begin(), records.end(), [&](const codec::Value& each) {
        return permit.log().bulk_unawaited(RecordKind::secrets, each);
    });
}

/// The Signer answers at once, or says that credentials must be obtained first. What AWS takes
/// unsigned it is not asked about: there is nothing to sign, and no role is assumed.
net::Task<Result<signer::Signature>> Exchange::sign(const session::Permit& permit) {
    if (asked_.request.stays_unsigned) {
        co_return signer::Signature{};
    }
    const upstream::Lease lease = asked_.caller.lease();
    Result<signer::Signature> signature =
        co_await services_.signer.sign(lease, permit.receipt(), asked_.request);
    if (signature.has_value() || signature.error().code != ErrorCode::unavailable) {
        co_return signature;
    }
    const Result<void> prepared = co_await services_.signer.prepare(lease);
    if (!prepared.has_value()) {
        co_return fail(prepared.error());
    }
    co_return co_await services_.signer.sign(lease, permit.receipt(), asked_.request);
}

http::Framing Exchange::upload_framing() const {
    if (!asked_.body.streamed) {
        const bool bodiless = body_for_aws().empty() &&
                              (proof_.asked().method == "GET" || proof_.asked().method == "HEAD" ||
                               proof_.asked().method == "DELETE");
        return bodiless ? http::Framing::none() : http::Framing::sized(body_for_aws().size());
    }
    if (!asked_.payload.chunked()) {
        const auto length = agent_.content_length();
        return length ? http::Framing::sized(*length) : http::Framing::chunked();
    }
    return http::Framing::chunked();
}

net::Task<Result<void>> Exchange::send(session::Permit& permit, http::ClientExchange& upstream,
                                       signer::Signature& signed_request) {
    http::RequestHead head = asked_.request.head;
    for (codec::Pair& field : signed_request.headers) {
        head.headers.push_back(std::move(field));
    }
    upstream.expires_after(services_.limits.idle_max);
    const ByteView first = asked_.body.streamed ? ByteView() : ByteView(body_for_aws());
    const Result<void> begun = co_await upstream.write_head(head, upload_framing(), first);
    if (!begun.has_value() || !asked_.body.streamed || asked_.sends_events()) {
        co_return begun;
    }
    co_return co_await stream_upload(permit, upstream, signed_request);
}

/// The stages that an upload's bytes go through between agent and upstream.
struct Exchange::Upload {
    std::uint64_t number = 0;  ///< by which the signer knows it; 0: its chunks are not signed
    std::optional<sigv4::ChunkDecoder> decoder;
    std::optional<sigv4::ChunkEncoder> encoder;
    sigv4::HoldBack hold{kHoldBack};
    std::optional<sigv4::BodyCheck> check;
    std::optional<sigv4::BodyReport> report;  ///< after the last byte
    std::uint64_t index = 0;

    /// Agent bytes to object bytes.
    Result<void> unframe(ByteView raw, Bytes& object) {
        if (decoder) {
            return decoder->push(raw, object);
        }
        object = to_bytes(raw);
        return ok();
    }
    void frame(ByteView object, Bytes& out) {
        if (encoder) {
            encoder->push(object, out);
        } else {
            hold.push(object, out);
        }
    }
    /// After the last byte: every declared hash, checksum and signature must hold.
    Result<void> finish(Bytes& out) {
        http::Headers trailers;
        if (decoder) {
            NARROWS_TRY(decoder->finish());
            trailers = decoder->trailers();
        }
        NARROWS_TRY(report, check->finish(trailers));
        if (!report->held()) {
            return fail(ErrorCode::invalid, body_mismatch(*report).decision.why);
        }
        if (encoder) {
            encoder->finish(trailers, out);
        } else {
            hold.release(out);
        }
        return ok();
    }
};

/// The stages for this upload; signed chunks are verified with the session's key and signed anew.
Result<std::unique_ptr<Exchange::Upload>> Exchange::begin_upload(
    const signer::Signature& signature) const {
    auto upload = std::make_unique<Upload>();
    upload->number = signature.upload;
    NARROWS_TRY(sigv4::BodyCheck check, sigv4::BodyCheck::of(proof_.asked(), asked_.payload,
                                                             asked_.checksums_cover_body()));
    upload->check.emplace(std::move(check));
    if (asked_.payload.chunked()) {
        std::unique_ptr<sigv4::ChunkVerifier> verifier;
        if (asked_.payload.chunks_signed()) {
            verifier = proof_.chunk_verifier(services_.keys);
        }
        upload->decoder.emplace(asked_.payload, std::move(verifier));
        upload->encoder.emplace(
            sigv4::chunk_signature_size(asked_.payload, asked_.request.algorithm),
            asked_.payload.trailing());
    }
    return upload;
}

/// What was encoded gets its signatures, all in one round trip.
net::Task<Result<void>> Exchange::sign_chunks(Upload& upload, Bytes& out) {
    std::vector<sigv4::Unsigned> places;
    if (upload.encoder) {
        places = upload.encoder->take_unsigned();
    }
    if (places.empty()) {
        co_return ok();
    }
    std::vector<signer::Chunk> chunks;
    chunks.reserve(places.size());
    for (const sigv4::Unsigned& place : places) {
        chunks.push_back({place.sha256, place.is_trailer});
    }
    const Result<std::vector<std::string>> signatures =
        co_await services_.signer.sign_chunks(upload.number, std::move(chunks));
    if (!signatures.has_value()) {
        co_return fail(signatures.error());
    }
    for (std::size_t i = 0; i < places.size(); ++i) {
        sigv4::ChunkEncoder::fill_in(out, places[i], signatures.value()[i]);
    }
    co_return ok();
}

/// Reads, records, then forwards each stretch. The last bytes leave only after every check has held
/// and all of the body is durable: an upload that is complete upstream is complete on record.
net::Task<Result<void>> Exchange::stream_upload(session::Permit& permit,
                                                http::ClientExchange& upstream,
                                                signer::Signature& signed_request) {
    Result<std::unique_ptr<Upload>> begun = begin_upload(signed_request);
    if (!begun.has_value()) {
        co_return fail(begun.error());
    }
    Upload& upload = *begun.value();
    if (!http::header(proof_.asked().headers, "expect").empty()) {
        const Result<void> asked = co_await agent_.write_continue();
        if (!asked.has_value()) {
            co_return fail(asked.error());
        }
    }
    while (!agent_.body_done()) {
        agent_.expires_after(services_.limits.idle_max);
        const Result<ByteView> raw = co_await agent_.read_body();
        if (!raw.has_value()) {
            co_return fail(raw.error());
        }
        const Result<void> passed = co_await upload_stretch(permit, upstream, upload, raw.value());
        if (!passed.has_value()) {
            co_return passed;
        }
    }
    Bytes out;
    const Result<void> finished = upload.finish(out);
    integrity_ = integrity_value(asked_.payload, upload.report);
    if (!finished.has_value()) {
        upload_refused_ =
            upload.report ? body_mismatch(*upload.report) : body_malformed(finished.error());
        co_return fail(finished.error());
    }
    const Result<void> chunks_signed = co_await sign_chunks(upload, out);
    if (!chunks_signed.has_value()) {
        co_return chunks_signed;
    }
    // An empty stretch ends the body on record; its durability is that of all before it.
    const Result<void> durable = co_await permit.log().body(
        permit.op(), Direction::request, upload.index, ByteView(), Await::durable);
    if (!durable.has_value()) {
        co_return fail(durable.error());
    }
    const Result<void> written = co_await upstream.write_body(out);
    upstream_failed_early_ = !written.has_value();
    if (!written.has_value()) {
        co_return fail(written.error());
    }
    co_return co_await upstream.finish_body();
}

net::Task<Result<void>> Exchange::upload_stretch(session::Permit& permit,
                                                 http::ClientExchange& upstream, Upload& upload,
                                                 ByteView raw) {
    Bytes object;
    const Result<void> unframed = upload.unframe(raw, object);
    if (!unframed.has_value()) {
        integrity_ = integrity_value(asked_.payload, std::nullopt);
        upload_refused_ = body_malformed(unframed.error());
    }
    if (!unframed.has_value() || object.empty()) {
        co_return unframed;
    }
    upload.check->update(object);
    bytes_request_ += object.size();
    if (!permit.spend(object.size())) {
        co_return fail(ErrorCode::exhausted, "the connection's budget of bytes is used up");
    }
    const std::uint64_t index = upload.index;
    upload.index += recording::body_parts(object.size());
    const Result<void> held =
        co_await permit.log().body(permit.op(), Direction::request, index, object, Await::held);
    if (!held.has_value()) {
        co_return fail(held.error());
    }
    Bytes out;
    upload.frame(object, out);
    if (out.empty()) {
        co_return ok();
    }
    const Result<void> chunks_signed = co_await sign_chunks(upload, out);
    if (!chunks_signed.has_value()) {
        co_return chunks_signed;
    }
    upstream.expires_after(services_.limits.idle_max);
    const Result<void> written = co_await upstream.write_body(out);
    upstream_failed_early_ = !written.has_value();
    co_return written;
}

/// Ends an operation that has no answer: the outcome goes on record, then the agent is told.
net::Task<void> Exchange::give_up(session::Permit& permit, const Error& error, bool sent,
                                  const std::string& record) {
    co_await end_events(permit);
    const std::string why = cause(error.what);
    codec::Map fields;
    fields.emplace("why", why);
    if (asked_.body.streamed && !integrity_.empty()) {
        fields.emplace("request_integrity", integrity_);
    }
    agent_.must_close();
    Result<void> held = ok();
    if (sent) {
        held = co_await permit.unknown(fields);
    } else {
        held = co_await permit.not_sent(fields);
    }
    if (!held.has_value() || !agent_.is_open()) {
        co_return;
    }
    if (upload_refused_) {
        co_await answer(upload_refused_->status, upload_refused_->code,
                        fmt::format("The upload was broken off before its end [Narrows {}]. "
                                    "{}",
                                    record, error.what),
                        record);
        co_return;
    }
    if (sent) {
        co_await answer(502, "BadGateway",
                        fmt::format("AWS was called and gave no answer: the outcome is "
                                    "unknown [Narrows {}]. {}",
                                    record, why),
                        record);
        co_return;
    }
    const bool ours = error.code == ErrorCode::denied || error.code == ErrorCode::invalid ||
                      error.code == ErrorCode::not_found;
    const int status = ours ? 403 : 503;
    // A signer that was started again has no credentials of AWS's answers: the client asks anew.
    const bool gone = asked_.caller.derived && error.code == ErrorCode::not_found;
    const std::string code = gone ? "ExpiredToken" : ours ? "AccessDenied" : "ServiceUnavailable";
    co_await answer(status, code,
                    fmt::format("Allowed, but not sent [Narrows {}]: {}", record, error.what),
                    record);
}

}  // namespace narrows::aws
