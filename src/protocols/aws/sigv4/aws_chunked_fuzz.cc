#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "protocols/aws/sigv4/body.h"

namespace {

using namespace narrows;

/// The request whose upload it is, and its key.
struct Signing {
    sigv4::Authorization request;
    sigv4::Key key;

    std::unique_ptr<sigv4::ChunkSigner> signer() const {
        return sigv4::chunk_signer(key, request.date, request.scope, request.signature);
    }
};

Signing signing_of(const sigv4::Payload& payload) {
    sigv4::Authorization request;
    request.scheme = payload.ecdsa() ? sigv4::Scheme::sigv4a_header : sigv4::Scheme::sigv4_header;
    request.key_id = "AKID";
    request.scope = {"20130524", payload.ecdsa() ? "" : "us-east-1", "s3"};
    request.date = "20130524T000000Z";
    request.signature = std::string(64, '0');
    static sigv4::KeyCache keys;
    sigv4::Key key = keys.verifying_key(Secret(std::string_view("k")), request);
    return {std::move(request), std::move(key)};
}

struct Outcome {
    bool held = false;
    Bytes object;
    http::Headers trailers;
};

Outcome decode(const sigv4::Payload& payload, ByteView encoded, std::size_t piece) {
    std::unique_ptr<sigv4::ChunkVerifier> verifier;
    if (payload.chunks_signed()) {
        const Signing signing = signing_of(payload);
        verifier = sigv4::chunk_verifier(signing.key, signing.request);
    }
    sigv4::ChunkDecoder decoder(payload, std::move(verifier));
    Outcome outcome;
    while (!encoded.empty()) {
        const std::size_t size = std::min(piece, encoded.size());
        if (!decoder.push(encoded.first(size), outcome.object)) return outcome;
        encoded = encoded.subspan(size);
    }
    outcome.held = decoder.finish().has_value();
    outcome.trailers = decoder.trailers();
    return outcome;
}

/// Signs what was encoded, with the key at hand.
void sign_all(sigv4::ChunkEncoder& encoder, sigv4::ChunkSigner& key, Bytes& out) {
    for (const sigv4::Unsigned& each : encoder.take_unsigned()) {
        const std::string signature =
            each.is_trailer ? key.sign_trailer(each.sha256) : key.sign_chunk(each.sha256);
        sigv4::ChunkEncoder::fill_in(out, each, signature);
    }
}

}  // namespace

/// First byte: form and size of pieces. Pieces must not change the meaning, and what was decoded
/// must survive our own encoder.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    sigv4::Payload payload;
    payload.kind = static_cast<sigv4::PayloadKind>(
        static_cast<int>(sigv4::PayloadKind::streaming_unsigned_trailer) + data[0] % 5);
    if (payload.trailing()) payload.trailers = {"x-amz-checksum-crc32"};
    const ByteView encoded(data + 1, size - 1);
    const Outcome whole = decode(payload, encoded, encoded.size() + 1);
    const Outcome pieces = decode(payload, encoded, 1 + data[0] / 5);
    NARROWS_CHECK(whole.held == pieces.held && (!whole.held || whole.object == pieces.object),
                  "pieces change the meaning");
    if (!whole.held) return 0;
    const std::size_t signature_size = sigv4::chunk_signature_size(
        payload, payload.ecdsa() ? sigv4::Algorithm::ecdsa : sigv4::Algorithm::hmac);
    sigv4::ChunkEncoder encoder(signature_size, payload.trailing());
    Bytes again;
    encoder.push(whole.object, again);
    encoder.finish(whole.trailers, again);
    sign_all(encoder, *signing_of(payload).signer(), again);
    NARROWS_CHECK(
        again.size() == sigv4::ChunkEncoder::encoded_length(whole.object.size(), signature_size,
                                                            payload.trailing(), whole.trailers),
        "encoded_length is wrong");
    const Outcome back = decode(payload, again, again.size());
    NARROWS_CHECK(back.held && back.object == whole.object && back.trailers == whole.trailers,
                  "our own encoding does not decode");
    return 0;
}
