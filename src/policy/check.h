#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/scope.h"

namespace narrows::policy {

struct Condition;
struct Statement;

/// What is known of an action beside its name.
struct KnownAction {
    std::string name;  ///< as IAM writes it
    /// Whether any operation asks for it; if none does, nothing else here is known.
    bool asked = false;
    /// Patterns of the resources it is asked on; "*" alone: only Resource "*" ever matches.
    std::vector<std::string> resources;
    /// Lower-case condition keys that its requests can carry; one that ends in "/" stands for all
    /// that begin so.
    std::vector<std::string> keys;
    bool guarded = false;     ///< allowed only by its full name (decide.h's guardrail)
    bool needs_name = false;  ///< asked for by unsigned operations alone, which a connection names
};

/// What actions exist; implemented by the protocol's catalogue. Action names come as written
/// ("s3:GetObject"); comparison is ASCII case-insensitive. Thread-safe.
class ActionCatalogue {
  public:
    virtual ~ActionCatalogue() = default;
    /// Whether the action exists; a name with `*` or `?` exists if it matches any action.
    virtual bool exists(std::string_view action) const = 0;
    /// All that a name with or without wildcards matches.
    virtual std::vector<KnownAction> matching(std::string_view action) const = 0;
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
    std::size_t line = 0;    ///< of the text, from 1; 0: not known
    std::size_t column = 0;
};

/// What an operator should know of a scope before granting it. `error`: the statement does not do
/// what it says; `warning`: wider or narrower than it looks; `note`: enforced in one place only.
/// In the order of the text. `now` (nullopt: not known) tells what is over already.
std::vector<Finding> check(const Scope& scope, const ActionCatalogue& catalogue,
                           std::optional<WallNs> now = std::nullopt);
/// The same for a text that may not parse: the parse error becomes the one finding.
std::vector<Finding> check(std::string_view json, const ActionCatalogue& catalogue,
                           std::optional<WallNs> now = std::nullopt);

/// Of one statement, what its actions have to do with its resources and conditions
/// (check_actions.cc).
void check_known_actions(const Statement& statement, const ActionCatalogue& catalogue,
                         std::vector<Finding>& findings);
/// Conditions that can never hold together (check_conditions.cc).
void check_contradictions(const Statement& statement, std::optional<WallNs> now,
                          std::vector<Finding>& findings);
/// "Statement[1].NotAction[0]".
std::string place_in(const Statement& statement, const char* element, bool negated, bool list,
                     std::size_t index);
std::string place_of(const Statement& statement, const Condition& condition);
/// Keys that only AWS has when it decides.
bool only_aws_knows(std::string_view lower_key);

}  // namespace narrows::policy
