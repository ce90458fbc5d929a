#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "codec/value.h"
#include "model/operation.h"
#include "protocols/aws/catalogue/catalogue.h"
#include "protocols/aws/decode/leading_keys.h"

/// From decoded parameters to what policy decides on.
namespace narrows::aws {

/// What the session's connection says, never the request.
struct ConnectionFacts {
    std::string account;    ///< "123456789012"
    std::string partition;  ///< "aws"
    std::string region;     ///< of the verified credential scope
    PartitionKeys partition_keys = {};
};

/// An operation that the request can be, with its parameters as decoded for that operation.
struct Decoded {
    Operation entry;
    codec::Value parameters;
};

inline constexpr std::size_t kResourcesMax = 4096;

/// The operation with all accesses that IAM would check: resources from the catalogue's templates
/// ("*" and not exact where a hole cannot be filled), the condition keys that parameters fill
/// (known to be absent where they do not), the effect, and the parameters with secret inputs
/// withheld under `secret_key`. `known` holds the caller's keys (aws:RequestedRegion …); they win
/// over the request's. Several candidates (services of one wire form): name and parameters are the
/// first's, accesses are those of all, effect is the gravest; a condition key on which two accesses
/// disagree is left out, and so unknown. ErrorCode::unsupported if no IAM action is known for a
/// candidate (it can never be allowed), ErrorCode::exhausted beyond kResourcesMax resources.
Result<model::Operation> build_operation(const std::vector<Decoded>& candidates,
                                         const ConnectionFacts& facts, model::Context known,
                                         ByteView secret_key);

/// Whether a text is made of what names of S3's buckets are, old ones too: A-Z a-z 0-9 . _ -
/// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
bool is_bucket_name(std::string_view text);

/// Whether "bucket/key?versionId=x", the source of an S3 copy, names a version and nothing else.
bool names_version(std::string_view copy_source);

/// A text with ${Partition}, ${Region} and ${Account} filled in.
std::string fill_connection(std::string_view text, const ConnectionFacts& facts);

/// The resources of one access rule; never empty.
Result<std::vector<model::Resource>> resources_of(AccessRule rule, const codec::Value& parameters,
                                                  const ConnectionFacts& facts);

}  // namespace narrows::aws
