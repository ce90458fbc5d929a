#pragma once

#include <memory>
#include <thread>

#include "net/stream.h"
#include "net/tls.h"
#include "protocols/aws/upstream/fetch.h"

namespace narrows::client {

/// Blocking HTTP exchanges of a command, on a loop thread of its own that ends with the object: no
/// thread is left when `run` forks. TLS is verified against the system's roots.
class HttpClient : public upstream::HttpFetch {
  public:
    static Result<std::unique_ptr<HttpClient>> make();
    ~HttpClient() override;
    Result<upstream::FetchResponse> fetch(const upstream::FetchRequest& request) override;

  private:
    explicit HttpClient(std::shared_ptr<net::TlsClientContext> tls);
    net::Task<Result<upstream::FetchResponse>> exchange(const upstream::FetchRequest& request);

    net::Loops loops_{1};
    std::shared_ptr<net::TlsClientContext> tls_;
    std::thread thread_;
};

}  // namespace narrows::client
