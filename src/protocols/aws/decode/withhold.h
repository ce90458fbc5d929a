#pragma once

#include <map>
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

/// What was withheld, for SECRETS records: where it stood ("Environment.Variables.TOKEN",
/// "Parameters[2].Value", "@header:NAME", "@body") and the value.
using SecretValues = std::map<std::string, codec::Value>;

/// The parameters with the operation's secret inputs withheld. The raw body of an operation with
/// secret inputs must not be recorded either: record these parameters in its place.
codec::Value withhold_inputs(Operation entry, codec::Value parameters, ByteView key);

/// The values that withhold_inputs takes out of these parameters.
SecretValues secret_inputs_of(Operation entry, codec::Value parameters);

/// What may be recorded of an answer.
struct Recordable {
    http::Headers headers;
    Bytes body;
    std::vector<std::string> withheld;  ///< paths of the catalogue's table, once each, as they hit
    SecretValues secrets;  ///< what was withheld; not for records that reviewers may read
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
