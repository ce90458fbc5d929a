#include "protocols/aws/adapter/place.h"

#include <gtest/gtest.h>

#include "protocols/aws/adapter/test_support.h"

namespace narrows::aws {
namespace {

/// What is asked: of which service, signed for which region, by whom.
struct Asked {
    std::string service = "s3";
    std::string operation = "GetObject";
    std::string region = "eu-west-1";
    std::vector<std::string> granted = {"eu-west-1", "us-east-1"};
    std::string endpoint;
    AwsHost named;
};

Judged<Place> place_of(const Asked& asked) {
    session::Connection connection = test_connection(asked.granted);
    connection.endpoint = asked.endpoint;
    const Caller caller{test_session({std::move(connection)}), 0, {}};
    Proof proof({"GET",
                 "/x?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE"
                 "%2F20130524%2F" +
                     asked.region + "%2F" + asked.service +
                     "%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=60"
                     "&X-Amz-SignedHeaders=host&X-Amz-Signature=" +
                     std::string(64, 'a'),
                 {{"Host", "h"}}});
    EXPECT_FALSE(proof.read(nullptr, {}));
    const Service service = *Catalogue::embedded().service(asked.service);
    return place(Catalogue::embedded(), caller, proof, asked.named,
                 *service.operation(asked.operation));
}

std::string host_of(const Asked& asked) {
    const Judged<Place> found = place_of(asked);
    return found.has_value() ? found.value().target.host : found.error().code;
}

// Hosts as https://docs.aws.amazon.com/general/latest/gr/rande.html lists them.
TEST(Place, is_the_endpoint_of_the_region_that_was_signed_for) {
    EXPECT_EQ(host_of({}), "s3.eu-west-1.amazonaws.com");
    EXPECT_EQ(host_of({.service = "sqs", .operation = "SendMessage", .region = "us-east-1"}),
              "sqs.us-east-1.amazonaws.com");
}

TEST(Place, is_none_where_the_connection_does_not_lead) {
    const Judged<Place> found = place_of({.region = "ap-south-1"});
    ASSERT_FALSE(found.has_value());
    EXPECT_EQ(found.error().decision.reason, model::Reason::not_configured);
    EXPECT_NE(found.error().decision.why.find("reports"), std::string::npos);
}

TEST(Place, of_a_global_service_is_led_to_from_any_region) {
    const Asked global{
        .service = "iam", .operation = "GetUser", .region = "us-east-1", .granted = {"eu-west-1"}};
    EXPECT_EQ(host_of(global), "iam.amazonaws.com");
    EXPECT_EQ(place_of(global).value().region, "us-east-1");
    EXPECT_EQ(place_of(global).value().signed_for(), "us-east-1");
}

TEST(Place, is_the_unusual_host_that_was_named) {
    const AwsHost dual{.host = "s3.dualstack.eu-west-1.amazonaws.com", .region = "eu-west-1"};
    EXPECT_EQ(host_of({.named = dual}), "s3.dualstack.eu-west-1.amazonaws.com");
    EXPECT_EQ(host_of({.granted = {"us-east-1"}, .named = dual}), "AccessDenied");
}

TEST(Place, is_the_connections_own_endpoint_if_it_has_one) {
    const Asked own{.endpoint = "http://127.0.0.1:9000"};
    EXPECT_EQ(host_of(own), "127.0.0.1");
    EXPECT_TRUE(place_of(own).value().target.configured);
    Asked access_point = own;
    access_point.named.bucket = "arn:aws:s3:eu-west-1:123456789012:accesspoint/reports";
    EXPECT_EQ(host_of(access_point), "AccessDenied");
}

TEST(Place, where_aws_takes_nothing_but_sigv4a_is_signed_for_all_regions) {
    const AwsHost point{.host = "mfzwi23gnjvgw.mrap.accesspoint.s3-global.amazonaws.com"};
    const Judged<Place> found = place_of({.named = point});
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found.value().signed_for(), "*");
    EXPECT_EQ(found.value().algorithm(), sigv4::Algorithm::ecdsa);
}

}  // namespace
}  // namespace narrows::aws
