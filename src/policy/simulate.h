#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "policy/past.h"
#include "policy/scope.h"

/// A scope put to operations of the past.
namespace narrows::policy {

enum class Change {
    none,
    denied,       ///< was allowed, would be denied (or held)
    allowed,      ///< was denied, would be allowed
    undecidable,  ///< the decision hangs on something that is not on record
};
inline constexpr std::size_t kChanges = 4;
const char* name_of(Change change);  ///< "unchanged", "allowed-to-denied" …

struct Again {
    Change change = Change::none;
    model::Decision now;  ///< of the new scope; as recorded if a scope was never asked
    std::string missing;  ///< undecidable: what is not on record, a sentence
};

/// Decides a past operation by `scope`, as decide() does. `enforced_again` as in Facts, of the new
/// scope.
Again decide_again(const Scope& scope, const Past& past, bool enforced_again);

/// Counts by the action that decides, "" where none was worked out. Memory grows with the number of
/// different actions.
class Simulation {
  public:
    using Counts = std::array<std::uint64_t, kChanges>;
    void add(const Again& again);
    const std::map<std::string, Counts>& by_action() const { return by_action_; }
    Counts total() const;

  private:
    std::map<std::string, Counts> by_action_;
};

}  // namespace narrows::policy
