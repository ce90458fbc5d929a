#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "codec/text.h"
#include "protocols/aws/sigv4/body.h"
#include "protocols/aws/sigv4/sigv4a.h"

namespace narrows::sigv4 {
namespace {

constexpr std::string_view kSignatureMark = ";chunk-signature=";
constexpr std::string_view kTrailerSignature = "x-amz-trailer-signature";
constexpr std::size_t kSignatureSize = 64;

enum class Step {
    chunk_header,  ///< SIZE[;chunk-signature=…]
    chunk_data,
    chunk_end,    ///< the empty line after a chunk's data
    trailer,      ///< lines up to an empty one
    trailer_end,  ///< the empty line after the last chunk of a form without trailers
    complete,
};

auto broken(std::string what) {
    return fail(ErrorCode::invalid, "the aws-chunked body " + std::move(what));
}

/// A chunk's or the trailers' signature, without padding.
Result<std::string_view> read_signature_of(const Payload& payload, std::string_view text) {
    if (payload.ecdsa()) return read_padded_signature(text);
    if (text.size() != kSignatureSize) return broken("has a signature of another length than 64");
    return text;
}

}  // namespace

struct ChunkDecoder::State {
    Payload payload;
    std::unique_ptr<ChunkVerifier> verifier;
    Step step = Step::chunk_header;
    std::string line;  ///< what has arrived of the current line
    std::size_t trailer_bytes = 0;
    std::uint64_t chunk_left = 0;
    std::uint64_t decoded = 0;
    std::string chunk_signature;  ///< of the current chunk, as sent
    crypto::Hasher chunk_hash;
    http::Headers trailers;
    std::string signed_trailers;  ///< "name:value\n" of each, in order
    std::string trailer_signature;

    Result<void> take_line(ByteView& in, bool& whole);
    Result<void> on_line();
    Result<void> on_chunk_header();
    Result<void> on_last_chunk();
    Result<void> on_trailer();
    Result<void> on_trailers_end();
    Result<void> check_chunk();
    void take_data(ByteView& in, Bytes& out);
};

/// Moves bytes up to and with the next CR LF into `line` (without it). Bounded.
Result<void> ChunkDecoder::State::take_line(ByteView& in, bool& whole) {
    const std::string_view text = as_text(in);
    const std::size_t end = text.find('\n');
    const std::size_t size = end == std::string_view::npos ? text.size() : end + 1;
    const std::size_t bound = step == Step::trailer ? kTrailerBytesMax : kChunkHeaderMax;
    if (line.size() + size > bound) return broken("has a line that is too long");
    line.append(text.substr(0, size));
    in = in.subspan(size);
    whole = end != std::string_view::npos;
    if (!whole) return ok();
    if (!line.ends_with("\r\n")) return broken("has a line that does not end in CR LF");
    line.resize(line.size() - 2);
    if (line.find('\r') != std::string::npos) return broken("has a stray CR");
    return ok();
}

Result<void> ChunkDecoder::State::on_chunk_header() {
    std::string_view text = line;
    std::string_view signature;
    if (verifier) {
        const std::size_t mark = text.find(kSignatureMark);
        if (mark == std::string_view::npos) return broken("has a chunk without its signature");
        NARROWS_TRY(signature,
                    read_signature_of(payload, text.substr(mark + kSignatureMark.size())));
        text = text.substr(0, mark);
    }
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), chunk_left, 16);
    if (text.empty() || text.size() > 16 || text.front() == '-' || error != std::errc() ||
        end != text.data() + text.size()) {
        return broken("has a chunk size that is no hexadecimal number");
    }
    if (payload.decoded_length && chunk_left > *payload.decoded_length - decoded) {
        return broken("is longer than x-amz-decoded-content-length says");
    }
    chunk_signature = signature;
    if (chunk_left == 0) return on_last_chunk();
    step = Step::chunk_data;
    return ok();
}

Result<void> ChunkDecoder::State::on_last_chunk() {
    NARROWS_TRY(check_chunk());
    if (payload.decoded_length && decoded != *payload.decoded_length) {
        return broken("is shorter than x-amz-decoded-content-length says");
    }
    step = payload.trailing() ? Step::trailer : Step::trailer_end;
    return ok();
}

