#pragma once

#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace narrows::net {

inline constexpr std::size_t kClientHelloMax = 16 * 1024;

/// The server name in a TLS ClientHello (RFC 8446 section 4.1.2, RFC 6066 section 3), or empty text
/// if it has none. ErrorCode::unavailable: more bytes are needed. ErrorCode::invalid: no
/// ClientHello. Pure; for tunnels that are not opened.
Result<std::string> client_hello_server_name(ByteView bytes);

}  // namespace narrows::net
