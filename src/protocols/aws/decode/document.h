#pragma once

#include <vector>

#include "base/result.h"
#include "codec/text.h"
#include "codec/value.h"
#include "codec/xml.h"
#include "protocols/aws/catalogue/catalogue.h"
#include "protocols/aws/decode/where.h"

/// Binding of a decoded document to a shape of the model, in a closed world: what the shape does
/// not declare is refused, so is a value of another kind and anything given twice. The results are
/// keyed by model names whatever the wire used.
namespace narrows::aws {

/// JSON uses wire names, base64 blobs and text or number timestamps; rpc-v2-cbor uses model names,
/// byte strings and numbers.
enum class Dialect { json, cbor };

/// `document` comes from the strict decoders, which bound its depth. A null member is an absent
/// one.
Result<codec::Value> bind_value(Member member, const codec::Value& document, Dialect dialect,
                                const Where& where);
/// With Fields::in_body, only members of Location::body: the input structure of a REST operation.
/// Everywhere else locations have no meaning.
enum class Fields { all, in_body };
Result<codec::Value> bind_structure(Shape shape, const codec::Value& document, Dialect dialect,
                                    const Where& where, Fields fields = Fields::all);

Result<codec::Value> bind_xml(Shape shape, const codec::XmlElement& element, const Where& where,
                              Fields fields = Fields::all);

inline constexpr std::size_t kQueryDepthMax = 32;

/// Query and ec2 forms: "Filter.1.Value.2=x". `pairs` without Action and Version.
Result<codec::Value> bind_query(Shape shape, const std::vector<codec::Pair>& pairs, bool ec2);

}  // namespace narrows::aws
