#include "protocols/aws/adapter/region_set.h"

#include <gtest/gtest.h>

namespace narrows::aws {
namespace {

using Regions = std::vector<std::string>;

TEST(RegionSet, is_one_region_in_v4_and_a_set_in_v4a) {
    sigv4::Authorization authorization;
    authorization.scope.region = "eu-west-1";
    EXPECT_EQ(regions_of(authorization), Regions{"eu-west-1"});
    authorization.scheme = sigv4::Scheme::sigv4a_query;
    authorization.region_set = {"us-east-1", "*"};
    EXPECT_EQ(regions_of(authorization), (Regions{"us-east-1", "*"}));
}

TEST(RegionSet, the_endpoint_is_in_a_region_that_the_connection_leads_to) {
    const Regions granted = {"eu-west-1", "us-east-1"};
    EXPECT_EQ(region_to_reach({"ap-east-1", "us-east-1"}, granted), "us-east-1");
    EXPECT_EQ(region_to_reach({"*"}, granted), "eu-west-1");
    EXPECT_EQ(region_to_reach({"*", "ap-east-1"}, granted), "ap-east-1");
    EXPECT_EQ(region_to_reach({"*"}, Regions()), "");
}

TEST(RegionSet, every_region_named_must_be_led_to) {
    const Regions granted = {"eu-west-1"};
    const Endpoint regional{"sqs.eu-west-1.amazonaws.com", "eu-west-1"};
    const Endpoint global{"iam.amazonaws.com", "us-east-1"};
    EXPECT_TRUE(leads_to_all({"eu-west-1"}, granted, regional));
    EXPECT_FALSE(leads_to_all({"eu-west-1", "us-east-1"}, granted, regional));
    EXPECT_TRUE(leads_to_all({"us-east-1"}, granted, global));
    EXPECT_TRUE(leads_to_all({"*", "us-*"}, granted, regional));
}

TEST(RegionSet, some_hosts_take_nothing_else) {
    EXPECT_TRUE(demands_ecdsa("mfzwi23gnjvgw.mrap.accesspoint.s3-global.amazonaws.com"));
    EXPECT_TRUE(demands_ecdsa("abcde.veo.endpoint.events.amazonaws.com"));
    EXPECT_FALSE(demands_ecdsa("events.us-east-1.amazonaws.com"));
    EXPECT_FALSE(demands_ecdsa("bucket.s3.us-east-1.amazonaws.com"));
}

model::Operation operation_on(std::vector<model::Resource> resources) {
    model::Operation operation;
    operation.accesses = {{"events:PutEvents", std::move(resources)}};
    return operation;
}

std::vector<model::Resource> spread(Regions regions, std::vector<model::Resource> resources) {
    model::Operation operation = operation_on(std::move(resources));
    spread_over(regions, "us-east-1", operation);
    return operation.accesses.front().resources;
}

const model::Resource kBus{"arn:aws:events:us-east-1:123456789012:event-bus/a:b", true, false};
const model::Resource kObject{"arn:aws:s3:::bucket/us-east-1", true, false};

TEST(RegionSet, a_resource_stands_in_each_region_of_the_set) {
    EXPECT_EQ(spread({}, {kBus}), std::vector{kBus});
    EXPECT_EQ(spread({"us-east-1"}, {kBus, kObject}), (std::vector{kBus, kObject}));
    const model::Resource there{"arn:aws:events:eu-west-1:123456789012:event-bus/a:b", true, false};
    EXPECT_EQ(spread({"us-east-1", "eu-west-1"}, {kBus, kObject}),
              (std::vector{kBus, kObject, there}));
}

TEST(RegionSet, a_pattern_is_every_region) {
    const model::Resource any{"arn:aws:events:*:123456789012:event-bus/a:b", false, false};
    EXPECT_EQ(spread({"*"}, {kBus, kObject}), (std::vector{any, kObject}));
    EXPECT_EQ(spread({"us-east-1", "eu-*"}, {kBus}), std::vector{any});
    const model::Resource elsewhere{"arn:aws:events:ap-east-1:123456789012:event-bus/a", true,
                                    false};
    EXPECT_EQ(spread({"*"}, {elsewhere}), std::vector{elsewhere});
}

}  // namespace
}  // namespace narrows::aws
