#pragma once

#include <boost/asio/ssl/context.hpp>

#include "net/tls.h"

namespace narrows::net {

struct TlsServerContext::Impl {
    boost::asio::ssl::context context{boost::asio::ssl::context::tls_server};
};

struct TlsClientContext::Impl {
    boost::asio::ssl::context context{boost::asio::ssl::context::tls_client};
};

/// ALPN of a client.
void offer_protocols(SSL* connection, bool http2);

/// The handshake asks `choose`, which must outlive it.
void offer_choice(SSL* connection, const TlsChooser& choose);

}  // namespace narrows::net
