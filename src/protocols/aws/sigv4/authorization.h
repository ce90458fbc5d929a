#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "http/message.h"

/// AWS Signature Version 4: reading, verifying and making it. Pure functions of a request head and
/// of body bytes; no I/O.
/// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
namespace narrows::sigv4 {

/// How a request proves who sent it. Those that are never verified are told apart so that the
/// refusal and its record can name them.
enum class Scheme {
    none,
    sigv4_header,   ///< Authorization: AWS4-HMAC-SHA256 …
    sigv4_query,    ///< presigned: X-Amz-Algorithm=AWS4-HMAC-SHA256
    sigv2_header,   ///< Authorization: AWS KEY:signature
    sigv2_query,    ///< presigned: AWSAccessKeyId=…&Signature=…
    sigv4_post,     ///< a form's fields: policy, x-amz-signature
    sigv2_post,     ///< a form's fields: policy, signature
    sigv4a_header,  ///< Authorization: AWS4-ECDSA-P256-SHA256 …
    sigv4a_query,   ///< presigned: X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256
    bearer,
    other,    ///< an Authorization header of another scheme
    several,  ///< more than one proof at once: which one counts would be a guess
};
const char* name_of(Scheme scheme);

inline bool is_sigv4a(Scheme scheme) {
    return scheme == Scheme::sigv4a_header || scheme == Scheme::sigv4a_query;
}

/// date/region/service/aws4_request; of SigV4A, which names a set of regions elsewhere,
/// date/service/aws4_request.
struct CredentialScope {
    std::string date;     ///< 20261123
    std::string region;   ///< empty in SigV4A
    std::string service;  ///< the signing name
    std::string text() const;
    friend bool operator==(const CredentialScope&, const CredentialScope&) = default;
};

/// What was presented, for the record: never a secret part. Made from any request without failing.
struct Presented {
    Scheme scheme = Scheme::none;
    std::string key_id;   ///< access key id, if one can be read; at most 128 word characters
    std::string scope;    ///< credential scope as text, if one can be read
    std::string payload;  ///< x-amz-content-sha256 as sent, at most 64 characters
    /// Hex of HMAC-SHA256(digest_key, every Authorization and token value), for telling whether
    /// two attempts presented the same thing; empty if nothing was presented.
    std::string fingerprint;
};
Presented classify(const http::RequestHead& head, ByteView digest_key);

/// A proof, read strictly. What a scheme does not have is empty.
struct Authorization {
    Scheme scheme = Scheme::sigv4_header;
    std::string key_id;
    CredentialScope scope;
    std::vector<std::string> signed_headers;  ///< lower case, sorted, free of duplicates
    std::string signature;                    ///< as sent: hex, in V2 base64
    std::string date;                         ///< 20261123T062000Z
    WallNs time = 0;                          ///< the same
    WallNs expires = 0;                       ///< in a query: from when on it proves nothing
    std::string payload;                      ///< in a query: what was signed; empty: the body
    std::vector<std::string> region_set;      ///< in SigV4A; sigv4a.h
    Secret session_token;                     ///< X-Amz-Security-Token; empty if absent
    bool s3_session = false;                  ///< the token is X-Amz-S3session-Token instead
};

/// Reads Authorization, X-Amz-Date (else Date), the session token and, in SigV4A, X-Amz-Region-Set
/// of a request that is signed in a header. ErrorCode::invalid for anything not exactly in the form
/// AWS documents: an unknown, repeated or missing part, a scope whose date is not the request's,
/// `host` or a present x-amz-* header left unsigned, a signed header that is absent, a header of
/// these sent twice.
Result<Authorization> read_authorization(const http::RequestHead& head);

/// 20261123T062000Z → time; nothing if it is no such date.
std::optional<WallNs> parse_iso_basic(std::string_view text);

}  // namespace narrows::sigv4
