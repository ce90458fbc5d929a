#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

/// The shared config and credentials files.
/// https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
namespace narrows::upstream {

/// Settings of one profile by lower-case name.
using Profile = std::map<std::string, Secret, std::less<>>;
using Profiles = std::map<std::string, Profile, std::less<>>;

enum class ProfileFile { config, credentials };

/// Sections [default] and [profile NAME] of a config file, [NAME] of a credentials file; other
/// sections and nested settings (indented lines) are passed over. ErrorCode::invalid with the line
/// number: a line that is no setting, or a profile or setting that stands twice.
Result<Profiles> parse_profiles(std::string_view text, ProfileFile file);

}  // namespace narrows::upstream
