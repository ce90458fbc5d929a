#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace narrows::apps {

/// What lies in a bundle beside the evidence, by name there: how to verify it, the format, and the
/// verifier in Python. Made by the build from those files.
std::vector<std::pair<std::string, std::string_view>> bundle_texts();

}  // namespace narrows::apps
