#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crypto/hash.h"
#include "http/message.h"

/// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
namespace narrows::sigv4 {

enum class PathStyle {
    as_sent,     ///< S3 and its kin: the raw path, since `..` and `//` are legal in keys
    normalised,  ///< all others: dot segments and empty segments removed, then encoded once more
};
PathStyle path_style(std::string_view signing_name);

/// The canonical request over the raw target and the raw header fields. `signed_headers` are lower
/// case and sorted. ErrorCode::invalid: the target is not in origin form, holds a byte that no
/// target may hold or a broken percent-encoding, or a signed header is absent.
Result<std::string> canonical_request(const http::RequestHead& head,
                                      std::span<const std::string> signed_headers,
                                      std::string_view payload, PathStyle style);

/// The header names that we sign when we send `head`: all but those that intermediaries own or that
/// no SDK signs (connection, expect, user-agent, te, transfer-encoding …). Lower case, sorted.
std::vector<std::string> headers_to_sign(const http::Headers& headers);

/// What an INTENT names and a Signer compares: SHA-256 of the canonical request over everything
/// that will be signed except Authorization, X-Amz-Date and X-Amz-Security-Token, so that it does
/// not change with the time or the credential.
Result<crypto::Digest> request_digest(const http::RequestHead& head, std::string_view payload,
                                      std::string_view signing_name);

}  // namespace narrows::sigv4
