#include "protocols/aws/catalogue/aws_host.h"

#include <gtest/gtest.h>

namespace narrows::aws {
namespace {

constexpr std::string_view kAccount = "123456789012";

Result<AwsHost> read(std::string_view host, std::string_view service, std::string_view region) {
    return read_aws_host(Catalogue::embedded(), host, {service, region, kAccount});
}

struct Case {
    const char* host;
    const char* service;
    const char* region;
    const char* dialled;  ///< nullptr: refused; "": the service's usual host
    const char* bucket = "";
    bool in_host = false;
};
class AwsHosts : public testing::TestWithParam<Case> {};

TEST_P(AwsHosts, say_where_and_what) {
    const Case& asked = GetParam();
    const auto said = read(asked.host, asked.service, asked.region);
    ASSERT_EQ(said.has_value(), asked.dialled != nullptr)
        << asked.host << ": " << (said ? "" : said.error().what);
    if (!said) return;
    EXPECT_EQ(said.value().host, asked.dialled) << asked.host;
    EXPECT_EQ(said.value().bucket, asked.bucket) << asked.host;
    EXPECT_EQ(said.value().bucket_in_host, asked.in_host) << asked.host;
}

// AWS General Reference, "Service endpoints"; Amazon S3 User Guide, "Virtual hosting", "Access
// points", "Transfer Acceleration", "AWS PrivateLink for Amazon S3".
INSTANTIATE_TEST_SUITE_P(
    Plain, AwsHosts,
    testing::Values(
        Case{"dynamodb.us-east-1.amazonaws.com", "dynamodb", "us-east-1",
             "dynamodb.us-east-1.amazonaws.com"},
        Case{"dynamodb.us-east-1.amazonaws.com", "dynamodb", "us-west-2", nullptr},
        Case{"dynamodb-fips.us-east-1.amazonaws.com", "dynamodb", "us-east-1",
             "dynamodb-fips.us-east-1.amazonaws.com"},
        Case{"dynamodb.eu-west-1.api.aws", "dynamodb", "eu-west-1", "dynamodb.eu-west-1.api.aws"},
        Case{"123456789012.ddb.us-east-1.amazonaws.com", "dynamodb", "us-east-1",
             "123456789012.ddb.us-east-1.amazonaws.com"},
        Case{"12345.ddb.us-east-1.amazonaws.com", "dynamodb", "us-east-1", nullptr},
        Case{"123456789012.ddb.us-east-1.amazonaws.com", "s3", "us-east-1", nullptr},
        Case{"monitoring.us-east-1.amazonaws.com", "monitoring", "us-east-1",
             "monitoring.us-east-1.amazonaws.com"},
        Case{"api.ecr.us-east-1.amazonaws.com", "ecr", "us-east-1",
             "api.ecr.us-east-1.amazonaws.com"},
        Case{"iam.amazonaws.com", "iam", "us-east-1", "iam.amazonaws.com"},
        Case{"iam.amazonaws.com", "iam", "eu-west-1", nullptr},
        Case{"iam.amazonaws.com", "dynamodb", "us-east-1", nullptr},
        Case{"sts.amazonaws.com", "sts", "us-east-1", "sts.amazonaws.com"},
        Case{"sts.cn-north-1.amazonaws.com.cn", "sts", "cn-north-1",
             "sts.cn-north-1.amazonaws.com.cn"},
        Case{"sqs.us-east-1.amazonaws.com.cn", "sqs", "us-east-1", nullptr},
        Case{"sqs.us-east-1.example.com", "sqs", "us-east-1", nullptr},
        Case{"evil-sqs.us-east-1.amazonaws.com", "sqs", "us-east-1", nullptr},
        Case{"x.sqs.us-east-1.amazonaws.com", "sqs", "us-east-1", nullptr},
        Case{"data-servicediscovery.us-east-1.amazonaws.com", "servicediscovery", "us-east-1",
             "servicediscovery.us-east-1.amazonaws.com"},
        Case{"123456789012.s3-control.us-west-2.amazonaws.com", "s3", "us-west-2",
             "s3-control.us-west-2.amazonaws.com"},
        Case{"abc123-ats.iot.eu-west-1.amazonaws.com", "iotdata", "eu-west-1",
             "abc123-ats.iot.eu-west-1.amazonaws.com"},
        Case{"eu-west-1.queue.amazonaws.com", "sqs", "eu-west-1", "eu-west-1.queue.amazonaws.com"},
        Case{"queue.amazonaws.com", "sqs", "us-east-1", "queue.amazonaws.com"},
        Case{"queue.amazonaws.com", "sqs", "eu-west-1", nullptr},
        Case{"vpce-0a1b-2c3d.sqs.us-east-1.vpce.amazonaws.com", "sqs", "us-east-1",
             "vpce-0a1b-2c3d.sqs.us-east-1.vpce.amazonaws.com"},
        Case{"vpce-0a1b-2c3d.sqs.us-east-1.vpce.amazonaws.com", "sns", "us-east-1", nullptr},
        Case{"x.vpce-0a1b.sqs.us-east-1.vpce.amazonaws.com", "sqs", "us-east-1", nullptr}));

INSTANTIATE_TEST_SUITE_P(
    S3, AwsHosts,
    testing::Values(
        Case{"s3.amazonaws.com", "s3", "us-east-1", ""},
        Case{"b.s3.amazonaws.com", "s3", "eu-west-1", "", "b"},
        Case{"s3.eu-west-1.amazonaws.com", "s3", "eu-west-1", ""},
        Case{"b.s3.eu-west-1.amazonaws.com", "s3", "eu-west-1", "", "b"},
        Case{"b.s3.eu-west-1.amazonaws.com", "s3", "us-east-1", nullptr},
        Case{"s3.s3.us-east-1.amazonaws.com", "s3", "us-east-1", "", "s3"},
        Case{"a.b.s3.dualstack.eu-west-1.amazonaws.com", "s3", "eu-west-1",
             "s3.dualstack.eu-west-1.amazonaws.com", "a.b"},
        Case{"b.s3-fips.us-east-1.amazonaws.com", "s3", "us-east-1",
             "s3-fips.us-east-1.amazonaws.com", "b"},
        Case{"b.s3-us-west-2.amazonaws.com", "s3", "us-west-2", "", "b"},
        Case{"b.s3-us-west-2.amazonaws.com", "s3", "us-east-1", nullptr},
        Case{"b.s3-accelerate.amazonaws.com", "s3", "us-west-2", "b.s3-accelerate.amazonaws.com",
             "b", true},
        Case{"b.s3-accelerate.amazonaws.eu", "s3", "us-west-2", nullptr},
        Case{"b.s3-accelerate.dualstack.amazonaws.com", "s3", "us-west-2",
             "b.s3-accelerate.dualstack.amazonaws.com", "b", true},
        Case{"my-point-111122223333.s3-accesspoint.us-east-1.amazonaws.com", "s3", "us-east-1",
             "my-point-111122223333.s3-accesspoint.us-east-1.amazonaws.com",
             "arn:aws:s3:us-east-1:111122223333:accesspoint/my-point", true},
        Case{"p-111122223333.s3-accesspoint-fips.dualstack.us-east-1.amazonaws.com", "s3",
             "us-east-1", "p-111122223333.s3-accesspoint-fips.dualstack.us-east-1.amazonaws.com",
             "arn:aws:s3:us-east-1:111122223333:accesspoint/p", true},
        Case{"ap-1.s3-accesspoint.us-east-1.amazonaws.com", "s3", "us-east-1", nullptr},
        Case{"p-111122223333.s3-accesspoint.us-east-1.amazonaws.com", "s3", "us-west-2", nullptr},
        Case{"p-111122223333.s3-object-lambda.us-east-1.amazonaws.com", "s3-object-lambda",
             "us-east-1", "p-111122223333.s3-object-lambda.us-east-1.amazonaws.com",
             "arn:aws:s3-object-lambda:us-east-1:111122223333:accesspoint/p", true},
        Case{"p-111122223333.op-01ac5d28a6a232904.s3-outposts.us-west-2.amazonaws.com",
             "s3-outposts", "us-west-2",
             "p-111122223333.op-01ac5d28a6a232904.s3-outposts.us-west-2.amazonaws.com",
             "arn:aws:s3-outposts:us-west-2:111122223333:outpost/op-01ac5d28a6a232904/"
             "accesspoint/p",
             true},
        Case{"mfzwi23gnjvgw.mrap.accesspoint.s3-global.amazonaws.com", "s3", "us-east-1",
             "mfzwi23gnjvgw.mrap.accesspoint.s3-global.amazonaws.com",
             "arn:aws:s3::123456789012:accesspoint/mfzwi23gnjvgw.mrap", true},
        Case{"b--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com", "s3express",
             "us-east-1", "b--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com",
             "b--use1-az4--x-s3", true},
        Case{"s3express-control.us-east-1.amazonaws.com", "s3express", "us-east-1",
             "s3express-control.us-east-1.amazonaws.com"},
        Case{"bucket.vpce-1a2b3c4d-5e6f.s3.us-east-1.vpce.amazonaws.com", "s3", "us-east-1",
             "bucket.vpce-1a2b3c4d-5e6f.s3.us-east-1.vpce.amazonaws.com"},
        Case{"b.bucket.vpce-1a2b3c4d-5e6f.s3.us-east-1.vpce.amazonaws.com", "s3", "us-east-1",
             "bucket.vpce-1a2b3c4d-5e6f.s3.us-east-1.vpce.amazonaws.com", "b"},
        Case{"p-111122223333.accesspoint.vpce-1a2b3c4d-5e6f.s3.us-east-1.vpce.amazonaws.com", "s3",
             "us-east-1",
             "p-111122223333.accesspoint.vpce-1a2b3c4d-5e6f.s3.us-east-1.vpce.amazonaws.com",
             "arn:aws:s3:us-east-1:111122223333:accesspoint/p", true},
        Case{"iam.amazonaws.com", "s3", "us-east-1", nullptr},
        Case{"s3.example.com", "s3", "us-east-1", nullptr},
        Case{"b.s3-website-us-east-1.amazonaws.com", "s3", "us-east-1", nullptr}));

TEST(AwsHost, a_host_of_another_region_says_so) {
    const auto said = read("sqs.eu-west-1.amazonaws.com", "sqs", "us-east-1");
    EXPECT_EQ(said.error().what,
              "the host is of the region eu-west-1, and the request is signed for us-east-1; sign "
              "it for the region of the host that it is sent to");
}

TEST(AwsHost, a_label_before_an_endpoint_can_be_a_host_prefix) {
    const Service control = *Catalogue::embedded().service("s3control");
    EXPECT_TRUE(is_host_prefix(control, "123456789012"));
    EXPECT_FALSE(is_host_prefix(control, "a.b"));
    EXPECT_FALSE(is_host_prefix(*Catalogue::embedded().service("sqs"), "123456789012"));
}

}  // namespace
}  // namespace narrows::aws
