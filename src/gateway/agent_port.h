#pragma once

#include "gateway/runtime.h"

/// The agents' port: endpoint mode over HTTP and HTTPS and proxy mode, told apart by the first
/// bytes and the method. Hardened for hostile peers.
namespace narrows::gateway {

/// One connection, from its first byte to its end, on its loop.
net::Task<void> serve_agent(Runtime& runtime, net::Loop& loop, net::StreamPtr stream);

/// Requests on a connection whose bytes are HTTP, until it ends. Where `arrival` has a host they
/// are AWS's alone; else CONNECT and what agents fetch from the gateway are served too. The first
/// request has the deadline that is set, each further one `idle_max`.
net::Task<void> serve_requests(Runtime& runtime, net::Loop& loop, net::Stream& stream,
                               aws::Arrival arrival, net::Millis idle_max);

/// A plain answer of the gateway's own.
net::Task<Result<void>> answer_plain(const Runtime& runtime, http::ServerExchange& agent,
                                     int status, std::string_view type, std::string_view body);

/// A refusal that no session is charged for, on record in the lobby: of the operator's port ("api")
/// or of credentials ("delivery"). The body is not kept, credentials in the head are withheld.
net::Task<void> record_refused(Runtime& runtime, std::string mode, std::string peer,
                               http::RequestHead head, model::Reason reason, std::string why);

}  // namespace narrows::gateway
