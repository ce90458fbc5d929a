#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "protocols/aws/upstream/credential_chain.h"

/// With which credentials the recorder asks AWS for itself: those of a file of its own, or the
/// host's; not those of the environment, which the signer alone has.
namespace narrows::gateway {

/// Where a service of AWS's is in a region; ErrorCode::not_found if no catalogue says.
Result<std::string> aws_host(std::string_view service, const std::string& region);

/// The operating system's, with `file` for the shared credentials; "": its own.
std::unique_ptr<upstream::Host> host_with_file(std::string file);

upstream::CredentialChain::Options chain_options(const std::string& region);

}  // namespace narrows::gateway
