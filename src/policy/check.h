#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/scope.h"

namespace narrows::policy {

/// What actions exist; implemented by the protocol's catalogue. Action names come as written
/// ("s3:GetObject"); comparison is ASCII case-insensitive. Thread-safe.
class ActionCatalogue {
  public:
    virtual ~ActionCatalogue() = default;
    /// Whether the action exists; a name with `*` or `?` exists if it matches any action.
    virtual bool exists(std::string_view action) const = 0;
    /// The nearest existing name, or nothing if none is near.
    virtual std::optional<std::string> suggest(std::string_view action) const = 0;
};

enum class Severity { error, warning, note };
const char* name_of(Severity severity);

struct Finding {
    Severity severity = Severity::note;
    std::string path;        ///< "Statement[1].Action[0]"
    std::string message;     ///< one sentence
    std::string suggestion;  ///< what to write instead; may be empty
};

/// What an operator should know of a scope before granting it. `error`: the statement does not do
/// what it says; `warning`: wider or narrower than it looks; `note`: enforced in one place only.
std::vector<Finding> check(const Scope& scope, const ActionCatalogue& catalogue);
/// The same for a text that may not parse: the parse error becomes the one finding.
std::vector<Finding> check(std::string_view json, const ActionCatalogue& catalogue);

}  // namespace narrows::policy
