#pragma once

#include <string>

#include "evidence/key_ring.h"
#include "io/file.h"

namespace narrows::review {

/// Where recordings are read from, and with which keys. What no key opens is shown by its kind,
/// time and size. Everything here must outlive its readers; not thread-safe.
struct Source {
    io::FileSystem& fs;
    std::string data_dir;
    evidence::KeyRing& keys;
};

}  // namespace narrows::review
