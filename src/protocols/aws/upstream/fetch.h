#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "http/message.h"
#include "protocols/aws/upstream/dial.h"

/// What this room needs of the world, so that it stays free of sockets and files.
namespace narrows::upstream {

struct FetchRequest {
    Target target;
    http::RequestHead head;  ///< with Host; Content-Length and Connection are the client's to add
    Secret body;
    std::int64_t timeout_ms = 5000;  ///< of each: resolving, connecting, securing, answering
    std::int64_t whole_ms = 0;       ///< of all that; 0: as long as they may take together
    std::size_t response_bytes_max = 256 * 1024;

    FetchRequest copy() const {
        return {target, head, body.copy(), timeout_ms, whole_ms, response_bytes_max};
    }
};

struct FetchResponse {
    http::ResponseHead head;
    Secret body;  ///< may carry credentials
};

/// One HTTP exchange, blocking: called from worker threads only. Thread-safe. The implementation
/// asks may_dial, verifies TLS, follows no redirects, retries nothing and logs no bodies. Any
/// complete answer is a value, whatever its status.
class HttpFetch {
  public:
    virtual ~HttpFetch() = default;
    virtual Result<FetchResponse> fetch(const FetchRequest& request) = 0;
};

/// The gateway host's environment and files. Thread-safe.
class Host {
  public:
    virtual ~Host() = default;
    virtual std::optional<std::string> variable(const std::string& name) const = 0;
    /// The whole file, at most 64 KiB. ErrorCode::not_found if there is none.
    virtual Result<Secret> read_file(const std::string& path) const = 0;
};

/// The operating system's.
const Host& system_host();

}  // namespace narrows::upstream
