#include <algorithm>
#include <charconv>

#include "codec/text.h"
#include "protocols/aws/sigv4/body.h"

namespace narrows::sigv4 {
namespace {

struct Named {
    std::string_view text;
    PayloadKind kind;
};
constexpr Named kNamed[] = {
    {"UNSIGNED-PAYLOAD", PayloadKind::unsigned_payload},
    {"STREAMING-AWS4-HMAC-SHA256-EVENTS", PayloadKind::events},
    {"STREAMING-UNSIGNED-PAYLOAD-TRAILER", PayloadKind::streaming_unsigned_trailer},
    {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", PayloadKind::streaming_signed},
    {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", PayloadKind::streaming_signed_trailer},
    {"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", PayloadKind::streaming_ecdsa},
    {"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER", PayloadKind::streaming_ecdsa_trailer},
};

Result<void> read_kind(std::string_view text, Payload& out) {
    for (const Named& named : kNamed) {
        if (named.text == text) {
            out.kind = named.kind;
            return ok();
        }
    }
    if (text.starts_with("STREAMING-AWS4-")) {
        return fail(ErrorCode::unsupported,
                    "x-amz-content-sha256 asks for a form of signed stream that the gateway does "
                    "not take; use STREAMING-AWS4-HMAC-SHA256-PAYLOAD[-TRAILER], its ECDSA-P256 "
                    "counterpart or a hash");
    }
    const auto digest = codec::unhex(text);
    if (!digest || digest.value().size() != out.sha256.size() || codec::lower(text) != text) {
        return fail(ErrorCode::invalid, "x-amz-content-sha256 is none of the values AWS documents");
    }
    std::ranges::copy(digest.value(), out.sha256.begin());
    out.kind = PayloadKind::sha256;
    return ok();
}

/// x-amz-trailer: names separated by commas.
Result<void> read_trailers(std::string_view text, Payload& out) {
    for (const std::string_view piece : codec::split(text, ',')) {
        std::string name = codec::lower(codec::trim(piece));
        if (!name.starts_with("x-amz-checksum-")) {
            return fail(ErrorCode::invalid, "x-amz-trailer declares something else than checksums");
        }
        if (std::ranges::find(out.trailers, name) != out.trailers.end() ||
            out.trailers.size() == kTrailersMax) {
            return fail(ErrorCode::invalid, "x-amz-trailer declares a trailer twice or too many");
        }
        out.trailers.push_back(std::move(name));
    }
    return ok();
}

Result<void> read_decoded_length(std::string_view text, Payload& out) {
    std::uint64_t length = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
    if (error != std::errc() || end != text.data() + text.size()) {
        return fail(ErrorCode::invalid, "x-amz-decoded-content-length is no decimal number");
    }
    out.decoded_length = length;
    return ok();
}

bool has_aws_chunked(const http::Headers& headers) {
    for (const auto& field : headers) {
        if (!codec::iequals(field.name, "content-encoding")) continue;
        for (const std::string_view coding : codec::split(field.value, ',')) {
            if (codec::iequals(codec::trim(coding), "aws-chunked")) return true;
        }
    }
    return false;
}

}  // namespace

const char* name_of(PayloadKind kind) {
    switch (kind) {
        case PayloadKind::absent:
            return "absent";
        case PayloadKind::sha256:
            return "sha256";
        case PayloadKind::unsigned_payload:
            return "unsigned";
        case PayloadKind::events:
            return "signed-events";
        case PayloadKind::streaming_unsigned_trailer:
            return "streaming-unsigned-trailer";
        case PayloadKind::streaming_signed:
            return "streaming-signed";
        case PayloadKind::streaming_signed_trailer:
            return "streaming-signed-trailer";
        case PayloadKind::streaming_ecdsa:
            return "streaming-ecdsa";
        case PayloadKind::streaming_ecdsa_trailer:
            return "streaming-ecdsa-trailer";
    }
    return "absent";
}

std::string Payload::text_for(Algorithm algorithm) const {
    if (!chunks_signed()) return text;
    return "STREAMING-" + std::string(sigv4::name_of(algorithm)) +
           (trailing() ? "-PAYLOAD-TRAILER" : "-PAYLOAD");
}

Result<Payload> read_payload(const http::RequestHead& head) {
    const http::Headers& headers = head.headers;
    for (const std::string_view name :
         {"x-amz-content-sha256", "x-amz-trailer", "x-amz-decoded-content-length"}) {
        if (http::count(headers, name) > 1) {
            return fail(ErrorCode::invalid,
                        "the request has the header " + std::string(name) + " more than once");
        }
    }
    Payload out;
    if (http::count(headers, "x-amz-content-sha256") == 1) {
        out.text = http::header(headers, "x-amz-content-sha256");
        NARROWS_TRY(read_kind(out.text, out));
    }
    const bool declares_trailer = http::count(headers, "x-amz-trailer") == 1;
    const bool declares_length = http::count(headers, "x-amz-decoded-content-length") == 1;
    if ((declares_trailer && !out.trailing()) || (declares_length && !out.chunked()) ||
        (has_aws_chunked(headers) && !out.chunked())) {
        return fail(ErrorCode::invalid,
                    "the request declares aws-chunked, its length or its trailers, but its "
                    "x-amz-content-sha256 is not of that form");
    }
    if (declares_trailer) {
        NARROWS_TRY(read_trailers(http::header(headers, "x-amz-trailer"), out));
    }
    if (declares_length) {
        NARROWS_TRY(
            read_decoded_length(http::header(headers, "x-amz-decoded-content-length"), out));
    }
    return out;
}

}  // namespace narrows::sigv4
