#pragma once

#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "protocols/aws/catalogue/catalogue.h"

/// SQS names a queue by a URL, and the SDK for JavaScript sends the queue's operations to the host
/// in it (Amazon SQS API reference, GetQueueUrl). In endpoint mode that has to be the gateway's, or
/// the calls would go past it; AWS takes no URL but its own (InvalidAddress). Pure.
namespace narrows::aws {

/// Whether answers of the operation name queues by their URL.
bool names_queues(Operation entry);

/// An answer's document with `origin` ("https://gw.example:8400") in place of every queue URL's
/// own. Nothing if there is none to change or the document cannot be read.
std::optional<Bytes> with_queues_at(Protocol protocol, ByteView body, std::string_view origin);

/// A request's document whose QueueUrl names no host of AWS's, with `origin` in its place. Nothing
/// if it is to go as it is.
std::optional<Bytes> with_queue_of_aws(Protocol protocol, ByteView body, std::string_view origin);

}  // namespace narrows::aws
