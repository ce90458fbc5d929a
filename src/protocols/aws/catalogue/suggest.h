#pragma once

#include <string_view>
#include <vector>

namespace narrows::aws {

/// Up to three of the known names nearest to a misspelt one, ignoring ASCII case; empty if none is
/// near. Pure.
std::vector<std::string_view> nearest(std::string_view name,
                                      const std::vector<std::string_view>& known);

}  // namespace narrows::aws
