#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "codec/value.h"

namespace narrows::aws {

/// The values a catalogue path leads to in decoded parameters, in order; none if any step is
/// missing or has another type. "A.B" a member, "A[]" each element, "A{}" each map value, "A{@}"
/// each map key. Pointers live as long as `from`.
std::vector<const codec::Value*> nodes_at(const codec::Value& from, std::string_view path);

/// The same as text: strings, numbers and booleans as IAM compares them, and map keys.
std::vector<std::string> values_at(const codec::Value& from, std::string_view path);

}  // namespace narrows::aws
