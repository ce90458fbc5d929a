#include "protocols/aws/catalogue/unsigned.h"

#include <algorithm>

#include <fmt/format.h>

#include "codec/text.h"
#include "protocols/aws/catalogue/aws_host.h"
#include "protocols/aws/catalogue/suggest.h"

namespace narrows::aws {
namespace {

/// Where a host names no region: that of AWS's global endpoints.
constexpr std::string_view kGlobalRegion = "us-east-1";

bool is_unsigned(Operation operation) {
    return operation.auth() == Auth::none;
}

std::string_view region_in(const Catalogue& catalogue, std::string_view host) {
    for (const std::string_view label : codec::split(host, '.')) {
        if (!catalogue.partition_of(label).empty()) return label;
    }
    return kGlobalRegion;
}

std::vector<std::string> names_that_can_be(const Catalogue& catalogue) {
    std::vector<std::string> names;
    for (const Service service : catalogue.services()) {
        for (const Operation operation : service.operations()) {
            if (is_unsigned(operation) && !operation.returns_credentials()) {
                names.push_back(name_of(operation));
            }
        }
    }
    return names;
}

std::string with_suggestions(std::string why, const Catalogue& catalogue, std::string_view name) {
    const std::vector<std::string> known = names_that_can_be(catalogue);
    const auto near = nearest(name, {known.begin(), known.end()});
    return near.empty() ? why : fmt::format("{}; did you mean {}?", why, fmt::join(near, ", "));
}

std::optional<Operation> find(const Catalogue& catalogue, std::string_view name) {
    const std::size_t colon = name.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const auto service = catalogue.service(name.substr(0, colon));
    return service ? service->operation(name.substr(colon + 1)) : std::nullopt;
}

}  // namespace

std::optional<Operation> unsigned_operation(const Catalogue& catalogue, std::string_view name) {
    const auto found = find(catalogue, name);
    return found && is_unsigned(*found) ? found : std::nullopt;
}

std::string name_of(Operation operation) {
    return fmt::format("{}:{}", operation.service().id(), operation.name());
}

std::string why_not_unsigned(const Catalogue& catalogue, std::string_view name) {
    const auto found = find(catalogue, name);
    if (!found) {
        return with_suggestions("is no operation that is known here (service:Operation)", catalogue,
                                name);
    }
    if (!is_unsigned(*found)) {
        return with_suggestions(
            "is authorised by a signature, so the scope alone decides on it; leave it out",
            catalogue, name);
    }
    return found->returns_credentials()
               ? "answers with credentials or tokens, which never reach an agent, so it stays "
                 "denied; leave it out"
               : "";
}

std::optional<UnsignedScope> unsigned_scope(const Catalogue& catalogue, std::string_view host) {
    const std::string_view region = region_in(catalogue, host);
    for (const Service service : catalogue.services()) {
        const Range<Operation> operations = service.operations();
        if (std::none_of(operations.begin(), operations.end(), is_unsigned)) continue;
        const auto found = find_host(catalogue, service, host, region);
        if (found) return UnsignedScope{found->signing_region, service.signing_name()};
    }
    return std::nullopt;
}

}  // namespace narrows::aws
