#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "model/operation.h"
#include "protocols/aws/sigv4/authorization.h"

namespace narrows::sigv4 {

/// How a request to S3 is proven, as S3's condition keys say it.
struct S3Proof {
    Scheme scheme = Scheme::none;
    std::optional<std::int64_t> age_ms;  ///< since a presigned URL was made; V2 does not say
    std::string_view content_sha256;     ///< x-amz-content-sha256 as sent; empty if absent
};

/// s3:authType, s3:signatureversion, s3:signatureAge (absent but from presigned URLs) and
/// s3:x-amz-content-sha256 (of what is signed in a header). What is not documented is left unknown,
/// SigV4A's version among it. What is signed for another service has none of them.
/// https://docs.aws.amazon.com/AmazonS3/latest/API/bucket-policy-s3-sigv4-conditions.html
model::Context s3_keys(std::string_view signing_name, const S3Proof& proof);

}  // namespace narrows::sigv4
