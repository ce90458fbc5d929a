#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/operation.h"
#include "protocols/aws/catalogue/catalogue.h"
#include "protocols/aws/sigv4/authorization.h"

/// The regions a request is for: SigV4 names one, SigV4A (sigv4/sigv4a.h) a set in which `*` may
/// stand. docs/scope.md says what a scope makes of it. Pure.
namespace narrows::aws {

/// "eu-west-1"; no pattern.
bool is_one_region(std::string_view region);

/// The regions that the signature names; never empty.
std::vector<std::string> regions_of(const sigv4::Authorization& authorization);

/// The one by which the endpoint is chosen: the first of the set that the connection leads to
/// (`granted`, its regions), else the first that is no pattern, else the connection's first, else
/// none.
std::string region_to_reach(const std::vector<std::string>& regions,
                            const std::vector<std::string>& granted);

/// Whether the connection, or the endpoint by its own signing region, leads to every region named.
bool leads_to_all(const std::vector<std::string>& regions, const std::vector<std::string>& granted,
                  const Endpoint& endpoint);

/// Whether AWS takes nothing but SigV4A there: S3 multi-region access points, EventBridge's global
/// endpoints.
/// https://docs.aws.amazon.com/AmazonS3/latest/userguide/MultiRegionAccessPointRequests.html
/// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-global-endpoints.html
bool demands_ecdsa(std::string_view host);

/// An operation that was built for `built_for` as it is for all of the set: its resources there
/// stand in every region named; where a pattern is among them, in any.
void spread_over(const std::vector<std::string>& regions, std::string_view built_for,
                 model::Operation& operation);

}  // namespace narrows::aws
