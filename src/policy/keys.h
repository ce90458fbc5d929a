#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/scope.h"

/// The condition keys of one decision: the operation's context under the session's facts. Looks
/// into both, so both must outlive it.
namespace narrows::policy {

class Keys {
  public:
    Keys(const model::Operation& operation, const Facts& facts);

    /// By lower-case name. nullptr: unknown here; empty: known to be absent.
    const std::vector<std::string>* find(std::string_view lower_key) const;

  private:
    const model::Context& context_;
    model::Context own_;  ///< what the facts say
};

/// The keys that Facts feeds, lower case; those of time count only if the facts hold a time.
bool is_fact_key(std::string_view lower_key);

}  // namespace narrows::policy
