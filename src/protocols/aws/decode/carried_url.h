#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "http/message.h"
#include "protocols/aws/decode/operation.h"

/// Copies from another region carry a second request: a presigned URL of the same operation there,
/// which SDKs put in by themselves. AWS calls it with the rights of whoever signed it.
/// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CopySnapshot.html
/// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CopyDBSnapshot.html
namespace narrows::aws {

/// The parameter that holds such a URL, in the model's own name: "PresignedUrl", "PreSignedUrl".
/// Empty: the operation has none.
std::string_view carried_url_member(Operation entry);

/// The URL among the parameters; empty if there is none.
std::string carried_url(const Decoded& decoded);

/// The keys SourceRegion and DestinationRegion of what a carried URL asks, which the query
/// protocol's models may not bind: those are taken out of `asks`, and what is taken is returned
/// ("&DestinationRegion=us-east-1"). ErrorCode::invalid: they say other regions than these.
Result<std::string> take_regions(Operation entry, std::string_view source,
                                 std::string_view destination, http::RequestHead& asks);

/// A form without the value of one key.
struct FormAround {
    std::string before;  ///< ends with '='
    std::string after;
};

/// ErrorCode::invalid: the key does not stand in the form, or twice.
Result<FormAround> form_around(std::string_view form, std::string_view key);

}  // namespace narrows::aws
