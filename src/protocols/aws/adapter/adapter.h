#pragma once

#include "http/exchange.h"
#include "protocols/aws/adapter/arrival.h"
#include "protocols/aws/adapter/pool.h"

namespace narrows::aws {

/// AWS requests of one loop's connections. One a loop; not thread-safe.
class Adapter {
  public:
    Adapter(net::Loop& loop, const Services& services)
        : loop_(loop), services_(services), pool_(loop, services) {}

    /// Answers one request.
    net::Task<void> serve(http::ServerExchange& agent, http::RequestHead head,
                          const Arrival& arrival);
    /// A message that is no HTTP: recorded with its bytes, answered with 400; nothing follows it.
    net::Task<void> refuse_malformed(http::ServerExchange& agent, const http::Malformed& malformed,
                                     const Error& error, const Arrival& arrival);
    /// Every second, on the loop.
    void tidy() { pool_.purge(); }
    void drop_session(const std::string& session) { pool_.drop_session(session); }

  private:
    net::Loop& loop_;
    const Services& services_;
    UpstreamPool pool_;
};

}  // namespace narrows::aws
