#include "protocols/aws/sigv4/presigned.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "codec/text.h"
#include "protocols/aws/sigv4/canonical.h"
#include "protocols/aws/sigv4/proof_parts.h"
#include "protocols/aws/sigv4/query_proof.h"
#include "protocols/aws/sigv4/sigv4a.h"

namespace narrows::sigv4 {
namespace {

constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";
constexpr std::array<std::string_view, 8> kProof = {
    "X-Amz-Algorithm",     "X-Amz-Credential", "X-Amz-Date",           "X-Amz-Expires",
    "X-Amz-SignedHeaders", "X-Amz-Signature",  "X-Amz-Security-Token", "X-Amz-Region-Set"};

bool is_amz(std::string_view lower_name) {
    return lower_name.starts_with("x-amz-");
}

Result<void> read_validity(const QueryProof& proof, Authorization& out) {
    NARROWS_TRY(out.date, proof.value("X-Amz-Date"));
    NARROWS_TRY(const std::string seconds, proof.value("X-Amz-Expires"));
    const auto time = parse_iso_basic(out.date);
    if (!time || out.scope.date != out.date.substr(0, 8)) {
        return fail(ErrorCode::invalid,
                    "the presigned URL has an X-Amz-Date that is no date or not that of its scope");
    }
    std::int64_t valid_s = 0;
    const auto [end, error] =
        std::from_chars(seconds.data(), seconds.data() + seconds.size(), valid_s);
    if (error != std::errc() || end != seconds.data() + seconds.size() || valid_s < 1 ||
        valid_s > kPresignedSecondsMax) {
        return fail(ErrorCode::invalid,
                    "the presigned URL has an X-Amz-Expires that is not 1 to 604800 seconds");
    }
    out.time = *time;
    out.expires = out.time + valid_s * kNsPerSecond;
    return ok();
}

Result<void> read_token(const http::Headers& headers, const QueryProof& proof, Authorization& out) {
    const std::string token = proof.text("X-Amz-Security-Token");
    if (token.size() > kTokenMax || http::count(headers, "x-amz-security-token") != 0) {
        return fail(ErrorCode::invalid,
                    "the presigned URL has a session token of more than 16 KiB, or another one "
                    "stands in a header");
    }
    out.session_token = Secret(token);
    return ok();
}

/// Without the signature, which cannot cover itself.
http::RequestHead as_signed(const http::RequestHead& head) {
    const std::size_t mark = std::min(head.target.find('?'), head.target.size());
    http::RequestHead out{head.method, head.target.substr(0, mark), head.headers};
    char separator = '?';
    for (const std::string_view field : codec::split(query_of(head.target), '&')) {
        const auto name = codec::percent_decode(field.substr(0, field.find('=')));
        if (name && name.value() == "X-Amz-Signature") continue;
        out.target.append(1, separator).append(field);
        separator = '&';
    }
    return out;
}

Result<std::string> text_to_sign(const http::RequestHead& head, const Authorization& authorization,
                                 std::string_view payload) {
    NARROWS_TRY(const std::string canonical,
                canonical_request(head, authorization.signed_headers, payload,
                                  path_style(authorization.scope.service)));
    return string_to_sign(algorithm_of(authorization), authorization.date, authorization.scope,
                          crypto::sha256(canonical));
}

/// SigV4A names its regions; V4, whose scope names one, may not.
Result<void> read_regions(const QueryProof& proof, Authorization& out) {
    if (is_sigv4a(out.scheme)) {
        NARROWS_TRY(const std::string text, proof.value("X-Amz-Region-Set"));
        NARROWS_TRY(out.region_set, parse_region_set(text));
    } else if (!proof.text("X-Amz-Region-Set").empty()) {
        return fail(ErrorCode::invalid,
                    "the presigned URL names regions in X-Amz-Region-Set beside that of its scope");
    }
    return ok();
}

}  // namespace

Result<Presigned> read_presigned(const http::RequestHead& head) {
    NARROWS_TRY(check_single(head.headers));
    NARROWS_TRY(const QueryProof proof, QueryProof::read(head.target, kProof));
    NARROWS_TRY(const std::string algorithm, proof.value("X-Amz-Algorithm"));
    const bool ecdsa = algorithm == name_of(Algorithm::ecdsa);
    if (!ecdsa && algorithm != name_of(Algorithm::hmac)) {
        return fail(ErrorCode::invalid,
                    "the presigned URL has an X-Amz-Algorithm other than AWS4-HMAC-SHA256 and "
                    "AWS4-ECDSA-P256-SHA256");
    }
    Presigned out;
    Authorization& authorization = out.authorization;
    authorization.scheme = ecdsa ? Scheme::sigv4a_query : Scheme::sigv4_query;
    NARROWS_TRY(read_regions(proof, authorization));
    NARROWS_TRY(const std::string credential, proof.value("X-Amz-Credential"));
    NARROWS_TRY(read_credential(credential, authorization));
    NARROWS_TRY(const std::string names, proof.value("X-Amz-SignedHeaders"));
    NARROWS_TRY(read_signed_headers(names, authorization));
    NARROWS_TRY(const std::string signature, proof.value("X-Amz-Signature"));
    NARROWS_TRY(read_signature(signature, authorization));
    NARROWS_TRY(read_validity(proof, authorization));
    NARROWS_TRY(read_token(head.headers, proof, authorization));
    NARROWS_TRY(check_coverage(head.headers, authorization));
    NARROWS_TRY(out.request, proof.without(head, is_amz));
    http::Headers& headers = out.request.headers;
    const bool silent = http::count(headers, "x-amz-content-sha256") == 0;
    if (silent && path_style(authorization.scope.service) == PathStyle::as_sent) {
        headers.push_back({"x-amz-content-sha256", std::string(kUnsignedPayload)});
    }
    authorization.payload = http::header(headers, "x-amz-content-sha256");
    return out;
}

Result<void> verify_presigned(const http::RequestHead& head, const Authorization& authorization,
                              const Key& key, std::optional<crypto::Digest> body_sha256, WallNs now,
                              std::int64_t skew_s) {
    if (now >= authorization.expires || authorization.time > now + skew_s * kNsPerSecond) {
        return fail(ErrorCode::timeout, "the presigned URL is valid from " +
                                            rfc3339(authorization.time) + " to " +
                                            rfc3339(authorization.expires) + "; make a new one");
    }
    if (authorization.payload.empty() && !body_sha256) {
        return fail(ErrorCode::invalid,
                    "the presigned request declares no hash of its body, and the body is too large "
                    "to hold");
    }
    const std::string payload =
        authorization.payload.empty() ? codec::hex(*body_sha256) : authorization.payload;
    NARROWS_TRY(const std::string text, text_to_sign(as_signed(head), authorization, payload));
    if (!holds_with(key, text, authorization.signature)) {
        return fail(ErrorCode::unauthenticated,
                    "the presigned URL's signature is not one that its credential makes; use the "
                    "URL, method and headers exactly as they were signed");
    }
    return ok();
}

Result<http::RequestHead> head_of_url(std::string_view url) {
    const auto fits = [](char c) { return c > ' ' && c < 0x7f && c != '#' && c != '\\'; };
    std::string_view rest = url;
    for (const std::string_view scheme : {"https://", "http://"}) {
        if (rest.size() == url.size() && url.starts_with(scheme)) rest.remove_prefix(scheme.size());
    }
    const std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
    const std::string_view host = rest.substr(0, end);
    if (rest.size() == url.size() || url.size() > kPresignedUrlMax || host.empty() ||
        host.find('@') != std::string_view::npos || !std::ranges::all_of(url, fits)) {
        return fail(ErrorCode::invalid,
                    "the presigned URL is none that can be called: https, a host, a path, a query "
                    "and no more, of at most 16 KiB");
    }
    rest.remove_prefix(end);
    return http::RequestHead{"GET",
                             (rest.starts_with('/') ? "" : "/") + std::string(rest),
                             {{"Host", std::string(host)}}};
}

Result<std::string> presign(const http::RequestHead& head, const Credentials& credentials,
                            std::string_view region, std::string_view signing_name, WallNs now,
                            std::int64_t expires_s) {
    Authorization authorization;
    authorization.date = iso_basic(now);
    authorization.scope = {authorization.date.substr(0, 8), std::string(region),
                           std::string(signing_name)};
    authorization.signed_headers = {"host"};
    const std::string credential = credentials.access_key_id + "/" + authorization.scope.text();
    http::RequestHead whole = head;
    whole.target.append(head.target.find('?') == std::string::npos ? "?" : "&");
    whole.target.append("X-Amz-Algorithm=").append(name_of(Algorithm::hmac));
    whole.target.append("&X-Amz-Credential=").append(codec::percent_encode(credential));
    whole.target.append("&X-Amz-Date=").append(authorization.date);
    whole.target.append("&X-Amz-Expires=").append(std::to_string(expires_s));
    if (!credentials.session_token.text().empty()) {
        whole.target.append("&X-Amz-Security-Token=")
            .append(codec::percent_encode(credentials.session_token.text()));
    }
    whole.target.append("&X-Amz-SignedHeaders=host");
    const SigningKey key = SigningKey::derive(credentials.secret_access_key, authorization.scope);
    const bool s3 = path_style(signing_name) == PathStyle::as_sent;
    const std::string payload(s3 ? std::string(kUnsignedPayload) : codec::hex(crypto::sha256("")));
    NARROWS_TRY(const std::string text, text_to_sign(whole, authorization, payload));
    return whole.target + "&X-Amz-Signature=" + key.sign(text);
}

}  // namespace narrows::sigv4
