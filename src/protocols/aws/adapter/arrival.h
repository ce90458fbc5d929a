#pragma once

#include <string>

#include "session/session.h"

namespace narrows::aws {

/// How a request came in.
struct Arrival {
    std::string mode;                ///< "endpoint", "proxy"
    std::string peer;                ///< address and port
    std::string peer_address;        ///< the address alone, for aws:SourceIp
    bool secure = false;             ///< TLS between agent and gateway
    std::string host;                ///< proxy mode: the host of CONNECT
    std::string bucket;              ///< endpoint mode: what stands before the gateway's name
    session::SessionPtr proxied_by;  ///< proxy mode: the session whose credential opened the tunnel
};

}  // namespace narrows::aws