Result<void> ChunkDecoder::State::check_chunk() {
    if (!verifier) return ok();
    const crypto::Digest sha256 = chunk_hash.finish256();
    chunk_hash = crypto::Hasher();
    if (!verifier->chunk_holds(sha256, chunk_signature)) {
        return fail(ErrorCode::unauthenticated,
                    "the signature of a chunk of the body is not the one its data makes");
    }
    return ok();
}

Result<void> ChunkDecoder::State::on_trailer() {
    trailer_bytes += line.size() + 2;
    if (trailer_bytes > kTrailerBytesMax) return broken("has trailers that are too long");
    if (line.empty()) return on_trailers_end();
    if (!trailer_signature.empty()) return broken("has a trailer after the trailers' signature");
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) return broken("has a trailer line without a colon");
    std::string name = codec::lower(line.substr(0, colon));
    std::string value(codec::trim(std::string_view(line).substr(colon + 1)));
    if (verifier && name == kTrailerSignature) {
        NARROWS_TRY(trailer_signature, read_signature_of(payload, value));
        return ok();
    }
    if (std::ranges::find(payload.trailers, name) == payload.trailers.end()) {
        return broken("has a trailer that x-amz-trailer does not declare");
    }
    if (http::count(trailers, name) != 0) return broken("has a trailer twice");
    signed_trailers.append(name).append(":").append(value).append("\n");
    trailers.push_back({std::move(name), std::move(value)});
    return ok();
}

Result<void> ChunkDecoder::State::on_trailers_end() {
    if (trailers.size() != payload.trailers.size()) return broken("lacks a declared trailer");
    if (verifier) {
        if (!verifier->trailer_holds(crypto::sha256(signed_trailers), trailer_signature)) {
            return fail(ErrorCode::unauthenticated,
                        "the signature of the body's trailers is missing or wrong");
        }
    }
    step = Step::complete;
    return ok();
}

Result<void> ChunkDecoder::State::on_line() {
    switch (step) {
        case Step::chunk_header:
            return on_chunk_header();
        case Step::trailer:
            return on_trailer();
        case Step::chunk_end:
            if (!line.empty()) return broken("has a chunk that is longer than its size says");
            step = Step::chunk_header;
            return check_chunk();
        default:
            if (!line.empty()) return broken("has bytes after its last chunk");
            step = Step::complete;
            return ok();
    }
}

void ChunkDecoder::State::take_data(ByteView& in, Bytes& out) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(chunk_left, in.size()));
    const ByteView data = in.first(size);
    if (verifier) chunk_hash.update(data);
    append(out, data);
    in = in.subspan(size);
    chunk_left -= size;
    decoded += size;
    if (chunk_left == 0) step = Step::chunk_end;
}

ChunkDecoder::ChunkDecoder(Payload payload, std::unique_ptr<ChunkVerifier> verifier)
    : state_(std::make_unique<State>()) {
    NARROWS_CHECK(payload.chunked(), "a ChunkDecoder for a body that is not aws-chunked");
    NARROWS_CHECK(payload.chunks_signed() == (verifier != nullptr),
                  "signed chunks need a verifier, unsigned ones have none");
    state_->payload = std::move(payload);
    state_->verifier = std::move(verifier);
}
ChunkDecoder::~ChunkDecoder() = default;
ChunkDecoder::ChunkDecoder(ChunkDecoder&&) noexcept = default;

Result<void> ChunkDecoder::push(ByteView encoded, Bytes& out) {
    State& state = *state_;
    while (!encoded.empty()) {
        if (state.step == Step::complete) return broken("has bytes after its end");
        if (state.step == Step::chunk_data) {
            state.take_data(encoded, out);
            continue;
        }
        bool whole = false;
        NARROWS_TRY(state.take_line(encoded, whole));
        if (!whole) break;
        NARROWS_TRY(state.on_line());
        state.line.clear();
    }
    return ok();
}

Result<void> ChunkDecoder::finish() const {
    if (!complete()) return broken("ended before its last chunk");
    return ok();
}

bool ChunkDecoder::complete() const {
    return state_->step == Step::complete;
}
const http::Headers& ChunkDecoder::trailers() const {
    return state_->trailers;
}

}  // namespace narrows::sigv4
