#include "protocols/aws/decode/operation.h"

#include <algorithm>

#include "protocols/aws/decode/test_support.h"

namespace narrows::aws {
namespace {

using codec::Map;
using codec::Value;
using model::Access;
using testing::json;

const ConnectionFacts kFacts{"123456789012", "aws", "eu-west-1"};

Operation entry(std::string_view service, std::string_view name) {
    return *Catalogue::embedded().service(service)->operation(name);
}

model::Operation operation(std::string_view service, std::string_view name,
                           std::string_view parameters, model::Context known = {}) {
    const auto built = build_operation({{entry(service, name), json(parameters)}}, kFacts,
                                       std::move(known), as_bytes("key"));
    EXPECT_TRUE(built) << built.error().what;
    return built.value();
}

std::vector<Access> accesses(std::string_view service, std::string_view name,
                             std::string_view parameters) {
    return operation(service, name, parameters).accesses;
}

using Accesses = std::vector<Access>;

TEST(Operation, s3_objects_and_buckets) {
    const Accesses get = {{"s3:GetObject", {{"arn:aws:s3:::b/a b/../ü", true}}}};
    EXPECT_EQ(accesses("s3", "GetObject", R"({"Bucket":"b","Key":"a b/../ü"})"), get);
    const Accesses list = {{"s3:ListBucket", {{"arn:aws:s3:::b", true}}}};
    EXPECT_EQ(accesses("s3", "ListObjectsV2", R"({"Bucket":"b"})"), list);
}

TEST(Operation, a_text_of_the_request_is_never_a_pattern) {
    const auto get = accesses("s3", "GetObject", R"({"Bucket":"b","Key":"*"})");
    EXPECT_EQ(get.front().resources, (std::vector<model::Resource>{{"arn:aws:s3:::b/*", true}}));
}

TEST(Operation, each_object_of_a_batch_is_a_resource) {
    const auto access =
        accesses("s3", "DeleteObjects",
                 R"({"Bucket":"b","Delete":{"Objects":[{"Key":"x"},{"Key":"y"},{"Key":"x"}]}})");
    const std::vector<model::Resource> expected = {{"arn:aws:s3:::b/x", true},
                                                   {"arn:aws:s3:::b/y", true}};
    ASSERT_FALSE(access.empty());
    EXPECT_EQ(access.front().action, "s3:DeleteObject");
    EXPECT_EQ(access.front().resources, expected);
}

TEST(Operation, a_copy_reads_its_source_too) {
    const auto access = accesses(
        "s3", "CopyObject", R"({"Bucket":"b","Key":"k","CopySource":"/other/a%20b?versionId=1"})");
    bool reads = false;
    for (const Access& each : access) {
        for (const auto& resource : each.resources) {
            reads = reads || (each.action.starts_with("s3:GetObject") &&
                              resource.arn == "arn:aws:s3:::other/a b");
        }
    }
    EXPECT_TRUE(reads);
}

TEST(Operation, a_copy_of_a_version_needs_the_right_to_versions) {
    const model::Access object{"s3:GetObject", {{"arn:aws:s3:::o/a", true}}};
    const model::Access version{"s3:GetObjectVersion", {{"arn:aws:s3:::o/a", true}}};
    for (const char* name : {"CopyObject", "UploadPartCopy"}) {
        const auto of = [&](const char* source) {
            const std::string start = R"({"Bucket":"b","Key":"k","PartNumber":1,"UploadId":"u",)";
            return accesses("s3", name, start + R"("CopySource":")" + source + "\"}");
        };
        const auto has = [](const Accesses& all, const model::Access& one) {
            return std::find(all.begin(), all.end(), one) != all.end();
        };
        EXPECT_TRUE(has(of("o/a"), object)) << name;
        EXPECT_FALSE(has(of("o/a"), version)) << name;
        EXPECT_TRUE(has(of("o/a?versionId=x"), version)) << name;
        EXPECT_FALSE(has(of("o/a?versionId=x"), object)) << name;
    }
}

TEST(Operation, a_copy_source_of_two_readings_is_every_object) {
    for (const char* source : {"other/a+b", "other/a?b", "other/a?versionId=", "o/a?b?versionId=1",
                               "arn:aws:s3:eu-west-1:1:accesspoint/x/object/k", "x", "o%2Fa/k",
                               "o%5Ca/k", "o%252Fa/k", "o%3Fa/k", "/o%2Fa/k"}) {
        const auto access =
            accesses("s3", "CopyObject",
                     R"({"Bucket":"b","Key":"k","CopySource":")" + std::string(source) + "\"}");
        bool open = false;
        for (const Access& each : access) {
            for (const auto& resource : each.resources) open = open || !resource.exact;
        }
        EXPECT_TRUE(open) << source;
    }
}

