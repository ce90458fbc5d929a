#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "protocols/aws/sigv4/body.h"

namespace {

using namespace narrows;

std::unique_ptr<sigv4::ChunkSigner> signer() {
    const sigv4::CredentialScope scope{"20130524", "us-east-1", "s3"};
    return sigv4::chunk_signer(sigv4::SigningKey::derive(Secret(std::string_view("k")), scope),
                               "20130524T000000Z", scope, std::string(64, '0'));
}

struct Outcome {
    bool held = false;
    Bytes object;
    http::Headers trailers;
};

Outcome decode(const sigv4::Payload& payload, ByteView encoded, std::size_t piece) {
    sigv4::ChunkDecoder decoder(payload, payload.chunks_signed() ? signer() : nullptr);
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
    payload.kind = static_cast<sigv4::PayloadKind>(3 + data[0] % 3);
    if (payload.trailing()) payload.trailers = {"x-amz-checksum-crc32"};
    const ByteView encoded(data + 1, size - 1);
    const Outcome whole = decode(payload, encoded, encoded.size() + 1);
    const Outcome pieces = decode(payload, encoded, 1 + data[0] / 3);
    NARROWS_CHECK(whole.held == pieces.held && (!whole.held || whole.object == pieces.object),
                  "pieces change the meaning");
    if (!whole.held) return 0;
    sigv4::ChunkEncoder encoder(payload.chunks_signed(), payload.trailing());
    Bytes again;
    encoder.push(whole.object, again);
    encoder.finish(whole.trailers, again);
    sign_all(encoder, *signer(), again);
    NARROWS_CHECK(again.size() == sigv4::ChunkEncoder::encoded_length(
                                      whole.object.size(), payload.chunks_signed(),
                                      payload.trailing(), whole.trailers),
                  "encoded_length is wrong");
    const Outcome back = decode(payload, again, again.size());
    NARROWS_CHECK(back.held && back.object == whole.object && back.trailers == whole.trailers,
                  "our own encoding does not decode");
    return 0;
}
