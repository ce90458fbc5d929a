#include "protocols/aws/catalogue/recognise.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "protocols/aws/catalogue/path.h"

namespace narrows::aws {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Asked {
    std::string signing_name;
    std::string method;
    std::string target;
    http::Headers headers = {};
    std::string body = {};
    std::string bucket = {};
    std::string host = {};
};

Result<Recognition> ask(const Asked& asked) {
    const http::RequestHead head{asked.method, asked.target, asked.headers};
    return recognise(Catalogue::embedded(),
                     {head, asked.body, asked.signing_name, "eu-west-1", asked.host, asked.bucket});
}

/// "s3:GetObject", all candidates in the catalogue's order; the error's code if there is none.
std::vector<std::string> names(const Asked& asked) {
    const auto found = ask(asked);
    if (!found) return {name_of(found.error().code)};
    std::vector<std::string> names;
    for (const Candidate& candidate : found.value().candidates) {
        names.push_back(std::string(candidate.operation.service().id()) + ":" +
                        std::string(candidate.operation.name()));
    }
    return names;
}

std::vector<std::string> labels(const Asked& asked) {
    const auto found = ask(asked);
    if (!found) return {name_of(found.error().code)};
    std::vector<std::string> labels;
    for (const Label& label : found.value().candidates[0].labels) {
        labels.push_back(std::string(label.name) + "=" + label.value);
    }
    return labels;
}

TEST(RecogniseS3, an_access_point_of_the_host_is_the_bucket) {
    const std::string point = "arn:aws:s3:eu-west-1:111122223333:accesspoint/p";
    EXPECT_THAT(labels({"s3", "GET", "/a/b", {}, {}, point}),
                ElementsAre("Bucket=arn%3Aaws%3As3%3Aeu-west-1%3A111122223333%3Aaccesspoint%2Fp",
                            "Key=a/b"));
    EXPECT_TRUE(
        ask({"s3", "GET", "/a/b", {}, {}, point}).value().candidates[0].labels[0].from_host);
    EXPECT_FALSE(ask({"s3", "GET", "/b/k"}).value().candidates[0].labels[0].from_host);
}

TEST(RecogniseS3, keys_stay_as_sent) {
    EXPECT_THAT(labels({"s3", "GET", "/bkt/a%20b/c%2Bd~%C3%A9/../x//y"}),
                ElementsAre("Bucket=bkt", "Key=a%20b/c%2Bd~%C3%A9/../x//y"));
    EXPECT_THAT(labels({"s3", "GET", "/bkt//"}), ElementsAre("Bucket=bkt", "Key=/"));
    EXPECT_THAT(labels({"s3", "GET", "/..", {}, {}, "bkt"}), ElementsAre("Bucket=bkt", "Key=.."));
}

TEST(RecogniseS3, virtual_host_and_path_style_are_one) {
    EXPECT_THAT(names({"s3", "GET", "/?list-type=2", {}, {}, "my.bucket"}),
                ElementsAre("s3:ListObjectsV2"));
    EXPECT_THAT(names({"s3", "GET", "/my.bucket/?list-type=2"}), ElementsAre("s3:ListObjectsV2"));
    EXPECT_THAT(names({"s3", "GET", "/"}), ElementsAre("s3:ListBuckets"));
    EXPECT_THAT(labels({"s3", "GET", "/k", {}, {}, "my.bucket"}),
                ElementsAre("Bucket=my.bucket", "Key=k"));
}

TEST(RecogniseS3, query_keys_and_headers_resolve_collisions) {
    const http::Headers copy = {{"X-Amz-Copy-Source", "b/k"}};
    EXPECT_THAT(names({"s3", "PUT", "/b/k"}), ElementsAre("s3:PutObject"));
    EXPECT_THAT(names({"s3", "PUT", "/b/k", copy}), ElementsAre("s3:CopyObject"));
    EXPECT_THAT(names({"s3", "PUT", "/b/k?partNumber=1&uploadId=u"}), ElementsAre("s3:UploadPart"));
    EXPECT_THAT(names({"s3", "PUT", "/b/k?uploadId=u&partNumber=1", copy}),
                ElementsAre("s3:UploadPartCopy"));
    EXPECT_THAT(names({"s3", "PUT", "/b/k?tagging"}), ElementsAre("s3:PutObjectTagging"));
    EXPECT_THAT(names({"s3", "POST", "/b/k?uploads"}), ElementsAre("s3:CreateMultipartUpload"));
    EXPECT_THAT(names({"s3", "POST", "/b/k?uploadId=u"}),
                ElementsAre("s3:CompleteMultipartUpload"));
    EXPECT_THAT(names({"s3", "GET", "/b/k?uploadId=u"}), ElementsAre("s3:ListParts"));
    EXPECT_THAT(names({"s3", "DELETE", "/b/k?uploadId=u"}), ElementsAre("s3:AbortMultipartUpload"));
    EXPECT_THAT(names({"s3", "DELETE", "/b/k"}), ElementsAre("s3:DeleteObject"));
    EXPECT_THAT(names({"s3", "POST", "/b?delete"}), ElementsAre("s3:DeleteObjects"));
    EXPECT_THAT(names({"s3", "GET", "/b?analytics&id=1"}),
                ElementsAre("s3:GetBucketAnalyticsConfiguration"));
    EXPECT_THAT(names({"s3", "GET", "/b?analytics"}),
                ElementsAre("s3:ListBucketAnalyticsConfigurations"));
}

TEST(RecogniseS3, escaped_query_keys_mean_the_same) {
    EXPECT_THAT(names({"s3", "GET", "/b/k?%61cl"}), ElementsAre("s3:GetObjectAcl"));
    EXPECT_THAT(names({"s3", "DELETE", "/b?%70olicy="}), ElementsAre("s3:DeleteBucketPolicy"));
}

TEST(RecogniseS3, x_id_is_not_trusted) {
    EXPECT_THAT(names({"s3", "DELETE", "/b/k?x-id=GetObject"}), ElementsAre("s3:DeleteObject"));
}

TEST(RecogniseS3, a_marker_twice_is_refused) {
    EXPECT_THAT(names({"s3", "PUT", "/b/k?uploadId=a&uploadId=b&partNumber=1"}),
                ElementsAre("invalid"));
    EXPECT_THAT(
        names({"s3", "PUT", "/b/k", {{"x-amz-copy-source", "a/b"}, {"X-Amz-Copy-Source", "c/d"}}}),
        ElementsAre("invalid"));
}

TEST(RecogniseRest, literals_beat_labels_even_when_escaped) {
    EXPECT_THAT(names({"lambda", "POST", "/2015-03-31/functions/f/invocations"}),
                ElementsAre("lambda:Invoke"));
    EXPECT_THAT(names({"lambda", "POST", "/2015-03-31/functions/f/%69nvocations"}),
                ElementsAre("lambda:Invoke"));
}

TEST(RecogniseRest, dot_segments_never_fill_a_label) {
    EXPECT_THAT(names({"lambda", "GET", "/2015-03-31/functions/.."}), ElementsAre("not_found"));
    EXPECT_THAT(names({"lambda", "GET", "/2015-03-31/functions/%2E%2e"}), ElementsAre("not_found"));
    EXPECT_THAT(names({"lambda", "GET", "/2015-03-31/functions//"}), ElementsAre("not_found"));
    EXPECT_THAT(names({"mediastore", "GET", "/a/%2e./b"}), ElementsAre("not_found"));
}

TEST(RecogniseRest, bad_escapes_and_forms_are_refused) {
    EXPECT_THAT(names({"lambda", "GET", "/2015-03-31/functions/%zz"}), ElementsAre("invalid"));
    EXPECT_THAT(names({"lambda", "GET", "http://host/2015-03-31/functions"}),
                ElementsAre("invalid"));
    EXPECT_THAT(names({"lambda", "GET", ""}), ElementsAre("invalid"));
    EXPECT_THAT(names({"lambda", "PURGE", "/2015-03-31/functions"}), ElementsAre("not_found"));
}

TEST(RecogniseRest, services_of_one_signing_name_all_answer) {
    const Asked tags = {"lex", "GET", "/tags/arn%3Aaws%3Alex"};
    EXPECT_THAT(names(tags),
                ElementsAre("lex-models:ListTagsForResource", "lexv2-models:ListTagsForResource"));
    Asked with_host = tags;
    with_host.host = "models-v2-lex.eu-west-1.amazonaws.com";
    EXPECT_THAT(names(with_host), ElementsAre("lexv2-models:ListTagsForResource"));
}

const http::Headers kGetItem = {{"X-Amz-Target", "DynamoDB_20120810.GetItem"}};
const http::Headers kForm = {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}};

