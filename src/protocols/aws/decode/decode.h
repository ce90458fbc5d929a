#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "codec/value.h"
#include "http/message.h"
#include "protocols/aws/catalogue/recognise.h"

/// A request's bytes as parameters of the operation it was recognised as.
/// https://smithy.io/2.0/aws/protocols/index.html
namespace narrows::aws {

/// What parameters hold in the place of a payload that is not in memory: {"$body": "streamed"}.
codec::Value streamed_body();

/// A recognised request. All references outlive the call they are passed to.
struct Incoming {
    Protocol protocol;
    const Candidate& candidate;
    const http::RequestHead& head;
    ByteView body;          ///< whole, content coding taken off (plain_body); empty if streamed
    bool streamed = false;  ///< the body is not in memory; only where takes_stream() says so
};

/// Whether an operation's body is one blob that may be streamed instead of held.
bool takes_stream(Operation entry);

/// A held body without its content coding. `Content-Encoding: gzip` is inflated to at most
/// `size_max` bytes; without the header the body is returned as it is. ErrorCode::unsupported for
/// other codings, ErrorCode::invalid for broken gzip, ErrorCode::exhausted beyond `size_max`.
Result<Bytes> plain_body(const http::RequestHead& head, ByteView body, std::size_t size_max);

/// One map keyed by the model's member names, wherever a member travelled. Closed world: each query
/// key, label, x-amz-* header, form key, document member and the body itself is bound by the model,
/// once, with a value of its kind, or is one of the few that transports and SDKs add; everything
/// else is refused. ErrorCode::invalid with a sentence that names the place, ErrorCode::unsupported
/// for input event streams that are not streamed, or of another protocol than REST.
Result<codec::Value> decode_parameters(const Incoming& request);

}  // namespace narrows::aws
