#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/message.h"
#include "protocols/aws/catalogue/catalogue.h"

namespace narrows::aws {

/// What is known of a request before its operation is.
struct Question {
    const http::RequestHead& head;
    std::string_view body;  ///< a held form body; empty if there is none or it is another kind
    std::string_view signing_name;  ///< of the verified credential scope
    std::string_view region;        ///< of the same
    std::string_view host;          ///< in proxy mode, to tell services that share a signing name
    /// S3: taken from a virtual host by the caller, a bucket or an access point's ARN; else empty.
    std::string_view bucket;
};

/// A URI label as it stood on the wire.
struct Label {
    std::string_view name;   ///< as in the template: "Key"
    std::string value;       ///< percent-encoded, untouched
    bool from_host = false;  ///< S3: Question::bucket, not a segment of the path
};

struct Candidate {
    Operation operation;
    std::vector<Label> labels;
};

/// What a request can be. Several candidates: services that share a signing name have operations
/// of one form; all of them must be allowed.
struct Recognition {
    Protocol protocol = Protocol::json;
    std::vector<Candidate> candidates;  ///< never empty
};

/// Which operation a request asks for, from raw bytes: rpc-v2-cbor path, x-amz-target, Action and
/// Version, then method, URI template and required query keys and headers. Refuses two protocols'
/// markers at once and what no model describes. `x-id` and User-Agent are never trusted. Pure.
Result<Recognition> recognise(const Catalogue& catalogue, const Question& question);

}  // namespace narrows::aws