TEST(RecogniseRpc, target_action_and_cbor) {
    EXPECT_THAT(names({"dynamodb", "POST", "/", kGetItem, "{}"}), ElementsAre("dynamodb:GetItem"));
    EXPECT_THAT(names({"iam", "POST", "/", kForm, "Action=GetUser&Version=2010-05-08"}),
                ElementsAre("iam:GetUser"));
    EXPECT_THAT(names({"ec2", "POST", "/", kForm, "Action=RunInstances&Version=2016-11-15"}),
                ElementsAre("ec2:RunInstances"));
    EXPECT_THAT(names({"monitoring",
                       "POST",
                       "/service/GraniteServiceVersion20100801/operation/PutMetricData",
                       {{"smithy-protocol", "rpc-v2-cbor"}}}),
                ElementsAre("cloudwatch:PutMetricData"));
}

TEST(RecogniseRpc, three_services_share_one_action) {
    EXPECT_THAT(names({"rds", "POST", "/", kForm, "Action=DescribeDBClusters&Version=2014-10-31"}),
                ElementsAre("docdb:DescribeDBClusters", "neptune:DescribeDBClusters",
                            "rds:DescribeDBClusters"));
}

TEST(RecogniseRpc, two_markers_are_refused) {
    http::Headers both = kGetItem;
    both.push_back({"smithy-protocol", "rpc-v2-cbor"});
    EXPECT_THAT(names({"dynamodb", "POST", "/", both}), ElementsAre("invalid"));
    http::Headers form = kForm;
    form.push_back({"X-Amz-Target", "GraniteServiceVersion20100801.ListMetrics"});
    EXPECT_THAT(names({"monitoring", "POST", "/", form, "Action=PutMetricData&Version=2010-08-01"}),
                ElementsAre("invalid"));
    EXPECT_THAT(names({"iam", "POST", "/?Action=GetUser&Version=2010-05-08", kForm,
                       "Action=DeleteUser&Version=2010-05-08"}),
                ElementsAre("invalid"));
    EXPECT_THAT(names({"dynamodb", "POST", "/", {kGetItem[0], kGetItem[0]}}),
                ElementsAre("invalid"));
}

