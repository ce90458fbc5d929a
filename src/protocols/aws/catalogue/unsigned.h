#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/aws/catalogue/catalogue.h"

/// Operations that AWS authorises by no signature (Smithy's noAuth: Auth::none). Clients send them
/// unsigned, and what they prove, if anything, stands in their parameters.
/// https://smithy.io/2.0/spec/authentication-traits.html#optionalauth-trait
/// Pure; thread-safe.
namespace narrows::aws {

/// The one that is named as a connection names it, "SERVICE:Operation" with the service's id.
std::optional<Operation> unsigned_operation(const Catalogue& catalogue, std::string_view name);
std::string name_of(Operation operation);

/// Why a connection cannot name it, as the end of a sentence that begins with the name, with up to
/// three names that may have been meant; empty: it can.
std::string why_not_unsigned(const Catalogue& catalogue, std::string_view name);

/// What a credential scope would say of a request that has none.
struct UnsignedScope {
    std::string region;
    std::string_view signing_name;
};
/// By the host (lower case), which must be one of a service that has such operations.
std::optional<UnsignedScope> unsigned_scope(const Catalogue& catalogue, std::string_view host);

}  // namespace narrows::aws
