#pragma once

#include "base/bytes.h"
#include "http/message.h"

namespace narrows::aws {

/// The head as the record keeps it: values of credential headers (Authorization, security tokens,
/// Proxy-Authorization, cookies, customer-provided keys) are replaced by a keyed digest; with
/// `query_secret` the query string is, too.
http::RequestHead withheld_headers(const http::RequestHead& head, ByteView key, bool query_secret);

}  // namespace narrows::aws
