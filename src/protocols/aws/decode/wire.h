#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/text.h"
#include "protocols/aws/catalogue/catalogue.h"
#include "protocols/aws/decode/decode.h"

/// What decoder and encoder agree on about query strings and headers: both read this one list.
namespace narrows::aws {

bool is_rest(Protocol protocol);

/// "/a?b=c" → "b=c"; empty if there is no query.
std::string_view query_of(std::string_view target);

/// The query of a REST request, names and values percent-decoded once. ErrorCode::invalid for bad
/// escapes, text that is not UTF-8, and a bare "+", which some read as a blank.
Result<std::vector<codec::Pair>> rest_query(std::string_view target);

/// The pairs of a query or ec2 request, with Action and Version: from the query string of a GET,
/// from the body of a POST. ErrorCode::invalid if both hold something.
Result<std::vector<codec::Pair>> form_pairs(const Incoming& request);

/// A Content-Encoding without aws-chunked, which is framing and the transport's own:
/// "gzip, aws-chunked" → "gzip".
std::string without_chunking(std::string_view codings);

/// What a query key is to an operation.
enum class KeyUse { member, map_entry, literal, hint, undeclared };
struct Key {
    KeyUse use = KeyUse::undeclared;
    std::optional<Member> member;
};
Key query_key(Operation entry, const codec::Pair& pair);

/// What a header is to a request.
enum class HeaderUse {
    member,      ///< bound by the model; sent on
    map_entry,   ///< bound by the model's prefix headers ("x-amz-meta-"); sent on
    carried,     ///< added by SDKs, means nothing to policy; sent on
    consumed,    ///< this connection's affair: framing, signature, host; never sent on
    ignored,     ///< unknown and not in AWS's name space: never sent on
    undeclared,  ///< in AWS's name space and not bound: the request is refused
};
struct Header {
    HeaderUse use = HeaderUse::undeclared;
    std::optional<Member> member;
};
/// `name` in lower case.
Header header_use(const Incoming& request, std::string_view name);

}  // namespace narrows::aws
