#include "protocols/aws/upstream/profile.h"

#include <algorithm>

#include "codec/text.h"

namespace narrows::upstream {
namespace {

auto bad_line(std::size_t number, std::string what) {
    return fail(ErrorCode::invalid, "line " + std::to_string(number) + " " + std::move(what));
}

/// The profile a section is, or nothing ("sso-session x", "services y").
std::string_view profile_of(std::string_view section, ProfileFile file) {
    section = codec::trim(section);
    if (file == ProfileFile::credentials || section == "default") return section;
    const std::size_t blank = std::min(section.find_first_of(" \t"), section.size());
    if (section.substr(0, blank) != "profile") return {};
    return codec::trim(section.substr(blank));
}

/// A comment may follow a value after a blank.
std::string_view without_comment(std::string_view value) {
    for (const std::string_view mark : {" #", " ;", "\t#", "\t;"}) {
        value = value.substr(0, value.find(mark));
    }
    return codec::trim(value);
}

Result<Profile*> open_section(Profiles& profiles, std::string_view line, std::size_t number,
                              ProfileFile file) {
    const std::size_t end = line.find(']');
    if (end == std::string_view::npos) return bad_line(number, "has a '[' without its ']'");
    const std::string_view name = profile_of(line.substr(1, end - 1), file);
    if (name.empty()) return static_cast<Profile*>(nullptr);
    const auto [at, fresh] = profiles.try_emplace(std::string(name));
    if (!fresh) return bad_line(number, "begins a profile that the file already has");
    return &at->second;
}

Result<void> add_setting(Profile& profile, std::string_view line, std::size_t number) {
    const std::size_t equals = line.find('=');
    const std::string_view name = codec::trim(line.substr(0, equals));
    if (equals == std::string_view::npos || name.empty()) {
        return bad_line(number, "is no NAME = VALUE");
    }
    const auto [at, fresh] =
        profile.try_emplace(codec::lower(name), without_comment(line.substr(equals + 1)));
    if (!fresh) return bad_line(number, "gives a setting that the profile already has");
    return ok();
}

}  // namespace

Result<Profiles> parse_profiles(std::string_view text, ProfileFile file) {
    Profiles profiles;
    Profile* current = nullptr;
    bool in_section = false;
    std::size_t number = 0;
    for (std::string_view line : codec::split(text, '\n')) {
        ++number;
        if (line.ends_with('\r')) line.remove_suffix(1);
        const bool nested = line.starts_with(' ') || line.starts_with('\t');
        const std::string_view trimmed = codec::trim(line);
        if (trimmed.empty() || trimmed.front() == '#' || trimmed.front() == ';') continue;
        if (nested && in_section) continue;
        if (trimmed.front() == '[') {
            NARROWS_TRY(current, open_section(profiles, trimmed, number, file));
            in_section = true;
        } else if (!in_section) {
            return bad_line(number, "stands before the first [section]");
        } else if (current != nullptr) {
            NARROWS_TRY(add_setting(*current, trimmed, number));
        }
    }
    return profiles;
}

}  // namespace narrows::upstream
