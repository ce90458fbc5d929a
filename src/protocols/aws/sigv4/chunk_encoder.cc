#include <algorithm>

#include <fmt/format.h>

#include "base/check.h"
#include "protocols/aws/sigv4/body.h"
#include "protocols/aws/sigv4/sigv4a.h"

namespace narrows::sigv4 {
namespace {

constexpr std::string_view kSignatureMark = ";chunk-signature=";
constexpr std::string_view kTrailerSignature = "x-amz-trailer-signature:";
constexpr std::size_t kHmacSignatureSize = 64;

std::uint64_t header_length(std::uint64_t chunk_size, std::size_t signature_size) {
    return fmt::formatted_size("{:x}", chunk_size) + 2 +
           (signature_size == 0 ? 0 : kSignatureMark.size() + signature_size);
}

}  // namespace

std::size_t chunk_signature_size(const Payload& payload, Algorithm algorithm) {
    if (!payload.chunks_signed()) return 0;
    return algorithm == Algorithm::ecdsa ? kEcdsaSignatureMax : kHmacSignatureSize;
}

void ChunkEncoder::leave_room(Bytes& out, const crypto::Digest& sha256, bool is_trailer) {
    unsigned_.push_back({out.size(), signature_size_, sha256, is_trailer});
    out.resize(out.size() + signature_size_, '*');
}

void ChunkEncoder::fill_in(Bytes& out, const Unsigned& place, std::string_view signature) {
    NARROWS_CHECK(signature.size() <= place.size && place.at + place.size <= out.size(),
                  "a chunk's signature goes where room was left for it");
    std::copy(signature.begin(), signature.end(),
              out.begin() + static_cast<std::ptrdiff_t>(place.at));
}

void ChunkEncoder::emit(ByteView data, Bytes& out) {
    append(out, fmt::format("{:x}", data.size()));
    if (signature_size_ != 0) {
        append(out, kSignatureMark);
        leave_room(out, crypto::sha256(data), false);
    }
    append(out, "\r\n");
    if (data.empty()) return;
    append(out, data);
    append(out, "\r\n");
}

void ChunkEncoder::push(ByteView data, Bytes& out) {
    while (!data.empty()) {
        if (pending_.empty() && data.size() >= kChunkSize) {
            emit(data.first(kChunkSize), out);
            data = data.subspan(kChunkSize);
            continue;
        }
        const std::size_t size = std::min(data.size(), kChunkSize - pending_.size());
        append(pending_, data.first(size));
        data = data.subspan(size);
        if (pending_.size() == kChunkSize) {
            emit(pending_, out);
            pending_.clear();
        }
    }
}

void ChunkEncoder::finish(const http::Headers& trailers, Bytes& out) {
    NARROWS_CHECK(trailing_ || trailers.empty(), "trailers in a form that has none");
    if (!pending_.empty()) emit(pending_, out);
    pending_.clear();
    emit({}, out);
    std::string to_sign;
    for (const auto& field : trailers) {
        append(out, field.name + ":" + field.value + "\r\n");
        to_sign += field.name + ":" + field.value + "\n";
    }
    if (trailing_ && signature_size_ != 0) {
        append(out, kTrailerSignature);
        leave_room(out, crypto::sha256(to_sign), true);
        append(out, "\r\n");
    }
    append(out, "\r\n");
}

std::uint64_t ChunkEncoder::encoded_length(std::uint64_t decoded_length, std::size_t signature_size,
                                           bool trailing, const http::Headers& trailers) {
    const std::uint64_t full = decoded_length / kChunkSize;
    const std::uint64_t rest = decoded_length % kChunkSize;
    std::uint64_t length = full * (header_length(kChunkSize, signature_size) + kChunkSize + 2);
    if (rest != 0) length += header_length(rest, signature_size) + rest + 2;
    length += header_length(0, signature_size) + 2;
    for (const auto& field : trailers) length += field.name.size() + field.value.size() + 3;
    if (trailing && signature_size != 0) length += kTrailerSignature.size() + signature_size + 2;
    return length;
}

}  // namespace narrows::sigv4
