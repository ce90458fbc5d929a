#pragma once

#include "base/bytes.h"
#include "http/message.h"

/// Credentials that anyone presents are never written: their keyed digest is, so that two attempts
/// can be told to present the same.
namespace narrows::aws {

/// The head as the record keeps it. Values of headers and query keys whose name speaks of a
/// credential are replaced (tokens of paging and of idempotency are none); with `secret` (the
/// request has secret inputs, or nobody knows) so are the whole query string and the digests of the
/// body, from which a short secret could be guessed.
http::RequestHead withheld_headers(const http::RequestHead& head, ByteView key, bool secret);

/// The same for bytes that are no well-formed head: line by line, the value of every field but a
/// few harmless ones is replaced, as is a query in the first line.
Bytes withheld_bytes(ByteView malformed, ByteView key);

/// A URL whose query is treated as a target's is.
std::string withheld_url(std::string_view url, ByteView key);

}  // namespace narrows::aws
