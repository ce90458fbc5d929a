#pragma once

#include <sodium.h>

#include "base/check.h"

/// libsodium for this room's .cc files only.
namespace narrows::crypto {

/// Before any other call of libsodium. Thread-safe; cheap after the first time.
inline void start_sodium() {
    static const int started = sodium_init();
    NARROWS_CHECK(started >= 0, "libsodium does not start");
}

}  // namespace narrows::crypto
