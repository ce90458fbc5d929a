#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

/// Headers of tar archives (POSIX.1-1988 ustar), as far as a bundle needs them: plain files with
/// names of at most 100 bytes. Pure functions.
namespace narrows::evidence {

inline constexpr std::size_t kTarBlock = 512;

/// The header of a plain file, mode 0644, owner 0, time 0, so that equal files give equal archives.
/// `name` has at most 100 bytes.
Bytes tar_header(std::string_view name, std::uint64_t size);

struct TarMember {
    std::string name;  ///< with its prefix
    std::uint64_t size = 0;
    bool is_file = false;  ///< else a folder, or what other tools put between
};
/// Nothing at the archive's end (a block of zeros). Takes what GNU tar and bsdtar write too.
Result<std::optional<TarMember>> decode_tar_header(ByteView block);

}  // namespace narrows::evidence
