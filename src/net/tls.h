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

/// Serves one name. TLS 1.2 and up; ALPN offers http/1.1.
class TlsServerContext {
  public:
    static Result<std::shared_ptr<TlsServerContext>> make(const TlsIdentity& identity);
    ~TlsServerContext();
    struct Impl;
    Impl& impl() { return *impl_; }

  private:
    explicit TlsServerContext(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

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
