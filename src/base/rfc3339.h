#pragma once

#include <optional>
#include <string_view>

#include "base/clock.h"

namespace narrows {

/// "2026-11-26T02:28:02Z" (RFC 3339), and the same with a fraction of a second, which is dropped;
/// or nothing. Of the years 1970 to 2200.
std::optional<WallNs> parse_rfc3339(std::string_view text);

}  // namespace narrows
