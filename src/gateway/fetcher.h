#pragma once

#include "net/stream.h"
#include "net/tls.h"
#include "protocols/aws/upstream/fetch.h"

namespace narrows::gateway {

/// The gateway's own HTTP exchanges (STS, credential endpoints, key sets), blocking the worker that
/// calls; the network part runs on a loop. Thread-safe. Never called from a loop's thread.
class Fetcher : public upstream::HttpFetch {
  public:
    Fetcher(net::Loops& loops, net::TlsClientContext& tls,
            std::vector<upstream::Listener> own_listeners)
        : loops_(loops), tls_(tls), own_listeners_(std::move(own_listeners)) {}
    Result<upstream::FetchResponse> fetch(const upstream::FetchRequest& request) override;

  private:
    net::Task<Result<upstream::FetchResponse>> exchange(net::Loop& loop,
                                                        const upstream::FetchRequest& request);
    net::Loops& loops_;
    net::TlsClientContext& tls_;
    const std::vector<upstream::Listener> own_listeners_;
};

/// The text behind a file path or an https URL, at most 256 KiB: an issuer's key set.
Result<std::string> fetch_text(Fetcher& fetcher, const std::string& where);

}  // namespace narrows::gateway
