#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/check.h"

namespace narrows::client {

/// The actions of the catalogue built into this program.
class Actions : public policy::ActionCatalogue {
  public:
    bool exists(std::string_view action) const override;
    std::vector<policy::KnownAction> matching(std::string_view action) const override;
    std::optional<std::string> suggest(std::string_view action) const override;
};

}  // namespace narrows::client
