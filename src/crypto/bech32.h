#pragma once

#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"

/// Bech32 (BIP 173) for 32 bytes under a human-readable prefix, as age's keys are written.
namespace narrows::crypto {

/// prefix ‖ "1" ‖ 52 characters ‖ 6 of checksum, in lower case. `key` has 32 bytes.
Secret bech32_encode(std::string_view prefix, ByteView key);
/// Accepts exactly what `bech32_encode` writes: no upper case, no spare bits. `invalid` otherwise.
Result<Secret> bech32_decode(std::string_view prefix, std::string_view text);

}  // namespace narrows::crypto
