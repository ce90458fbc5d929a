#include "protocols/aws/decode/rebuild.h"

#include <gtest/gtest.h>

#include "protocols/aws/decode/test_support.h"

namespace narrows::aws {
namespace {

using testing::json;

const ConnectionFacts kFacts{"123456789012", "aws", "eu-west-1"};

Result<Rebuilt> rebuilt(RecordedOperation recorded, const model::Context& known = {}) {
    return rebuild(Catalogue::embedded(), recorded, kFacts, known);
}

TEST(Rebuild, finds_the_keys_that_the_request_had_and_those_it_had_not) {
    const auto made = rebuilt({"s3",
                               "ListObjectsV2",
                               json(R"({"Bucket":"b","Prefix":"in/"})"),
                               {{"s3:ListBucket", {{"arn:aws:s3:::b"}}}}},
                              {{"aws:sourceip", {"10.0.0.1"}}});
    ASSERT_TRUE(made) << made.error().what;
    const model::Context& context = made.value().operation.context;
    EXPECT_EQ(context.at("s3:prefix"), std::vector<std::string>{"in/"});
    EXPECT_EQ(context.at("s3:delimiter"), std::vector<std::string>{});
    EXPECT_EQ(context.at("aws:sourceip"), std::vector<std::string>{"10.0.0.1"});
    EXPECT_TRUE(made.value().unsure.empty());
}

TEST(Rebuild, gives_back_the_resources_that_the_record_cut_off) {
    RecordedOperation recorded{
        "s3",
        "DeleteObjects",
        json(R"({"Bucket":"b","Delete":{"Objects":[{"Key":"x"},{"Key":"y"},{"Key":"z"}]}})"),
        {{"s3:DeleteObject", {{"arn:aws:s3:::b/x"}, {"arn:aws:s3:::b/y"}}}},
        true};
    const auto made = rebuilt(recorded);
    ASSERT_TRUE(made) << made.error().what;
    EXPECT_EQ(made.value().operation.accesses.front().resources.back().arn, "arn:aws:s3:::b/z");
    recorded.cut = false;
    EXPECT_FALSE(rebuilt(recorded));
}

TEST(Rebuild, refuses_what_the_record_does_not_hold_or_says_otherwise) {
    EXPECT_FALSE(rebuilt({"s3", "GetObject", json(R"({"$large":{"size":1}})"), {}}));
    EXPECT_FALSE(rebuilt({"s3",
                          "GetObject",
                          json(R"({"Bucket":"b","Key":"k"})"),
                          {{"s3:GetObject", {{"arn:aws:s3:::b/other"}}}}}));
    EXPECT_FALSE(rebuilt({"s3", "NoSuchOperation", json("{}"), {}}));
}

TEST(Rebuild, where_something_was_withheld_absent_keys_are_not_known_to_be_absent) {
    const auto made =
        rebuilt({"secretsmanager",
                 "CreateSecret",
                 json(R"({"Name":"db","SecretString":{"$withheld":{"size":3,"hmac":"00"}},
                  "Tags":[{"Key":"a","Value":"b"}]})"),
                 {{"secretsmanager:CreateSecret",
                   {{"arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-??????", false}}}}});
    ASSERT_TRUE(made) << made.error().what;
    EXPECT_EQ(made.value().operation.context.at("aws:requesttag/a"), std::vector<std::string>{"b"});
    EXPECT_FALSE(made.value().unsure.empty());
    for (const std::string& key : made.value().unsure) {
        EXPECT_FALSE(made.value().operation.context.contains(key)) << key;
    }
}

TEST(Rebuild, services_of_one_wire_form_are_read_as_the_gateway_read_them) {
    const auto made = rebuilt(
        {"rds",
         "DescribeDBClusters",
         json(R"({"DBClusterIdentifier":"c"})"),
         {{"rds:DescribeDBClusters", {{"arn:aws:rds:eu-west-1:123456789012:cluster:*", false}}}}});
    ASSERT_TRUE(made) << made.error().what;
}

}  // namespace
}  // namespace narrows::aws
