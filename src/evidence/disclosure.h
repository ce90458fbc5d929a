#pragma once

#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "codec/value.h"
#include "evidence/fields.h"

/// A record's payload field by field: each shown with its salt, or withheld behind its c_i, so that
/// the commitment in the record's leaf holds without any key (docs/format.md sections 4.2 and 13).
/// Pure functions on hostile bytes.
namespace narrows::evidence {

struct DisclosedField {
    crypto::Salt salt{};
    Bytes field;  ///< the CBOR array [path, value]
    friend bool operator==(const DisclosedField&, const DisclosedField&) = default;
};

/// What the exporter says was withheld; only `commitment` is bound by the leaf. It may stand for
/// several fields beside each other.
struct WithheldField {
    Hash commitment{};
    codec::List path;
    friend bool operator==(const WithheldField&, const WithheldField&) = default;
};

using Disclosure = std::vector<std::variant<DisclosedField, WithheldField>>;

codec::Value value_of(const Disclosure& disclosure);
Result<Disclosure> disclosure_of(const codec::Value& value);

/// The commitment that these fields give.
Hash commitment_of(const Disclosure& disclosure);
/// The payload, if nothing is withheld. ErrorCode::not_found: something is; ErrorCode::invalid: the
/// fields are those of no payload.
Result<Bytes> payload_of(const Disclosure& disclosure);
/// What is withheld, as texts of paths, each once, blocks of a byte string as one.
std::vector<std::string> withheld_paths(const Disclosure& disclosure);

/// "observed/request/headers/3": a path for people, `/` and `~` in names as `~1` and `~0`.
std::string path_text(const codec::List& path);
/// The elements of a field's path. ErrorCode::invalid: it is none.
Result<codec::List> path_of(ByteView cbor);
/// Whether `text` is this path, or leads to it: "observed/request" to "observed/request/method".
bool leads_to(std::string_view text, const codec::List& path);

}  // namespace narrows::evidence
