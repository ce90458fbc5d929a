#pragma once

#include "http/connection.h"
#include "protocols/aws/adapter/exchange.h"

namespace narrows::aws {

/// AWS requests of one loop's connections. One a loop; not thread-safe.
class Adapter {
  public:
    Adapter(net::Loop& loop, const Services& services)
        : loop_(loop), services_(services), pool_(loop, services) {}

    /// Answers one request. `agent.keep_alive()` says whether another may follow.
    net::Task<void> serve(http::ServerConnection& agent, http::RequestHead head,
                          const Arrival& arrival);
    /// A message that is no HTTP: recorded with its bytes, answered with 400, connection closed.
    net::Task<void> refuse_malformed(http::ServerConnection& agent, const Error& error,
                                     const Arrival& arrival);
    /// Every second, on the loop.
    void tidy() { pool_.purge(); }
    void drop_session(const std::string& session) { pool_.drop_session(session); }

  private:
    net::Loop& loop_;
    const Services& services_;
    UpstreamPool pool_;
};

}  // namespace narrows::aws
