#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"

namespace narrows::net {

/// PEM certificate chain and key.
struct TlsIdentity {
    std::string chain_pem;
    std::string key_pem;
};

/// Serves one certificate. TLS 1.2 and up; ALPN agrees on http/1.1, or on h2 where it is spoken and
/// the peer offers it.
class TlsServerContext {
  public:
    static Result<std::shared_ptr<TlsServerContext>> make(const TlsIdentity& identity,
                                                          bool http2 = false);
    ~TlsServerContext();
    struct Impl;
    Impl& impl() { return *impl_; }

  private:
    explicit TlsServerContext(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

/// Another context for the server name that the peer asks for (SNI, RFC 6066 section 3), or nullptr
/// for the one at hand. Called once at most, within the handshake, on the stream's loop.
using TlsChooser = std::function<std::shared_ptr<TlsServerContext>(const std::string& name)>;

/// Verifies peers against the system's roots, or against `ca_file` where one is configured.
class TlsClientContext {
  public:
    static Result<std::shared_ptr<TlsClientContext>> make(const std::string& ca_file);
    ~TlsClientContext();
    struct Impl;
    Impl& impl() { return *impl_; }

  private:
    explicit TlsClientContext(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace narrows::net
