#pragma once

#include <string>

#include "codec/value.h"
#include "gateway/runtime.h"

namespace narrows::gateway {

/// POST /v1/sessions/ID/presign: a URL on this gateway for one use of one S3 object, within the
/// session's life and scope, for somebody who has no credentials. It is a presigned SigV4 URL under
/// a key of its own. On record in the session, with `by`, who asks and may, before it exists.
/// ErrorCode::invalid names the member of `body` that is wrong.
net::Task<Result<codec::Map>> presign(Runtime& runtime, session::SessionPtr session, std::string by,
                                      std::string body);

/// Uses up a URL, on a worker (aws::Services::spend_url).
net::Task<Result<void>> spend_url(Runtime& runtime, std::string key_id);

}  // namespace narrows::gateway
