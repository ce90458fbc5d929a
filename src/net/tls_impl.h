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

}  // namespace narrows::net
