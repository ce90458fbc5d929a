#pragma once

#include "protocols/aws/adapter/understood.h"
#include "protocols/aws/decode/swap.h"
#include "protocols/aws/decode/withhold.h"

/// Credentials in AWS's answers (decode/swap.h): the signer keeps them, the agent gets minted ones.
namespace narrows::aws {

/// A role that the agent assumes may be mightier than the connection's: then AWS is to enforce the
/// connection's policy on it too.
bool adds_session_policy(Operation entry, const session::Connection& granted);

/// Why an operation whose answer would be swapped is not let through as it was asked, or nothing.
std::optional<std::string> why_not_swapped(const http::RequestHead& head, const Understood& asked,
                                           const Decoded& candidate, WallNs now);

bool is_swapped(Operation entry, int status);

/// `body` comes as AWS sent it and leaves as the agent gets it; `kept` becomes what is recorded.
/// The signer has AWS's credentials, and their record is durable, before it returns. After an error
/// `body` is not to be delivered.
net::Task<Result<void>> swap_credentials(const Services& services, const Understood& asked,
                                         session::Permit& permit, Bytes& body, Recordable& kept);

}  // namespace narrows::aws
