#include "protocols/aws/adapter/region_set.h"

#include <algorithm>

#include "codec/text.h"

namespace narrows::aws {
namespace {

constexpr std::size_t kRegionField = 3;  // arn:partition:service:REGION:account:…

bool leads_to(const std::vector<std::string>& granted, std::string_view region) {
    return std::find(granted.begin(), granted.end(), region) != granted.end();
}

/// The ARN with another region; empty if it does not stand in `from`.
std::string moved(const std::string& arn, std::string_view from, std::string_view to) {
    const std::vector<std::string_view> parts = codec::split(arn, ':');
    if (parts.size() <= kRegionField || parts[kRegionField] != from || from.empty()) {
        return {};
    }
    const std::size_t at = static_cast<std::size_t>(parts[kRegionField].data() - arn.data());
    return arn.substr(0, at) + std::string(to) + arn.substr(at + from.size());
}

void move_to_any(std::string_view from, std::vector<model::Resource>& resources) {
    for (model::Resource& resource : resources) {
        std::string arn = moved(resource.arn, from, "*");
        if (!arn.empty()) {
            resource.arn = std::move(arn);
            resource.exact = false;
        }
    }
}

/// Copies of those that stand in `from`, in `to`.
void add_in(std::string_view to, std::string_view from, std::vector<model::Resource>& resources) {
    std::vector<model::Resource> there;
    for (model::Resource other : resources) {
        other.arn = moved(other.arn, from, to);
        if (!other.arn.empty()) {
            there.push_back(std::move(other));
        }
    }
    resources.insert(resources.end(), there.begin(), there.end());
}

}  // namespace

bool is_one_region(std::string_view region) {
    return region.find('*') == std::string_view::npos;
}

std::vector<std::string> regions_of(const sigv4::Authorization& authorization) {
    return sigv4::is_sigv4a(authorization.scheme)
               ? authorization.region_set
               : std::vector<std::string>{authorization.scope.region};
}

std::string region_to_reach(const std::vector<std::string>& regions,
                            const std::vector<std::string>& granted) {
    const auto reachable = std::find_if(regions.begin(), regions.end(),
                                        [&](const auto& each) { return leads_to(granted, each); });
    if (reachable != regions.end()) {
        return *reachable;
    }
    const auto named = std::find_if(regions.begin(), regions.end(), is_one_region);
    if (named != regions.end()) {
        return *named;
    }
    return granted.empty() ? std::string() : granted.front();
}

bool leads_to_all(const std::vector<std::string>& regions, const std::vector<std::string>& granted,
                  const Endpoint& endpoint) {
    return std::all_of(regions.begin(), regions.end(), [&](const std::string& each) {
        return !is_one_region(each) || leads_to(granted, each) || endpoint.signing_region == each;
    });
}

bool demands_ecdsa(std::string_view host) {
    for (const std::string_view mark : {".accesspoint.s3-global.", ".endpoint.events."}) {
        if (host.find(mark) != std::string_view::npos) {
            return true;
        }
    }
    return false;
}

void spread_over(const std::vector<std::string>& regions, std::string_view built_for,
                 model::Operation& operation) {
    const bool any = !std::all_of(regions.begin(), regions.end(), is_one_region);
    for (model::Access& access : operation.accesses) {
        if (any) {
            move_to_any(built_for, access.resources);
            continue;
        }
        for (const std::string& region : regions) {
            if (region != built_for) {
                add_in(region, built_for, access.resources);
            }
        }
    }
}

}  // namespace narrows::aws
