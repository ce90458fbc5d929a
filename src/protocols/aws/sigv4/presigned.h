#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "crypto/hash.h"
#include "http/message.h"
#include "protocols/aws/sigv4/authorization.h"
#include "protocols/aws/sigv4/signature.h"

/// Presigned requests: the proof stands in the query string, so that a URL alone is enough. Pure.
/// V4 and V4A: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
/// V2, S3 alone: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html
namespace narrows::sigv4 {

inline constexpr std::int64_t kPresignedSecondsMax = 7 * 24 * 3600;

struct Presigned {
    Authorization authorization;
    /// What is asked, once the proof is taken out: what clients move from headers into the query
    /// (x-amz-*; in V2 Content-Type and Content-MD5 too) is a header again, and in S3 a payload
    /// that nobody signed is UNSIGNED-PAYLOAD.
    http::RequestHead request;
};

/// ErrorCode::invalid for anything not exactly in the documented form: a part that is missing,
/// stands twice or is spelled otherwise, more than seven days, a scope of another day, `host` or an
/// x-amz-* header left unsigned, a parameter that is also a header of another value.
Result<Presigned> read_presigned(const http::RequestHead& head);

/// V2's form. Its signature covers the resource, S3's sub-resources, the response-* overrides, and
/// x-amz-* headers. ErrorCode::invalid also for any other query key but those that shape a listing:
/// nobody would have signed it.
Result<Presigned> read_presigned_v2(const http::RequestHead& head);

/// Whether the key makes the signature over `head` as received. `body_sha256` is needed where
/// authorization.payload is empty. ErrorCode::timeout: not yet or no longer valid; `skew_s` is what
/// a clock may be ahead. ErrorCode::unauthenticated: another key's signature.
Result<void> verify_presigned(const http::RequestHead& head, const Authorization& authorization,
                              const Key& key, std::optional<crypto::Digest> body_sha256, WallNs now,
                              std::int64_t skew_s);

/// The same for V2, over the request without its proof. `bucket` is the one that the host names;
/// empty where the path does.
Result<void> verify_presigned_v2(const http::RequestHead& request,
                                 const Authorization& authorization,
                                 const Secret& secret_access_key, std::string_view bucket,
                                 WallNs now);

/// What whoever calls a presigned URL sends: GET, its path and query, Host. ErrorCode::invalid: it
/// is no http or https URL, has a user or a fragment, a byte that no URL has, or is too long.
Result<http::RequestHead> head_of_url(std::string_view url);
inline constexpr std::size_t kPresignedUrlMax = 16 * 1024;

/// The target that makes `head` a presigned V4 request of these credentials. `head` has Host and
/// no body; nothing else is signed, and in S3 not even that there is none.
Result<std::string> presign(const http::RequestHead& head, const Credentials& credentials,
                            std::string_view region, std::string_view signing_name, WallNs now,
                            std::int64_t expires_s);

}  // namespace narrows::sigv4
