#include "protocols/aws/adapter/upload.h"

#include "protocols/aws/adapter/intake.h"
#include "protocols/aws/adapter/request_integrity.h"

namespace narrows::aws {

using recording::Await;
using recording::Direction;

/// Signed chunks are verified with the session's key and signed anew.
Result<void> Upload::begin() {
    const sigv4::Payload& payload = of_.asked.payload;
    NARROWS_TRY(sigv4::BodyCheck check,
                sigv4::BodyCheck::of(of_.head(), payload, of_.asked.checksums_cover_body()));
    check_.emplace(std::move(check));
    if (payload.chunked()) {
        std::unique_ptr<sigv4::ChunkVerifier> verifier;
        if (payload.chunks_signed()) {
            verifier = of_.proof.chunk_verifier(of_.services.keys);
        }
        decoder_.emplace(payload, std::move(verifier));
        encoder_.emplace(sigv4::chunk_signature_size(payload, of_.asked.request.algorithm),
                         payload.trailing());
    }
    return ok();
}

/// Agent bytes to object bytes.
Result<void> Upload::unframe(ByteView raw, Bytes& object) {
    if (!decoder_) {
        object = to_bytes(raw);
        return ok();
    }
    Result<void> unframed = decoder_->push(raw, object);
    if (!unframed.has_value()) {
        integrity_ = integrity_value(of_.asked.payload, std::nullopt);
        refused_ = body_malformed(unframed.error());
    }
    return unframed;
}

void Upload::frame(ByteView object, Bytes& out) {
    if (encoder_) {
        encoder_->push(object, out);
    } else {
        hold_.push(object, out);
    }
}

Result<sigv4::BodyReport> Upload::check_all(http::Headers& trailers) {
    if (decoder_) {
        NARROWS_TRY(decoder_->finish());
        trailers = decoder_->trailers();
    }
    return check_->finish(trailers);
}

/// After the last byte: every declared hash, checksum and signature must hold.
Result<void> Upload::finish(Bytes& out) {
    http::Headers trailers;
    Result<sigv4::BodyReport> report = check_all(trailers);
    if (!report.has_value()) {
        integrity_ = integrity_value(of_.asked.payload, std::nullopt);
        refused_ = body_malformed(report.error());
        return fail(std::move(report.error()));
    }
    integrity_ = integrity_value(of_.asked.payload, report.value());
    if (!report.value().held()) {
        refused_ = body_mismatch(report.value());
        return fail(ErrorCode::invalid, refused_->decision.why);
    }
    if (encoder_) {
        encoder_->finish(trailers, out);
    } else {
        hold_.release(out);
    }
    return ok();
}

net::Task<Result<void>> Upload::run() {
    Result<void> passed = begin();
    if (passed.has_value()) {
        passed = co_await invite(of_.agent, of_.head());
    }
    while (passed.has_value() && !of_.agent.body_done()) {
        of_.agent.expires_after(of_.services.limits.idle_max);
        const Result<ByteView> raw = co_await of_.agent.read_body();
        if (!raw.has_value()) {
            co_return fail(raw.error());
        }
        passed = co_await pass(raw.value());
    }
    Bytes out;
    if (passed.has_value()) {
        passed = finish(out);
    }
    if (passed.has_value()) {
        passed = co_await sign_chunks(out);
    }
    if (!passed.has_value()) {
        co_return passed;
    }
    // An empty stretch ends the body on record; its durability is that of all before it.
    const Result<void> durable = co_await of_.permit.log().body(of_.permit.op(), Direction::request,
                                                                index_, ByteView(), Await::durable);
    if (!durable.has_value()) {
        co_return fail(durable.error());
    }
    const Result<void> written = co_await write(out);
    if (!written.has_value()) {
        co_return written;
    }
    co_return co_await upstream_.finish_body();
}

net::Task<Result<void>> Upload::pass(ByteView raw) {
    Bytes object;
    const Result<void> unframed = unframe(raw, object);
    if (!unframed.has_value() || object.empty()) {
        co_return unframed;
    }
    check_->update(object);
    const Result<void> recorded = co_await record(object);
    if (!recorded.has_value()) {
        co_return recorded;
    }
    Bytes out;
    frame(object, out);
    if (out.empty()) {
        co_return ok();
    }
    const Result<void> chunks_signed = co_await sign_chunks(out);
    if (!chunks_signed.has_value()) {
        co_return chunks_signed;
    }
    upstream_.expires_after(of_.services.limits.idle_max);
    co_return co_await write(out);
}

net::Task<Result<void>> Upload::record(ByteView object) {
    bytes_ += object.size();
    if (!of_.permit.spend(object.size())) {
        co_return fail(ErrorCode::exhausted, "the connection's budget of bytes is used up");
    }
    const std::uint64_t index = index_;
    index_ += recording::body_parts(object.size());
    co_return co_await of_.permit.log().body(of_.permit.op(), Direction::request, index, object,
                                             Await::held);
}

/// What was encoded gets its signatures, all in one round trip.
net::Task<Result<void>> Upload::sign_chunks(Bytes& out) {
    std::vector<sigv4::Unsigned> places;
    if (encoder_) {
        places = encoder_->take_unsigned();
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
        co_await of_.services.signer.sign_chunks(number_, std::move(chunks));
    if (!signatures.has_value()) {
        co_return fail(signatures.error());
    }
    for (std::size_t i = 0; i < places.size(); ++i) {
        sigv4::ChunkEncoder::fill_in(out, places[i], signatures.value()[i]);
    }
    co_return ok();
}

net::Task<Result<void>> Upload::write(const Bytes& out) {
    Result<void> written = co_await upstream_.write_body(out);
    failed_early_ = !written.has_value();
    co_return written;
}

}  // namespace narrows::aws
