#pragma once

#include <functional>
#include <memory>

#include "http/connection.h"
#include "net/stream.h"
#include "net/tls.h"
#include "protocols/aws/upstream/fetch.h"

namespace narrows::gateway {

/// A body that is too large to hold: read piece by piece as it goes, on the calling thread.
struct Upload {
    std::uint64_t bytes = 0;
    /// Exactly [offset, offset + size), in order.
    std::function<Result<Bytes>(std::uint64_t offset, std::size_t size)> read;
};

/// The gateway's own HTTP exchanges (STS, credential endpoints, key sets), blocking the worker that
/// calls; the network part runs on a loop. Thread-safe. Never called from a loop's thread.
class Fetcher : public upstream::HttpFetch {
  public:
    Fetcher(net::Loops& loops, net::TlsClientContext& tls,
            std::vector<upstream::Listener> own_listeners)
        : loops_(loops), tls_(tls), own_listeners_(std::move(own_listeners)) {}
    Result<upstream::FetchResponse> fetch(const upstream::FetchRequest& request) override;
    /// The same with `body` in place of the request's. Never more than kPieceBytes of it are in
    /// memory, and each piece has the request's timeout. A peer may answer before it has all.
    Result<upstream::FetchResponse> upload(const upstream::FetchRequest& request,
                                           const Upload& body);
    static constexpr std::size_t kPieceBytes = 1 << 20;

  private:
    struct Exchange;
    using Shared = std::shared_ptr<Exchange>;

    Result<Shared> begin(const upstream::FetchRequest& request, http::Framing framing);
    net::Task<Result<void>> dial(Shared exchange, http::Framing framing);
    static Result<upstream::FetchResponse> answer(const Shared& exchange);
    net::Loops& loops_;
    net::TlsClientContext& tls_;
    const std::vector<upstream::Listener> own_listeners_;
};

/// The text behind a file path or an https URL, at most 256 KiB: an issuer's key set.
Result<std::string> fetch_text(Fetcher& fetcher, const std::string& where);

}  // namespace narrows::gateway
