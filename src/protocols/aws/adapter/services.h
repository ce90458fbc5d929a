#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "net/tls.h"
#include "protocols/aws/catalogue/catalogue.h"
#include "protocols/aws/signer/client.h"
#include "protocols/aws/sigv4/signature.h"
#include "session/admission.h"

namespace narrows::aws {

struct Limits {
    std::size_t body_bytes_max = 16u << 20;    ///< a structured body held in memory
    std::size_t secret_answer_max = 4u << 20;  ///< an answer that holds secret values, in memory
    std::int64_t clock_skew_s = 300;
    net::Millis idle_max{60'000};  ///< between two stretches to AWS or to the agent
    net::Millis connect_max{10'000};
    /// From the last byte sent to the answer's head, and between two stretches of the answer.
    net::Millis answer_max{900'000};
};

/// What every adapter of the process shares. All of it outlives the adapters and is thread-safe.
struct Services {
    const Clock& clock;
    const Catalogue& catalogue;
    sigv4::KeyCache& keys;
    session::Sessions& sessions;
    session::Lobby& lobby;
    session::Gate& gate;
    signer::Client& signer;
    net::TlsClientContext& tls;
    ByteView commitment_key;  ///< keyed digests of withheld values and presented credentials
    std::vector<upstream::Listener> own_listeners;
    Limits limits;
    recording::Await result_await = recording::Await::held;
    std::string catalogue_digest;
    /// Uses up the URL that is signed with this key id; durable when it returns. ErrorCode::denied:
    /// it was used before, or is not known here.
    std::function<net::Task<Result<void>>(std::string key_id)> spend_url;
    mutable std::atomic<std::uint64_t> findings = 0;  ///< credentials seen in answers, counted
};

}  // namespace narrows::aws
