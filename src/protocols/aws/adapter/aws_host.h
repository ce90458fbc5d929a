#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "protocols/aws/catalogue/catalogue.h"

namespace narrows::aws {

/// What an AWS host name says, in proxy mode.
struct AwsHost {
    std::string bucket;  ///< S3's virtual-hosted form: what stands before "s3"; else empty
};

/// Reads the host that a client named and refuses it unless it is one of the services' own names
/// (endpoint prefix, with what host-prefix traits put before it), so that a request signed for one
/// service is not sent in the name of another. Access points, outposts and object lambdas are
/// ErrorCode::unsupported.
/// https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
Result<AwsHost> read_aws_host(const Catalogue& catalogue, std::string_view host,
                              std::string_view signing_name);

}  // namespace narrows::aws
