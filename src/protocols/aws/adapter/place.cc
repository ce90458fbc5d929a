#include "protocols/aws/adapter/place.h"

#include <algorithm>

#include <fmt/format.h>

#include "protocols/aws/adapter/region_set.h"
#include "protocols/aws/sigv4/sigv4a.h"

namespace narrows::aws {
namespace {

auto misplaced(std::string why) {
    return rejected(reject(model::Reason::not_configured, "AccessDenied", std::move(why)));
}

/// The host that was asked for, where it is one of the service's less usual ones; else the usual.
Result<Endpoint> endpoint_for(const Catalogue& catalogue, const session::Connection& granted,
                              const AwsHost& named, Operation entry, const std::string& asked,
                              const std::string& region) {
    const std::string_view partition = catalogue.partition_of(asked);
    if (!named.host.empty() && (partition.empty() || partition == granted.partition)) {
        return Endpoint{named.host, asked};
    }
    return catalogue.endpoint(entry, granted.partition, region);
}

Result<upstream::Target> choose_target(const session::Connection& granted, const AwsHost& named,
                                       const Endpoint& endpoint) {
    if (!granted.endpoint.empty() && named.bucket.starts_with("arn:")) {
        return fail(ErrorCode::unsupported,
                    fmt::format("Connection {} has an endpoint of its own, which leads to no "
                                "access point",
                                granted.name));
    }
    return upstream::choose_target(endpoint.host, granted.endpoint);
}

}  // namespace

std::string Place::signed_for() const {
    return region_set.empty() ? region : sigv4::region_set_text(region_set);
}

Judged<Place> place(const Catalogue& catalogue, const Caller& caller, const Proof& proof,
                    const AwsHost& named, Operation entry) {
    const session::Connection& granted = caller.granted();
    const std::vector<std::string>& known = granted.regions;
    const std::vector<std::string> regions = proof.regions();
    const std::string asked = region_to_reach(regions, known);
    const bool leads = std::find(known.begin(), known.end(), asked) != known.end();
    const std::string& region = leads || known.empty() ? asked : known.front();
    const Result<Endpoint> endpoint = endpoint_for(catalogue, granted, named, entry, asked, region);
    if (!endpoint.has_value()) {
        return misplaced(endpoint.error().what);
    }
    // From where AWS serves the granted region the usual endpoint tells: what a host says of itself
    // grants none.
    const Result<Endpoint> usual = catalogue.endpoint(entry, granted.partition, region);
    const bool elsewhere = !leads && !named.region.empty();
    if (elsewhere ||
        !leads_to_all(regions, known, usual.has_value() ? usual.value() : Endpoint{})) {
        return misplaced(
            fmt::format("Connection {} does not lead to the region asked for; its "
                        "regions are: {}",
                        granted.name, fmt::join(known, ", ")));
    }
    Result<upstream::Target> target = choose_target(granted, named, endpoint.value());
    if (!target.has_value()) {
        return misplaced(target.error().what);
    }
    Place place{std::move(target.value()), endpoint.value().signing_region, {}};
    if (proof.is_ecdsa()) {
        place.region_set = regions;
    } else if (demands_ecdsa(place.target.host)) {
        place.region_set = {"*"};
    }
    return place;
}

}  // namespace narrows::aws
