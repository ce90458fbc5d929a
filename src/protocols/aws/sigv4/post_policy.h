#pragma once

#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/text.h"
#include "crypto/hash.h"
#include "protocols/aws/sigv4/authorization.h"
#include "protocols/aws/sigv4/signature.h"

/// Uploads by a browser's form: what is signed is a policy that says which forms are good. Pure.
/// V4: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
/// V2: https://docs.aws.amazon.com/AmazonS3/latest/userguide/HTTPPOSTExamples.html
namespace narrows::sigv4 {

/// A form's fields before the file: names in lower case, each once; ${filename} is put in already.
using FormFields = std::vector<codec::Pair>;
std::string_view form_field(const FormFields& fields, std::string_view lower_name);

/// What was presented, for the record, as classify() says it of a head.
Presented classify_form(const FormFields& fields, ByteView digest_key);

/// ErrorCode::invalid: no policy, or V4's and V2's fields mixed, missing or not in form. V2 has no
/// credential scope.
Result<Authorization> read_form(const FormFields& fields);

/// Whether the policy was signed with this key, in constant time. ErrorCode::unauthenticated.
Result<void> verify_form(const FormFields& fields, const Authorization& authorization,
                         const SigningKey& key);
Result<void> verify_form_v2(const FormFields& fields, const Authorization& authorization,
                            const Secret& secret_access_key);

/// How long the file may be: content-length-range.
struct FileBounds {
    std::uint64_t bytes_min = 0;
    std::uint64_t bytes_max = std::numeric_limits<std::uint64_t>::max();
};

/// Whether the policy lets this form through: not expired, every condition holds, and every field
/// has one (but the signature, policy, V2's key id, and x-ignore-…). ErrorCode::timeout: expired.
/// ErrorCode::denied names the condition or field. ErrorCode::invalid: the policy is not in form.
Result<FileBounds> check_policy(const FormFields& fields, std::string_view bucket, WallNs now);

}  // namespace narrows::sigv4
