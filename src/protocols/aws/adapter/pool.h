#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>

#include "http/exchange.h"
#include "protocols/aws/adapter/services.h"
#include "protocols/aws/upstream/dial.h"

namespace narrows::aws {

/// An upstream connection belongs to one session and one connection of it, and is reused only
/// after an answer without any surprise. One pool a loop; not thread-safe.
class UpstreamPool {
  public:
    UpstreamPool(net::Loop& loop, const Services& services) : loop_(loop), services_(services) {}

    /// Idle connections wait this long, and at most so many a key.
    static constexpr std::int64_t kIdleNsMax = 20 * kNsPerSecond;
    static constexpr std::size_t kIdleMax = 64;

    struct Lease {
        std::unique_ptr<http::ClientExchange> connection;
        bool reused = false;
    };

    /// A connection to `target`: an idle one of this key, or a new one. Resolves names, asks
    /// may_dial of every address, verifies TLS. `http2`: offered over TLS, known before in the
    /// clear; the same for each use of a key.
    net::Task<Result<Lease>> take(std::string key, upstream::Target target, bool fresh, bool http2);
    /// Keeps it if it is reusable, else closes it.
    void give_back(const std::string& key, std::unique_ptr<http::ClientExchange> connection);
    /// Closes what belongs to a session that is over, and what has been idle too long.
    void purge();
    void drop_session(const std::string& session);

  private:
    struct Idle {
        std::unique_ptr<http::ClientExchange> connection;
        MonoNs since = 0;
    };
    net::Loop& loop_;
    const Services& services_;
    std::map<std::string, std::list<Idle>> idle_;
};

}  // namespace narrows::aws
