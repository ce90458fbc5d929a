#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "codec/value.h"
#include "protocols/aws/catalogue/catalogue.h"

/// Answers that are AWS credentials which clients go on with by themselves: the agent gets others
/// in their place (docs/secrets.md). Which operations: a table in swap.cc.
namespace narrows::aws {

/// Whether the operation's answer is taken apart and put together again with other credentials. Of
/// all others that return credentials, tokens or signed URLs, none is let through.
bool swaps_credentials(Operation entry);

/// Why an operation is not let through whatever a scope says, for a sentence that names it; empty:
/// it may be.
std::string_view why_never(Operation entry);

/// What AWS gave. The answer is bounded by whoever holds it.
struct GivenCredentials {
    std::string access_key_id;
    Secret secret_access_key;
    Secret session_token;
    WallNs expires_at = 0;
    std::string arn;      ///< of the assumed role's session or the federated user; or empty
    std::string user_id;  ///< of the same
};

/// ErrorCode::invalid, in a sentence without values, unless the document has one set of credentials
/// where the model puts it, all of it in the form that AWS documents.
Result<GivenCredentials> read_given(Operation entry, Protocol protocol, ByteView body);

/// What stands in the answer instead. In JSON as it is; in XML text as it is, else as JSON.
struct OtherCredentials {
    codec::Value access_key_id;
    codec::Value secret_access_key;
    codec::Value session_token;
};
/// The answer with them; fails as read_given.
Result<Bytes> with_other_credentials(Operation entry, Protocol protocol, ByteView body,
                                     const OtherCredentials& others);

/// Whether the operation takes a session policy that bounds what its credentials may do:
/// https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session
bool takes_session_policy(Operation entry);

/// What such a request may not say of itself where the gateway adds its own policy, as a sentence's
/// end; or nothing. Policies that are given together are united by AWS, so another one would widen.
std::optional<std::string> why_not_as_asked(Operation entry, const codec::Value& parameters,
                                            bool adds_policy);

/// A form with the policy behind its other fields.
Bytes with_session_policy(ByteView form, std::string_view policy);

}  // namespace narrows::aws
