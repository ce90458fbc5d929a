#include "protocols/aws/sigv4/s3_keys.h"

#include <algorithm>
#include <array>
#include <string>

namespace narrows::sigv4 {
namespace {

constexpr std::array<std::string_view, 4> kOfS3 = {"s3", "s3express", "s3-outposts",
                                                   "s3-object-lambda"};
constexpr std::string_view kByHeader = "REST-HEADER";

/// Empty: of no request to S3.
std::string_view type_of(Scheme scheme) {
    switch (scheme) {
        case Scheme::sigv4_header:
        case Scheme::sigv2_header:
        case Scheme::sigv4a_header:
            return kByHeader;
        case Scheme::sigv4_query:
        case Scheme::sigv2_query:
        case Scheme::sigv4a_query:
            return "REST-QUERY-STRING";
        case Scheme::sigv4_post:
        case Scheme::sigv2_post:
            return "POST";
        default:
            return {};
    }
}

std::string_view version_of(Scheme scheme) {
    switch (scheme) {
        case Scheme::sigv4_header:
        case Scheme::sigv4_query:
        case Scheme::sigv4_post:
            return "AWS4-HMAC-SHA256";
        case Scheme::sigv2_header:
        case Scheme::sigv2_query:
        case Scheme::sigv2_post:
            return "AWS";
        default:
            return {};
    }
}

}  // namespace

model::Context s3_keys(std::string_view signing_name, const S3Proof& proof) {
    if (std::find(kOfS3.begin(), kOfS3.end(), signing_name) == kOfS3.end()) {
        return {{"s3:authtype", {}},
                {"s3:signatureversion", {}},
                {"s3:signatureage", {}},
                {"s3:x-amz-content-sha256", {}}};
    }
    model::Context keys;
    const std::string type(type_of(proof.scheme));
    const std::string version(version_of(proof.scheme));
    if (!type.empty()) keys["s3:authtype"] = {type};
    if (!version.empty()) keys["s3:signatureversion"] = {version};
    if (type == kByHeader) keys["s3:signatureage"] = {};
    if (proof.scheme == Scheme::sigv4_query && proof.age_ms) {
        keys["s3:signatureage"] = {std::to_string(std::max(std::int64_t{0}, *proof.age_ms))};
    }
    if (proof.scheme == Scheme::sigv4_header && !proof.content_sha256.empty()) {
        keys["s3:x-amz-content-sha256"] = {std::string(proof.content_sha256)};
    }
    return keys;
}

}  // namespace narrows::sigv4
