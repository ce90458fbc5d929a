#pragma once

#include <string>
#include <vector>

#include "protocols/aws/adapter/caller.h"
#include "protocols/aws/catalogue/aws_host.h"
#include "protocols/aws/upstream/dial.h"

namespace narrows::aws {

/// Where an operation goes.
struct Place {
    upstream::Target target;
    std::string region;                   ///< of the endpoint
    std::vector<std::string> region_set;  ///< SigV4A: what upstream is signed for; else empty

    /// What it is signed for.
    std::string signed_for() const;
    sigv4::Algorithm algorithm() const {
        return region_set.empty() ? sigv4::Algorithm::hmac : sigv4::Algorithm::ecdsa;
    }
};

/// From partition, region, service and connection, never from the request; of the host that was
/// named, `named`, only which of the service's own it is. Pure.
Judged<Place> place(const Catalogue& catalogue, const Caller& caller, const Proof& proof,
                    const AwsHost& named, Operation entry);

}  // namespace narrows::aws
