#pragma once

#include <vector>

#include "protocols/aws/decode/withhold.h"
#include "session/admission.h"

namespace narrows::aws {

/// Payloads of SECRETS records that hold these values (docs/format.md section 7), each within
/// kSecretsMax bytes. A value that is too large for one stays withheld: its commitment under
/// `key` stands there too.
inline constexpr std::size_t kSecretsMax = 128 * 1024;
std::vector<codec::Value> secrets_records(recording::Sequence op, recording::Direction direction,
                                          SecretValues values, ByteView key);

/// What is withheld elsewhere, for custodians, if there are any: in the lane that SENT and RESULT
/// follow in. False: the journal refuses.
bool record_secrets(session::Permit& permit, recording::Direction direction, SecretValues values,
                    ByteView key);

}  // namespace narrows::aws
