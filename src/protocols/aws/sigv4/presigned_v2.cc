#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "codec/text.h"
#include "protocols/aws/sigv4/presigned.h"
#include "protocols/aws/sigv4/proof_parts.h"
#include "protocols/aws/sigv4/query_proof.h"

namespace narrows::sigv4 {
namespace {

constexpr std::array<std::string_view, 3> kProof = {"AWSAccessKeyId", "Signature", "Expires"};
constexpr std::size_t kSha1Bytes = 20;
/// 9999-12-31 is beyond what 64 bits of nanoseconds hold; the year 2261 is not.
constexpr std::int64_t kExpiresMax = 9'200'000'000;

/// What V2 signs of a query string, sorted: S3's sub-resources and the response-* overrides.
constexpr std::array<std::string_view, 35> kSigned = {"accelerate",
                                                      "acl",
                                                      "analytics",
                                                      "cors",
                                                      "defaultObjectAcl",
                                                      "delete",
                                                      "inventory",
                                                      "lifecycle",
                                                      "location",
                                                      "logging",
                                                      "metrics",
                                                      "notification",
                                                      "object-lock",
                                                      "partNumber",
                                                      "policy",
                                                      "replication",
                                                      "requestPayment",
                                                      "response-cache-control",
                                                      "response-content-disposition",
                                                      "response-content-encoding",
                                                      "response-content-language",
                                                      "response-content-type",
                                                      "response-expires",
                                                      "restore",
                                                      "select",
                                                      "select-type",
                                                      "storageClass",
                                                      "tagging",
                                                      "torrent",
                                                      "uploadId",
                                                      "uploads",
                                                      "versionId",
                                                      "versioning",
                                                      "versions",
                                                      "website"};

/// What only shapes a listing, and no V2 signature covers.
constexpr std::array<std::string_view, 16> kUncovered = {"continuation-token",
                                                         "delimiter",
                                                         "encoding-type",
                                                         "fetch-owner",
                                                         "key-marker",
                                                         "list-type",
                                                         "marker",
                                                         "max-keys",
                                                         "max-parts",
                                                         "max-uploads",
                                                         "part-number-marker",
                                                         "prefix",
                                                         "start-after",
                                                         "upload-id-marker",
                                                         "version-id-marker",
                                                         "x-id"};

bool is_hoisted(std::string_view lower_name) {
    return lower_name.starts_with("x-amz-") || lower_name == "content-type" ||
           lower_name == "content-md5";
}

/// The signed part of a query string as V2 writes it: names as sent, values decoded, sorted.
Result<std::string> signed_query(std::string_view query) {
    std::map<std::string_view, std::string> fields;
    for (const std::string_view field : codec::split(query, '&')) {
        const std::size_t equals = std::min(field.find('='), field.size());
        const std::string_view name = field.substr(0, equals);
        if (name.empty() || std::ranges::find(kUncovered, name) != kUncovered.end()) continue;
        if (!std::ranges::binary_search(kSigned, name) || fields.contains(name)) {
            return fail(ErrorCode::invalid,
                        "the presigned URL has a parameter twice, or one that a V2 signature does "
                        "not cover: " +
                            codec::printable(name) + "; presign with Signature Version 4");
        }
        NARROWS_TRY(std::string value, codec::percent_decode(field.substr(equals)));
        fields.emplace(name, std::move(value));
    }
    std::string out;
    for (const auto& [name, value] : fields) {
        out.append(out.empty() ? "?" : "&").append(name).append(value);
    }
    return out;
}

/// "name:value\n" of every x-amz-* header, sorted, one name's values joined by commas.
std::string amz_headers(const http::Headers& headers) {
    std::map<std::string, std::string> fields;
    for (const codec::Pair& field : headers) {
        const std::string name = codec::lower(field.name);
        if (!name.starts_with("x-amz-")) continue;
        std::string& value = fields[name];
        value.append(value.empty() ? "" : ",").append(codec::trim(field.value));
    }
    std::string out;
    for (const auto& [name, value] : fields) {
        out.append(name).append(":").append(value).append("\n");
    }
    return out;
}

std::string text_to_sign(const http::RequestHead& request, const Authorization& authorization,
                         std::string_view resource) {
    std::string out = request.method + "\n";
    out.append(http::header(request.headers, "content-md5")).append("\n");
    out.append(http::header(request.headers, "content-type")).append("\n");
    out.append(authorization.date).append("\n");
    return out.append(amz_headers(request.headers)).append(resource);
}

bool matches(const Authorization& authorization, const Secret& secret, std::string_view text) {
    const Bytes expected = crypto::hmac_sha1(secret.view(), as_bytes(text));
    return crypto::equal_constant_time(codec::base64(expected), authorization.signature);
}

}  // namespace

Result<Presigned> read_presigned_v2(const http::RequestHead& head) {
    NARROWS_TRY(check_single(head.headers));
    NARROWS_TRY(const QueryProof proof, QueryProof::read(head.target, kProof));
    Presigned out;
    Authorization& authorization = out.authorization;
    authorization.scheme = Scheme::sigv2_query;
    NARROWS_TRY(authorization.key_id, proof.value("AWSAccessKeyId"));
    NARROWS_TRY(authorization.signature, proof.value("Signature"));
    NARROWS_TRY(authorization.date, proof.value("Expires"));
    const auto signature = codec::unbase64(authorization.signature);
    const std::string& expires = authorization.date;
    std::int64_t seconds = 0;
    const auto [end, error] =
        std::from_chars(expires.data(), expires.data() + expires.size(), seconds);
    if (!is_key_id(authorization.key_id) || !signature || signature.value().size() != kSha1Bytes ||
        error != std::errc() || end != expires.data() + expires.size() || seconds < 0 ||
        seconds > kExpiresMax) {
        return fail(ErrorCode::invalid,
                    "the presigned URL has an AWSAccessKeyId, Signature or Expires that is none");
    }
    authorization.expires = seconds * kNsPerSecond;
    NARROWS_TRY(out.request, proof.without(head, is_hoisted));
    NARROWS_TRY(signed_query(query_of(out.request.target)));
    const std::string_view token = http::header(out.request.headers, "x-amz-security-token");
    if (token.size() > kTokenMax) {
        return fail(ErrorCode::invalid, "the session token is longer than 16 KiB");
    }
    authorization.session_token = Secret(token);
    if (http::count(out.request.headers, "x-amz-content-sha256") == 0) {
        out.request.headers.push_back({"x-amz-content-sha256", "UNSIGNED-PAYLOAD"});
        authorization.payload = "UNSIGNED-PAYLOAD";
    }
    return out;
}

Result<void> verify_presigned_v2(const http::RequestHead& request,
                                 const Authorization& authorization,
                                 const Secret& secret_access_key, std::string_view bucket,
                                 WallNs now) {
    if (now >= authorization.expires) {
        return fail(ErrorCode::timeout, "the presigned URL was valid until " +
                                            rfc3339(authorization.expires) + "; make a new one");
    }
    NARROWS_TRY(const std::string query, signed_query(query_of(request.target)));
    std::string path = request.target.substr(0, request.target.find('?'));
    if (!bucket.empty()) path = "/" + std::string(bucket) + path;
    http::RequestHead as_signed = request;
    if (!authorization.payload.empty()) http::remove(as_signed.headers, "x-amz-content-sha256");
    // Of a bucket in path style some clients sign "/bucket", others "/bucket/": one resource.
    const bool bare = path.find('/', 1) == std::string::npos && path.size() > 1;
    const bool held = matches(authorization, secret_access_key,
                              text_to_sign(as_signed, authorization, path + query)) ||
                      (bare && matches(authorization, secret_access_key,
                                       text_to_sign(as_signed, authorization, path + "/" + query)));
    if (!held) {
        return fail(ErrorCode::unauthenticated,
                    "the presigned URL's signature is not one that its credential makes; use the "
                    "URL, method and headers exactly as they were signed");
    }
    return ok();
}

}  // namespace narrows::sigv4
