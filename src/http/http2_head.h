#pragma once

#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "http/message.h"

/// Heads as HTTP/2 carries them (RFC 9113 section 8): fields with names in lower case, those that
/// begin with a colon first. Pure.
namespace narrows::http {

/// A request as HTTP/1.1 would have brought it, `host` first; its target is the raw :path. Of the
/// pseudo-header fields :authority stays among the headers, since SDKs may sign it by that name.
/// Refused, with ErrorCode::invalid, is what RFC 9113 calls malformed, what two readers could
/// understand in different ways, and CONNECT. `ended`: no body follows.
Result<RequestHead> read_http2_request(const Headers& fields, bool ended);

/// The same for an answer.
Result<ResponseHead> read_http2_response(const Headers& fields);

/// The fields of a request or an answer. What belongs to a connection of HTTP/1.1 is left out.
Headers http2_fields(const RequestHead& head, std::string_view scheme);
Headers http2_fields(const ResponseHead& head);

/// For the record of a head that is refused: its fields as lines, as HTTP/1.1 would have them; the
/// first `size_max` bytes.
Bytes http2_text(const Headers& fields, std::size_t size_max);

}  // namespace narrows::http
