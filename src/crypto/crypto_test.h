#pragma once

#include <string>

#include "base/bytes.h"
#include "base/check.h"
#include "crypto/sodium.h"

namespace narrows::crypto {

inline std::string hex(ByteView bytes) {
    std::string text(2 * bytes.size() + 1, '\0');
    sodium_bin2hex(text.data(), text.size(), bytes.data(), bytes.size());
    text.pop_back();  // its NUL
    return text;
}

inline Bytes unhex(std::string_view text) {
    Bytes bytes(text.size() / 2);
    NARROWS_CHECK(sodium_hex2bin(bytes.data(), bytes.size(), text.data(), text.size(), nullptr,
                                 nullptr, nullptr) == 0,
                  "a test's constant is hex");
    return bytes;
}

}  // namespace narrows::crypto