TEST(Operation, a_copy_source_may_be_encoded_whole) {
    const auto access =
        accesses("s3", "CopyObject", R"({"Bucket":"b","Key":"k","CopySource":"o%2Fa%2Fb"})");
    const model::Access object{"s3:GetObject", {{"arn:aws:s3:::o/a/b", true}}};
    EXPECT_NE(std::find(access.begin(), access.end(), object), access.end());
}

TEST(Operation, dynamodb_tables_by_name_arn_and_map_key) {
    const char* table = "arn:aws:dynamodb:eu-west-1:123456789012:table/orders";
    for (const char* name : {"orders", table}) {
        const auto access = accesses("dynamodb", "PutItem",
                                     R"({"TableName":")" + std::string(name) + R"(","Item":{}})");
        EXPECT_EQ(access, (Accesses{{"dynamodb:PutItem", {{table, true}}}})) << name;
    }
    const auto batch = accesses("dynamodb", "BatchGetItem", R"({"RequestItems":{"a":{},"b":{}}})");
    ASSERT_EQ(batch.size(), 1U);
    EXPECT_EQ(batch[0].resources.size(), 2U);
}

TEST(Operation, a_queue_s_url_names_its_account) {
    const auto access =
        accesses("sqs", "SendMessage",
                 R"({"QueueUrl":"http://gw.example:8400/999999999999/jobs","MessageBody":"x"})");
    EXPECT_EQ(access,
              (Accesses{{"sqs:SendMessage", {{"arn:aws:sqs:eu-west-1:999999999999:jobs", true}}}}));
    const auto odd = accesses("sqs", "SendMessage", R"({"QueueUrl":"jobs"})");
    EXPECT_FALSE(odd.front().resources.front().exact);
}

TEST(Operation, what_cannot_be_worked_out_is_everything) {
    const auto access = accesses("dynamodb", "PutItem", R"({"Item":{}})");
    EXPECT_EQ(
        access.front().resources,
        (std::vector<model::Resource>{{"arn:aws:dynamodb:eu-west-1:123456789012:table/*", false}}));
    const auto foreign =
        accesses("dynamodb", "PutItem", R"({"TableName":"arn:aws:s3:::b","Item":{}})");
    EXPECT_FALSE(foreign.front().resources.front().exact);
}

TEST(Operation, condition_keys_are_known_present_or_known_absent) {
    const auto with = operation("s3", "ListObjectsV2", R"({"Bucket":"b","Prefix":"2026/"})",
                                {{"aws:securetransport", {"true"}}});
    EXPECT_EQ(with.context.at("s3:prefix"), (std::vector<std::string>{"2026/"}));
    EXPECT_EQ(with.context.at("aws:securetransport"), (std::vector<std::string>{"true"}));
    const auto without = operation("s3", "ListObjectsV2", R"({"Bucket":"b"})");
    EXPECT_TRUE(without.context.at("s3:prefix").empty());
}

TEST(Operation, tags_of_the_request_are_keys) {
    const auto tagged = operation("iam", "CreateRole",
                                  R"({"RoleName":"r","Tags":[{"Key":"Team","Value":"blue"}]})");
    EXPECT_EQ(tagged.context.at("aws:requesttag/team"), (std::vector<std::string>{"blue"}));
    EXPECT_EQ(tagged.context.at("aws:tagkeys"), (std::vector<std::string>{"Team"}));
}

bool is_absent(const model::Operation& operation, std::string_view key) {
    const auto family = model::find_family(operation.context, key);
    return !operation.context.contains(key) && family != operation.context.end() &&
           family->second.empty();
}

TEST(Operation, tags_that_a_request_does_not_say_are_absent) {
    const auto tagged = operation("iam", "CreateRole",
                                  R"({"RoleName":"r","Tags":[{"Key":"Team","Value":"blue"}]})");
    EXPECT_TRUE(is_absent(tagged, "aws:requesttag/owner"));
    EXPECT_FALSE(is_absent(tagged, "aws:requesttag/team"));
    EXPECT_TRUE(
        is_absent(operation("iam", "CreateRole", R"({"RoleName":"r"})"), "aws:requesttag/team"));
    const auto two = operation("iam", "CreateRole", R"({"RoleName":"r","Tags":[
        {"Key":"team","Value":"blue"},{"Key":"Team","Value":"red"}]})");
    EXPECT_FALSE(two.context.contains("aws:requesttag/team")) << "which of two is not known";
    EXPECT_FALSE(is_absent(two, "aws:requesttag/team"));
}

