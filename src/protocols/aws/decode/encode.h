#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "codec/value.h"
#include "http/message.h"
#include "protocols/aws/decode/decode.h"

/// The request that goes to AWS: built from the decoded one by allow-list, never forwarded and
/// trimmed.
namespace narrows::aws {

/// Start line and headers for upstream. The body is the one that was decoded, byte for byte (the
/// strict decoders accepted it, so it has one meaning, and the client's checksums cover it).
/// Not here, because transport and signer make them: Host, Content-Length, Transfer-Encoding,
/// Expect, Authorization, X-Amz-Date, X-Amz-Security-Token, X-Amz-Content-Sha256 and, where the
/// body travels aws-chunked, that coding, X-Amz-Decoded-Content-Length and X-Amz-Trailer.
struct UpstreamRequest {
    std::string method;
    std::string host_prefix;  ///< "123456789012." or "data-": before the endpoint's host; or empty
    std::string path;         ///< begins with "/"; percent-encoded; S3 keys exactly as they came
    std::string query;        ///< without "?"; percent-encoded
    http::Headers headers;    ///< names in lower case

    std::string target() const { return query.empty() ? path : path + "?" + query; }
};

/// `parameters` are what decode_parameters made of `request`. `user_agent_suffix` is put behind the
/// client's User-Agent. ErrorCode::invalid if a label of the path or the host cannot be filled or
/// is no host label (RFC 1123).
Result<UpstreamRequest> encode_request(const Incoming& request, const codec::Value& parameters,
                                       std::string_view user_agent_suffix);

}  // namespace narrows::aws
