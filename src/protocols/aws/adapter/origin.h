#pragma once

#include "protocols/aws/adapter/caller.h"
#include "protocols/aws/catalogue/aws_host.h"
#include "protocols/aws/catalogue/recognise.h"

/// What the host says that a request was sent to. Pure.
namespace narrows::aws {

/// Proxy mode: the inner signature is of the session that opened the tunnel, and the host that was
/// asked for is the host that is named, one of the service's own. Endpoint mode: what stands before
/// the gateway's name is a bucket, or what an operation's host prefix put there.
Judged<AwsHost> read_origin(const Catalogue& catalogue, const Arrival& arrival,
                            const Caller& caller, const Proof& proof);

/// The region by which host and endpoint are chosen.
std::string region_asked(const Caller& caller, const Proof& proof);

/// Which operations a request can be, by its head, and its form if it is one that was held. In
/// proxy mode an operation goes to a host of its own service.
Judged<Recognition> recognise_at(const Catalogue& catalogue, const Arrival& arrival,
                                 const AwsHost& named, const Caller& caller, const Proof& proof,
                                 std::string_view form);

}  // namespace narrows::aws