TEST(Operation, what_cannot_carry_tags_has_none) {
    const auto get = operation("dynamodb", "GetItem", R"({"TableName":"t","Key":{}})");
    EXPECT_TRUE(get.context.at("aws:tagkeys").empty());
    EXPECT_TRUE(is_absent(get, "aws:requesttag/team"));
    const auto put = operation("s3", "PutObject", R"({"Bucket":"b","Key":"k"})");
    EXPECT_FALSE(put.context.contains("aws:tagkeys")) << "Tagging may be what AWS means";
}

TEST(Operation, a_launch_template_may_bring_tags) {
    const char* tags = R"("TagSpecifications":[{"ResourceType":"instance","Tags":[
        {"Key":"team","Value":"blue"}]}])";
    const auto run = [&](const std::string& more) {
        return operation("ec2", "RunInstances",
                         "{\"MinCount\":1,\"MaxCount\":1" + more + "," + tags + "}");
    };
    EXPECT_TRUE(is_absent(run(""), "aws:requesttag/owner"));
    const auto made = run(R"(,"LaunchTemplate":{"LaunchTemplateId":"lt-1"})");
    EXPECT_EQ(made.context.at("aws:requesttag/team"), (std::vector<std::string>{"blue"}));
    EXPECT_FALSE(is_absent(made, "aws:requesttag/owner"));
    EXPECT_FALSE(made.context.contains("aws:tagkeys"));
    const auto of_the_template = operation(
        "ec2", "CreateLaunchTemplate",
        R"({"LaunchTemplateName":"n","LaunchTemplateData":{},)" + std::string(tags) + "}");
    EXPECT_EQ(of_the_template.context.at("aws:tagkeys"), (std::vector<std::string>{"team"}));
    const auto deleted = operation("ec2", "DeleteLaunchTemplate", R"({"LaunchTemplateName":"n"})");
    EXPECT_TRUE(deleted.context.at("aws:tagkeys").empty());
}

TEST(Operation, leading_keys_are_those_of_the_items) {
    const auto get =
        operation("dynamodb", "GetItem", R"({"TableName":"t","Key":{"id":{"S":"u1"}}})");
    EXPECT_EQ(get.context.at("dynamodb:leadingkeys"), (std::vector<std::string>{"u1"}));
    const auto put =
        operation("dynamodb", "PutItem", R"({"TableName":"t","Item":{"id":{"S":"u1"}}})");
    EXPECT_FALSE(put.context.contains("dynamodb:leadingkeys"));
}

// Keys and their values as AWS documents them: "Condition keys for" Amazon EC2, AWS KMS, Amazon
// ECS, AWS Lambda and Amazon RDS in the Service Authorization Reference, and the pages it leads to.
TEST(Operation, keys_that_have_a_default_at_aws_are_known_only_if_given) {
    const auto given = operation("ec2", "RunInstances",
                                 R"({"MinCount":1,"MaxCount":1,"InstanceType":"t3.micro"})");
    EXPECT_EQ(given.context.at("ec2:instancetype"), (std::vector<std::string>{"t3.micro"}));
    EXPECT_EQ(given.context.at("ec2:region"), (std::vector<std::string>{"eu-west-1"}));
    const auto left_out = operation("ec2", "RunInstances", R"({"MinCount":1,"MaxCount":1})");
    EXPECT_FALSE(left_out.context.contains("ec2:instancetype"));
    const auto overwriting =
        operation("ssm", "PutParameter", R"({"Name":"n","Value":"v","Overwrite":true})");
    EXPECT_EQ(overwriting.context.at("ssm:overwrite"), (std::vector<std::string>{"true"}));
    const auto by_default = operation("ssm", "PutParameter", R"({"Name":"n","Value":"v"})");
    EXPECT_FALSE(by_default.context.contains("ssm:overwrite"));
}

// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_AddTagsToResource.html: for
// parameters, ResourceId is their name.
TEST(Operation, tags_of_an_ssm_parameter_are_tags_of_that_parameter_alone) {
    for (const char* name :
         {"AddTagsToResource", "RemoveTagsFromResource", "ListTagsForResource"}) {
        const auto resources = [&](const std::string& type) {
            const auto asked = operation(
                "ssm", name, R"({"ResourceType":")" + type + R"(","ResourceId":"/tf/week"})");
            EXPECT_EQ(asked.accesses.size(), 1U);
            return asked.accesses.at(0).resources;
        };
        const std::vector<model::Resource> one{
            {"arn:aws:ssm:eu-west-1:123456789012:parameter/tf/week", true}};
        EXPECT_EQ(resources("Parameter"), one) << name;
        EXPECT_GT(resources("Document").size(), 1U) << "which of them is not known";
        EXPECT_GT(resources("parameter").size(), 1U);
    }
}

TEST(Operation, a_key_that_is_an_arn_is_made_of_the_name) {
    const auto cluster = [](const char* text) {
        return operation("ecs", "RunTask",
                         R"({"taskDefinition":"t","cluster":")" + std::string(text) + R"("})")
            .context["ecs:cluster"];
    };
    const std::string arn = "arn:aws:ecs:eu-west-1:123456789012:cluster/prod";
    EXPECT_EQ(cluster("prod"), (std::vector<std::string>{arn}));
    EXPECT_EQ(cluster(arn.c_str()), (std::vector<std::string>{arn}));
    const auto by_default = operation("ecs", "RunTask", R"({"taskDefinition":"t"})");
    EXPECT_FALSE(by_default.context.contains("ecs:cluster"));
}

TEST(Operation, an_encryption_context_is_a_key_for_each_pair) {
    const auto made = operation("kms", "GenerateDataKey",
                                R"({"KeyId":"k","EncryptionContext":{"AppName":"Shop"}})");
    EXPECT_EQ(made.context.at("kms:encryptioncontext:appname"), (std::vector<std::string>{"Shop"}));
    EXPECT_EQ(made.context.at("kms:encryptioncontextkeys"), (std::vector<std::string>{"AppName"}));
    EXPECT_EQ(made.context.at("kms:calleraccount"), (std::vector<std::string>{"123456789012"}));
}

TEST(Operation, tags_of_an_object_are_no_tags_of_the_request) {
    const auto put =
        operation("s3", "PutObject", R"({"Bucket":"b","Key":"k","Tagging":"team=blue"})");
    EXPECT_EQ(put.context.at("s3:requestobjecttag/team"), (std::vector<std::string>{"blue"}));
    EXPECT_EQ(put.context.at("s3:requestobjecttagkeys"), (std::vector<std::string>{"team"}));
    EXPECT_FALSE(put.context.contains("aws:tagkeys"));
}

TEST(Operation, the_service_that_a_role_is_passed_to) {
    const auto made =
        operation("lambda", "CreateFunction",
                  R"({"FunctionName":"f","Role":"arn:aws:iam::123456789012:role/r"})");
    EXPECT_EQ(made.context.at("iam:passedtoservice"),
              (std::vector<std::string>{"lambda.amazonaws.com"}));
}

TEST(Operation, the_caller_s_keys_win) {
    const auto built =
        operation("s3", "ListObjectsV2", R"({"Bucket":"b","Prefix":"x"})", {{"s3:prefix", {"y"}}});
    EXPECT_EQ(built.context.at("s3:prefix"), (std::vector<std::string>{"y"}));
}

