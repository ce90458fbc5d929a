#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "protocols/aws/catalogue/catalogue.h"

/// Host names of AWS's: which service and region they are of, and what they say beyond that.
/// docs/endpoints.md lists the forms. Pure.
namespace narrows::aws {

/// What an AWS host name says, in proxy mode.
struct AwsHost {
    /// The very host to dial, without the operation's host prefix, put together from the form that
    /// the name has (FIPS, dual-stack, of an account, of a resource, VPC endpoint). Empty: the
    /// service's usual one, which the catalogue knows by itself.
    std::string host;
    std::string region;  ///< that stands in the name; empty where none does
    std::string account;  ///< that stands in it as part of the endpoint ("1234….ddb.…"); else empty
    /// S3: the bucket, or, where the name is an access point's, its ARN; else empty.
    std::string bucket;
    /// S3: `host` holds the bucket, so it does not stand in the path.
    bool bucket_in_host = false;
    bool s3 = false;  ///< where S3's own operations are, and what other services sign as s3 are not
};

/// Where the session's connection leads, for names that leave it open.
struct HostScope {
    std::string_view signing_name;  ///< of the credential scope
    std::string_view region;        ///< of the same
    std::string_view account;       ///< of the connection, for multi-region access points
};

/// Reads the host that a client named, lower case, and refuses it unless it is one of the forms
/// that the endpoint rules of a service signed by that name give, for the scope's region, so that a
/// request signed for one service or region is not sent in the name of another.
/// ErrorCode::invalid with a sentence for the agent.
/// https://docs.aws.amazon.com/general/latest/gr/rande.html
Result<AwsHost> read_aws_host(const Catalogue& catalogue, std::string_view host,
                              const HostScope& scope);

/// The same for S3's own forms: buckets and access points before the endpoint.
/// https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
/// https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-points-naming.html
Result<AwsHost> read_s3_host(const Catalogue& catalogue, std::string_view host,
                             const HostScope& scope);

/// Whether the host is one of the service's for the region, whatever stands before it.
bool is_host_of(const Catalogue& catalogue, Service service, std::string_view host,
                std::string_view region);

/// Whether a label in front of an endpoint is a host prefix of one of the service's operations
/// ("123456789012" for "{AccountId}.", "data" is none for "data-").
bool is_host_prefix(Service service, std::string_view label);

/// One of a service's hosts, as find_host found it.
struct FoundHost {
    std::string host;            ///< without what stands before it
    std::string_view before;     ///< "bucket" in "bucket.s3.eu-west-1.amazonaws.com"; may be empty
    std::string region;          ///< that stands in the name
    std::string account;         ///< that stands in the name
    std::string signing_region;  ///< that requests to it are signed for
    bool usual = false;          ///< neither FIPS nor dual-stack, nor of an account or resource
};

/// The first of the service's endpoints that `host` is or ends with, taking one whose signing
/// region is `region` before others.
std::optional<FoundHost> find_host(const Catalogue& catalogue, Service service,
                                   std::string_view host, std::string_view region);

/// "vpce-0a1b-2c3d.sqs.eu-west-1.vpce.amazonaws.com" with "bucket." before it for S3 taken apart.
struct VpcHost {
    std::string endpoint;     ///< "vpce-0a1b-2c3d"
    std::string_view before;  ///< what stands before that; may be empty
    std::string plain;        ///< "sqs.eu-west-1.amazonaws.com"
};
std::optional<VpcHost> read_vpc_host(std::string_view host);

}  // namespace narrows::aws
