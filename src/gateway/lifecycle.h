#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gateway/runtime.h"
#include "identity/mint.h"

/// Sessions from start to end. Coroutines run on any loop.
namespace narrows::gateway {

struct Task {
    std::string id;
    std::string title;
    std::string reason;
    std::string link;
    std::string requested_by;
};

/// What a launcher asks for, already parsed and bounded.
struct Start {
    std::optional<identity::Identity> launcher;  ///< nullopt: self-started
    identity::Identity agent;
    Task task;
    std::string principal;
    std::vector<std::string> connections;
    std::int64_t lifetime_s = 0;
};

struct Started {
    session::SessionPtr session;
    std::vector<identity::Credentials> credentials;  ///< one a connection
    std::string delivery_token;
    std::string proxy_token;
    std::string bearer_token;  ///< empty: no connection, or several, for it
};

/// Why no session can start now, in a sentence; empty if one can.
std::string no_new_sessions(const Runtime& runtime);

/// Authorises, records OPEN durably, then mints. No credential exists before OPEN is durable.
net::Task<Result<Started>> start_session(Runtime& runtime, Start start);

/// Ends a session: nothing passes any more at once, operations in flight are cut or finish within
/// a second, CLOSE is recorded; before it a NOTICE, after which no restart brings the session back
/// (unless it is drained). Ending what is over already is no error.
net::Task<Result<void>> end_session(Runtime& runtime, session::SessionPtr session,
                                    session::Ending ending);

/// Cuts all that has expired, then closes the parts of all that is over. Every 100 ms.
void expire_sessions(Runtime& runtime);

/// A session again after a restart: a new part under the same credentials.
net::Task<Result<void>> reopen_session(Runtime& runtime, session::Terms terms,
                                       model::PartNo predecessor);

/// How agents could get around the gateway, in words, as far as it is known here.
codec::Map enforcement();

}  // namespace narrows::gateway
