#pragma once

#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"

namespace narrows::crypto {

/// AES-256-GCM with a random 12-byte nonce in front: nonce ‖ ciphertext ‖ tag. `context` is
/// authenticated, not stored. For few, small messages under one key (session tokens).
Bytes seal(ByteView key, ByteView plain, std::string_view context);
Result<Secret> unseal(ByteView key, ByteView sealed, std::string_view context);

}  // namespace narrows::crypto