TEST(RecogniseRpc, unknown_names_are_refused) {
    EXPECT_THAT(names({"dynamodb", "POST", "/", {{"X-Amz-Target", "DynamoDB_20120810.Nothing"}}}),
                ElementsAre("not_found"));
    EXPECT_THAT(names({"dynamodb", "POST", "/", {{"X-Amz-Target", "AmazonSQS.SendMessage"}}}),
                ElementsAre("not_found"));
    EXPECT_THAT(names({"iam", "POST", "/", kForm, "Action=GetUser&Version=2009-01-01"}),
                ElementsAre("not_found"));
    EXPECT_THAT(names({"iam", "POST", "/", kForm, "Action=GetUser"}), ElementsAre("invalid"));
    EXPECT_THAT(names({"nothing", "GET", "/"}), ElementsAre("not_found"));
    EXPECT_THAT(names({"dynamodb", "POST", "/x", kGetItem}), ElementsAre("invalid"));
    EXPECT_THAT(names({"dynamodb", "GET", "/", kGetItem}), ElementsAre("invalid"));
    EXPECT_THAT(names({"s3", "GET", "/b/k", kGetItem}), ElementsAre("invalid"));
}

TEST(Path, leads_to_members_elements_values_and_keys) {
    using codec::List;
    using codec::Map;
    const codec::Value parameters =
        Map{{"Delete", Map{{"Objects", List{Map{{"Key", "a"}}, Map{{"Key", "b"}}, Map{}}}}},
            {"RequestItems", Map{{"t1", Map{{"N", 1}}}, {"t2", Map{{"N", 2}}}}},
            {"Yes", true}};
    EXPECT_THAT(values_at(parameters, "Delete.Objects[].Key"), ElementsAre("a", "b"));
    EXPECT_THAT(values_at(parameters, "RequestItems{@}"), ElementsAre("t1", "t2"));
    EXPECT_THAT(values_at(parameters, "RequestItems{}.N"), ElementsAre("1", "2"));
    EXPECT_THAT(values_at(parameters, "Yes"), ElementsAre("true"));
    EXPECT_THAT(values_at(parameters, "Delete"), IsEmpty());
    EXPECT_THAT(values_at(parameters, "Yes[].x{}"), IsEmpty());
    EXPECT_THAT(values_at(parameters, "Absent.x"), IsEmpty());
}

}  // namespace
}  // namespace narrows::aws