// s3:PutObjectAcl is of IAM's access level "Permissions management".
TEST(Operation, a_parameter_that_shares_makes_a_write_a_grant) {
    using model::EffectClass;
    EXPECT_EQ(operation("s3", "PutObject", R"({"Bucket":"b","Key":"k"})").effect,
              EffectClass::write);
    EXPECT_EQ(
        operation("s3", "PutObject", R"({"Bucket":"b","Key":"k","ACL":"public-read"})").effect,
        EffectClass::grant);
    const auto table =
        operation("dynamodb", "CreateTable", R"({"TableName":"t","ResourcePolicy":"{}"})");
    EXPECT_EQ(table.effect, EffectClass::grant);
    EXPECT_EQ(table.accesses.back().action, "dynamodb:PutResourcePolicy");
}

// A role's name is unique in its account; its ARN has its path too (IAM User Guide, "IAM
// identifiers").
TEST(Operation, a_role_s_name_is_the_role_without_a_path_or_one_with_it) {
    const std::vector<model::Resource> either = {
        {"arn:aws:iam::123456789012:role/worker", true},
        {"arn:aws:iam::123456789012:role/*/worker", false, true}};
    EXPECT_EQ(accesses("iam", "GetRole", R"({"RoleName":"worker"})").front().resources, either);
    const auto passed =
        accesses("lambda", "CreateFunction", R"({"FunctionName":"f","Role":"worker"})");
    EXPECT_EQ(passed.back().resources, either);
    const auto exact =
        accesses("lambda", "CreateFunction",
                 R"({"FunctionName":"f","Role":"arn:aws:iam::123456789012:role/admin/worker"})");
    EXPECT_EQ(exact.back().resources,
              (std::vector<model::Resource>{{"arn:aws:iam::123456789012:role/admin/worker"}}));
    const auto odd = accesses("iam", "GetRole", R"({"RoleName":"/worker"})");
    EXPECT_EQ(odd.front().resources,
              (std::vector<model::Resource>{{"arn:aws:iam::123456789012:role/*", false}}));
}

TEST(Operation, several_candidates_need_all_their_accesses) {
    const std::vector<Decoded> two = {
        {entry("s3", "GetObject"), json(R"({"Bucket":"b","Key":"k"})")},
        {entry("s3", "PutObject"), json(R"({"Bucket":"b","Key":"k"})")}};
    const auto built = build_operation(two, kFacts, {}, as_bytes("key")).value();
    EXPECT_EQ(built.name, "GetObject");
    EXPECT_EQ(built.effect, entry("s3", "PutObject").effect());
    EXPECT_EQ(built.accesses.front().action, "s3:GetObject");
    EXPECT_EQ(built.accesses.back().action, "s3:PutObject");
}

// Amazon S3 User Guide, "Configuring IAM policies for using access points"; ARNs of objects through
// S3 on Outposts and S3 Object Lambda: the Service Authorization Reference.
TEST(Operation, an_access_point_is_the_resource) {
    const auto at = [](const char* name, const char* bucket) {
        return accesses("s3", name, R"({"Bucket":")" + std::string(bucket) + R"(","Key":"a/b"})")
            .front();
    };
    const auto point = at("GetObject", "arn:aws:s3:eu-west-1:111122223333:accesspoint/p");
    EXPECT_EQ(point.action, "s3:GetObject");
    EXPECT_EQ(point.resources,
              (std::vector<model::Resource>{
                  {"arn:aws:s3:eu-west-1:111122223333:accesspoint/p/object/a/b"}}));
    const auto lambda =
        at("GetObject", "arn:aws:s3-object-lambda:eu-west-1:111122223333:accesspoint/p");
    EXPECT_EQ(lambda.action, "s3-object-lambda:GetObject");
    EXPECT_EQ(lambda.resources,
              (std::vector<model::Resource>{
                  {"arn:aws:s3-object-lambda:eu-west-1:111122223333:accesspoint/p"}}));
    const auto outpost =
        at("PutObject", "arn:aws:s3-outposts:eu-west-1:111122223333:outpost/op-1/accesspoint/p");
    EXPECT_EQ(outpost.action, "s3-outposts:PutObject");
    EXPECT_EQ(
        outpost.resources,
        (std::vector<model::Resource>{
            {"arn:aws:s3-outposts:eu-west-1:111122223333:outpost/op-1/accesspoint/p/object/a/b"}}));
    const auto list = accesses("s3", "ListObjectsV2",
                               R"({"Bucket":"arn:aws:s3:eu-west-1:111122223333:accesspoint/p"})");
    EXPECT_EQ(list.front().resources,
              (std::vector<model::Resource>{{"arn:aws:s3:eu-west-1:111122223333:accesspoint/p"}}));
}

