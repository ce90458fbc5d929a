#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "codec/value.h"
#include "http/message.h"
#include "protocols/aws/catalogue/catalogue.h"

/// Secret values never reach a record: a commitment stands in their place, {"$withheld": {"size":
/// n, "hmac": hex}} with HMAC-SHA256 under the caller's key over the value's bytes (text and byte
/// strings as they are, other values in deterministic CBOR). Which values: the catalogue's table.
namespace narrows::aws {

codec::Value commitment(const codec::Value& secret, ByteView key);

/// The parameters with the operation's secret inputs withheld. The raw body of an operation with
/// secret inputs must not be recorded either: record these parameters in its place.
codec::Value withhold_inputs(Operation entry, codec::Value parameters, ByteView key);

/// What may be recorded of an answer.
struct Recordable {
    http::Headers headers;
    Bytes body;
    std::vector<std::string> withheld;  ///< paths of the catalogue's table, once each, as they hit
};

/// Whether an operation's answers must go through withhold_outputs, which needs them whole.
bool has_secret_outputs(Operation entry);

/// `answer` is of the operation, `body` plain; recorded as it is if the operation has no secrets.
/// JSON and CBOR documents are re-encoded with secrets replaced; in XML every element of a secret's
/// name is emptied of its text wherever it stands. A body that cannot be read is withheld whole
/// ("@body").
Recordable withhold_outputs(Operation entry, Protocol protocol, const http::ResponseHead& answer,
                            ByteView body, ByteView key);

/// The request id that AWS gave an answer; empty if there is none.
std::string aws_request_id(const http::Headers& headers);

}  // namespace narrows::aws