TEST(Operation, a_multi_region_access_point_can_be_of_any_account) {
    const auto asked =
        accesses("s3", "GetObject",
                 R"({"Bucket":"arn:aws:s3::111122223333:accesspoint/abc.mrap","Key":"k"})");
    EXPECT_EQ(
        asked.front().resources,
        (std::vector<model::Resource>{{"arn:aws:s3::*:accesspoint/abc.mrap/object/k", false}}));
}

TEST(Operation, an_access_point_s_alias_can_be_any_access_point) {
    const auto by_alias = accesses("s3", "GetObject", R"({"Bucket":"p-abc-s3alias","Key":"k"})");
    EXPECT_EQ(by_alias.front().resources,
              (std::vector<model::Resource>{{"arn:aws:s3:*:*:accesspoint/*/object/k", false}}));
}

TEST(Operation, a_copy_to_an_access_point_still_reads_its_source) {
    const auto copy = accesses("s3", "CopyObject", R"({"CopySource":"from/x","Key":"k",
        "Bucket":"arn:aws:s3:eu-west-1:111122223333:accesspoint/p"})");
    EXPECT_EQ(copy.front().action, "s3:GetObject");
    EXPECT_EQ(copy.front().resources, (std::vector<model::Resource>{{"arn:aws:s3:::from/x"}}));
    EXPECT_EQ(copy.back().resources,
              (std::vector<model::Resource>{
                  {"arn:aws:s3:eu-west-1:111122223333:accesspoint/p/object/k"}}));
}

TEST(Operation, bounds_the_number_of_resources) {
    codec::List objects;
    for (std::size_t i = 0; i <= kResourcesMax; ++i) {
        objects.push_back(Map{{"Key", std::to_string(i)}});
    }
    const Value parameters(Map{{"Bucket", "b"}, {"Delete", Map{{"Objects", std::move(objects)}}}});
    const auto built =
        build_operation({{entry("s3", "DeleteObjects"), parameters}}, kFacts, {}, as_bytes("key"));
    ASSERT_FALSE(built);
    EXPECT_EQ(built.error().code, ErrorCode::exhausted);
}

TEST(Operation, what_nobody_signs_and_iam_does_not_know_has_its_own_name) {
    const Accesses list = {{"sso:ListAccounts", {{"*", true}}}};
    EXPECT_EQ(accesses("sso", "ListAccounts", R"({"accessToken":"t"})"), list);
    const Accesses sign_up = {{"cognito-idp:SignUp", {{"*", true}}}};
    EXPECT_EQ(accesses("cognito-idp", "SignUp", R"({"ClientId":"c","Username":"u"})"), sign_up);
}

TEST(Operation, secret_inputs_are_withheld) {
    const auto built =
        operation("secretsmanager", "CreateSecret", R"({"Name":"n","SecretString":"hunter2"})");
    // printf hunter2 | openssl dgst -sha256 -hmac key
    EXPECT_EQ(built.parameters, json(R"({"Name":"n","SecretString":{"$withheld":{"hmac":
        "05d210d8af05129cb4bc04565faa72f94362ebaf20427cdf098059b5429d95bf","size":7}}})"));
}

TEST(Operation, a_secret_of_any_candidate_is_withheld_once) {
    const auto parameters = json(R"({"Name":"n","SecretString":"hunter2"})");
    const Decoded put{entry("secretsmanager", "PutSecretValue"), parameters};
    const Decoded create{entry("secretsmanager", "CreateSecret"), parameters};
    const auto one = build_operation({create}, kFacts, {}, as_bytes("key")).value();
    const auto two = build_operation({put, create}, kFacts, {}, as_bytes("key")).value();
    EXPECT_EQ(one.parameters, two.parameters);
}

}  // namespace
}  // namespace narrows::aws
