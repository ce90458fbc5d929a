#include "protocols/aws/catalogue/catalogue.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "crypto/hash.h"

extern "C" {
extern const std::uint8_t narrows_aws_catalogue_begin[];
extern const std::uint8_t narrows_aws_catalogue_end[];
}

namespace narrows::aws {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::SizeIs;
using testing::StartsWith;

Operation operation(std::string_view service, std::string_view name) {
    const auto found = Catalogue::embedded().service(service);
    EXPECT_TRUE(found.has_value()) << service;
    const auto operation = found->operation(name);
    EXPECT_TRUE(operation.has_value()) << name;
    return *operation;
}

/// "s3:GetObject+VersionId arn(BucketName=Bucket ObjectName=Key)"
std::string words(AccessRule rule) {
    std::string text(rule.action());
    if (rule.when() != When::always) {
        text += rule.when() == When::present ? "+" : "-";
        text += rule.when_path();
    }
    for (const ResourceRule resource : rule.resources()) {
        text += " " + std::string(resource.arn()) + "(";
        for (const Hole hole : resource.holes()) {
            text += std::string(hole.name()) + "=" + std::string(hole.path()) + " ";
        }
        if (text.back() == ' ') text.pop_back();
        text += ")";
    }
    return text;
}

std::vector<std::string> accesses(std::string_view service, std::string_view name) {
    std::vector<std::string> all;
    for (const AccessRule rule : operation(service, name).accesses()) all.push_back(words(rule));
    return all;
}

std::vector<std::string> conditions(std::string_view service, std::string_view name) {
    std::vector<std::string> all;
    for (const ConditionRule rule : operation(service, name).accesses()[0].conditions()) {
        all.push_back(std::string(rule.key()) + "=" + std::string(rule.path()));
    }
    return all;
}

TEST(Catalogue, knows_its_sources_and_counts) {
    const Info info = Catalogue::embedded().info();
    EXPECT_THAT(info.digest, SizeIs(64));
    EXPECT_TRUE(info.models_version.starts_with("1."));
    EXPECT_THAT(info.more_models, Contains(StartsWith("client-transcribe-streaming 3.")));
    EXPECT_GE(info.services, 430u);
    EXPECT_GE(info.operations, 19'000u);
    EXPECT_GE(info.actions, 22'000u);
    EXPECT_LT(info.without_action, info.operations / 20);
}

TEST(Catalogue, describes_wire_forms) {
    const Operation put = operation("s3", "PutObject");
    EXPECT_EQ(put.method(), "PUT");
    EXPECT_EQ(put.uri(), "/{Bucket}/{Key+}");
    EXPECT_TRUE(put.streaming_input());
    EXPECT_EQ(put.checksum_member(), "ChecksumAlgorithm");
    EXPECT_EQ(put.input().member("ContentMD5")->wire_name(), "Content-MD5");
    EXPECT_EQ(put.input().member("ContentMD5")->location(), Location::header);
    EXPECT_EQ(put.input().member("Metadata")->location(), Location::headers);
    EXPECT_EQ(put.input().member("Metadata")->wire_name(), "x-amz-meta-");
    EXPECT_EQ(put.input().payload()->name(), "Body");
    EXPECT_EQ(put.input().member("Body")->location(), Location::payload);
    const Service dynamodb = *Catalogue::embedded().service("dynamodb");
    EXPECT_EQ(dynamodb.target_prefix(), "DynamoDB_20120810");
    EXPECT_TRUE(dynamodb.protocols().has(Protocol::json));
    EXPECT_EQ(operation("ec2", "RunInstances").input().member("BlockDeviceMappings")->ec2_name(),
              "BlockDeviceMapping");
    EXPECT_EQ(operation("s3control", "CreateJob").host_prefix(), "{AccountId}.");
    EXPECT_TRUE(operation("cloudwatch", "PutMetricData").request_compression());
    EXPECT_TRUE(operation("bedrock-runtime", "ConverseStream").event_stream_output());
    EXPECT_TRUE(operation("polly", "StartSpeechSynthesisStream").event_stream_input());
    EXPECT_EQ(operation("sts", "AssumeRoleWithWebIdentity").auth(), Auth::none);
}

TEST(Catalogue, recursive_shapes_close) {
    const Shape item = operation("dynamodb", "PutItem").input().member("Item")->shape();
    ASSERT_EQ(item.kind(), ShapeKind::map);
    const Shape attribute = item.value().shape();
    EXPECT_TRUE(attribute.is_union() || attribute.members().size() == 10);
    EXPECT_EQ(attribute.member("M")->shape().value().shape(), attribute);
    EXPECT_EQ(attribute.member("L")->shape().element().shape(), attribute);
}

TEST(Catalogue, actions_that_are_named_otherwise) {
    const std::string object = " arn:${Partition}:s3:::${BucketName}/${ObjectName}";
    EXPECT_THAT(
        accesses("s3", "HeadObject"),
        ElementsAre(
            "s3:GetObject-VersionId" + object + "(BucketName=Bucket ObjectName=Key)",
            "s3:GetObjectVersion+VersionId" + object + "(BucketName=Bucket ObjectName=Key)"));
    EXPECT_THAT(
        accesses("s3", "ListObjectsV2"),
        ElementsAre("s3:ListBucket arn:${Partition}:s3:::${BucketName}(BucketName=Bucket)"));
    EXPECT_THAT(accesses("s3", "ListBuckets"), ElementsAre("s3:ListAllMyBuckets *()"));
    // https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html, "Permissions": a version
    // is read by s3:GetObjectVersion.
    const std::string source = object + "(BucketName=CopySource ObjectName=CopySource)";
    EXPECT_THAT(accesses("s3", "CopyObject"),
                AllOf(Contains("s3:GetObject-CopySource?" + source),
                      Contains("s3:GetObjectVersion+CopySource?" + source)));
    EXPECT_THAT(accesses("s3", "DeleteObjects"),
                Contains("s3:DeleteObject" + object +
                         "(BucketName=Bucket ObjectName=Delete.Objects[].Key)"));
    EXPECT_THAT(accesses("lambda", "Invoke"),
                ElementsAre("lambda:InvokeFunction arn:${Partition}:lambda:${Region}:${Account}:"
                            "function:${FunctionName}(FunctionName=FunctionName)"));
    EXPECT_THAT(accesses("dynamodb", "BatchGetItem"),
                ElementsAre("dynamodb:BatchGetItem arn:${Partition}:dynamodb:${Region}:${Account}:"
                            "table/${TableName}(TableName=RequestItems{@})"));
    EXPECT_THAT(accesses("sqs", "SendMessageBatch"),
                ElementsAre("sqs:SendMessage arn:${Partition}:sqs:${Region}:${Account}:"
                            "${QueueName}(QueueName=QueueUrl)"));
    EXPECT_THAT(accesses("apigateway", "GetResources"),
                ElementsAre("apigateway:GET arn:${Partition}:apigateway:${Region}::/restapis/"
                            "${restapi_id}/resources(restapi_id=restApiId)"));
}

TEST(Catalogue, same_names_bind_their_resources) {
    EXPECT_THAT(accesses("dynamodb", "GetItem"),
                ElementsAre("dynamodb:GetItem arn:${Partition}:dynamodb:${Region}:${Account}:"
                            "table/${TableName}(TableName=TableName)"));
    EXPECT_THAT(accesses("sns", "GetTopicAttributes"),
                ElementsAre("sns:GetTopicAttributes arn:${Partition}:sns:${Region}:${Account}:"
                            "${TopicName}(=TopicArn)"));
    EXPECT_THAT(accesses("sts", "GetCallerIdentity"), ElementsAre("sts:GetCallerIdentity *()"));
}

TEST(Catalogue, roles_handed_over_need_pass_role) {
    EXPECT_THAT(accesses("lambda", "CreateFunction"),
                Contains("iam:PassRole+Role arn:${Partition}:iam::${Account}:role/"
                         "${RoleNameWithPath}(RoleNameWithPath=Role)"));
    EXPECT_EQ(operation("lambda", "CreateFunction").effect(), model::EffectClass::delegate);
    EXPECT_THAT(accesses("sts", "AssumeRole"), SizeIs(1));
}

TEST(Catalogue, roles_that_events_hand_over_may_be_any) {
    EXPECT_THAT(accesses("transcribe-streaming", "StartMedicalScribeStream"),
                ElementsAre("transcribe:StartMedicalScribeStream *()",
                            "iam:PassRole arn:${Partition}:iam::${Account}:role/"
                            "${RoleNameWithPath}()"));
    EXPECT_THAT(accesses("transcribe-streaming", "StartStreamTranscription"), SizeIs(1));
}

TEST(Catalogue, knows_what_streams_both_ways_and_botocore_leaves_out) {
    const Operation start = operation("transcribe-streaming", "StartStreamTranscription");
    EXPECT_TRUE(start.event_stream_input() && start.event_stream_output());
    EXPECT_EQ(start.service().signing_name(), "transcribe");
    EXPECT_EQ(start.input().member("MediaSampleRateHertz")->wire_name(),
              "x-amzn-transcribe-sample-rate");
    EXPECT_EQ(start.input().member("AudioStream")->location(), Location::payload);
    EXPECT_TRUE(operation("rekognitionstreaming", "StartFaceLivenessSession").event_stream_input());
    EXPECT_EQ(operation("transcribe-streaming", "GetMedicalScribeStream").effect(),
              model::EffectClass::read);
}

TEST(Catalogue, an_action_of_another_name_is_the_one_that_the_model_s_words_name) {
    EXPECT_EQ(operation("neptunedata", "CancelGremlinQuery").accesses()[0].action(),
              "neptune-db:CancelQuery");
    EXPECT_EQ(operation("dms", "DescribeDataProviders").accesses()[0].action(),
              "dms:ListDataProviders");
    EXPECT_EQ(operation("securityhub", "GetFindingsV2").accesses()[0].action(),
              "securityhub:GetFindings");
    EXPECT_TRUE(operation("ssm", "RegisterDefaultHostManagementConfiguration").no_action());
    EXPECT_TRUE(operation("cloudwatch", "AssociateDatasetKmsKey").no_action());
}

TEST(Catalogue, effects) {
    using model::EffectClass;
    EXPECT_EQ(operation("s3", "GetObject").effect(), EffectClass::read);
    EXPECT_EQ(operation("s3", "PutObject").effect(), EffectClass::write);
    EXPECT_EQ(operation("s3", "PutBucketPolicy").effect(), EffectClass::grant);
    EXPECT_EQ(operation("iam", "AttachRolePolicy").effect(), EffectClass::grant);
    EXPECT_EQ(operation("ssm", "SendCommand").effect(), EffectClass::by_reference);
    EXPECT_EQ(operation("sts", "AssumeRole").effect(), EffectClass::credential);
    for (const auto& [service, name] : std::vector<std::pair<std::string, std::string>>{
             {"sts", "GetSessionToken"},
             {"s3", "CreateSession"},
             {"iam", "CreateAccessKey"},
             {"ecr", "GetAuthorizationToken"},
             {"cognito-identity", "GetCredentialsForIdentity"},
             {"eks-auth", "AssumeRoleForPodIdentity"},
             {"ssm", "StartSession"},
             {"athena", "GetSessionEndpoint"},
             {"artifact", "GetReport"},
             {"connect", "CreateParticipant"},
             {"bedrock-agent-runtime", "GetDocumentContent"}}) {
        EXPECT_TRUE(operation(service, name).returns_credentials()) << service << name;
    }
}

// Each API reference calls it a presigned URL; no member is named so.
TEST(Catalogue, the_models_own_words_say_what_answers_with_signed_urls) {
    for (const auto& [service, name] : std::vector<std::pair<std::string, std::string>>{
             {"amplify", "GetArtifactUrl"},
             {"codeguru-security", "CreateUploadUrl"},
             {"devicefarm", "ListUploads"},
             {"elasticbeanstalk", "RetrieveEnvironmentInfo"},
             {"imagebuilder", "GetMarketplaceResource"},
             {"invoicing", "GetInvoicePDF"},
             {"lex-models", "GetExport"},
             {"mailmanager", "GetArchiveMessage"},
             {"sesv2", "GetExportJob"},
             {"snowball", "GetJobManifest"},
             {"translate", "GetTerminology"}}) {
        EXPECT_TRUE(operation(service, name).returns_credentials()) << service << name;
    }
    for (const char* name : {"GetFunction", "GetLayerVersion", "PublishLayerVersion"}) {
        const Operation delivered = operation("lambda", name);
        EXPECT_FALSE(delivered.returns_credentials()) << name;
        EXPECT_FALSE(delivered.secret_outputs().empty()) << name;
    }
    EXPECT_FALSE(operation("ssm", "GetAutomationExecution").returns_credentials());
    EXPECT_FALSE(operation("transcribe", "GetTranscriptionJob").returns_credentials());
}

// IAM calls each of these "Write" (Service Authorization Reference).
TEST(Catalogue, what_makes_or_changes_a_principal_a_trust_a_policy_or_sharing_is_a_grant) {
    for (const auto& [service, name] : std::vector<std::pair<std::string, std::string>>{
             {"iam", "CreateUser"},
             {"iam", "CreateRole"},
             {"iam", "CreateInstanceProfile"},
             {"iam", "AddRoleToInstanceProfile"},
             {"iam", "AddUserToGroup"},
             {"iam", "UpdateLoginProfile"},
             {"iam", "CreateServiceLinkedRole"},
             {"iam", "CreateOpenIDConnectProvider"},
             {"iam", "TagRole"},
             {"organizations", "CreateAccount"},
             {"sso-admin", "CreateAccountAssignment"},
             {"identitystore", "CreateGroupMembership"},
             {"ram", "CreateResourceShare"},
             {"rolesanywhere", "CreateTrustAnchor"},
             {"eks", "CreateAccessEntry"},
             {"kms", "CreateKey"},
             {"kinesis", "PutResourcePolicy"},
             {"opensearchserverless", "CreateAccessPolicy"},
             {"elasticache", "CreateUser"},
             {"transfer", "ImportSshPublicKey"},
             {"redshift", "AssociateDataShareConsumer"},
             {"guardduty", "InviteMembers"},
             {"iot", "UpdateCertificate"},
             {"lambda", "UpdateFunctionUrlConfig"}}) {
        EXPECT_EQ(operation(service, name).effect(), model::EffectClass::grant) << service << name;
    }
}

TEST(Catalogue, policies_of_other_things_and_data_stay_writes) {
    for (const auto& [service, name] :
         std::vector<std::pair<std::string, std::string>>{{"s3", "PutObject"},
                                                          {"sqs", "SendMessage"},
                                                          {"logs", "PutRetentionPolicy"},
                                                          {"ecr", "PutLifecyclePolicy"},
                                                          {"autoscaling", "PutScalingPolicy"},
                                                          {"elb", "CreateLoadBalancerPolicy"},
                                                          {"ec2", "AuthorizeSecurityGroupIngress"},
                                                          {"secretsmanager", "PutSecretValue"},
                                                          {"kms", "DeriveSharedSecret"},
                                                          {"dynamodb", "CreateTable"}}) {
        EXPECT_EQ(operation(service, name).effect(), model::EffectClass::write) << service << name;
    }
}

TEST(Catalogue, condition_keys_have_their_parameters) {
    EXPECT_THAT(conditions("s3", "ListObjectsV2"),
                testing::IsSupersetOf(
                    {"s3:prefix=Prefix", "s3:max-keys=MaxKeys", "s3:delimiter=Delimiter"}));
    EXPECT_THAT(conditions("ec2", "RunInstances"),
                testing::IsSupersetOf({"ec2:InstanceType=InstanceType",
                                       "aws:RequestTag/=TagSpecifications[].Tags[]"}));
    EXPECT_THAT(conditions("dynamodb", "UntagResource"), Contains("aws:TagKeys=TagKeys[]"));
}

TEST(Catalogue, secrets_have_paths) {
    const Operation get = operation("secretsmanager", "GetSecretValue");
    EXPECT_THAT(get.secret_outputs(), SizeIs(2));
    EXPECT_EQ(operation("ssm", "PutParameter").secret_inputs()[0].text(), "Value");
}

std::vector<std::string> texts(Range<Text> range) {
    std::vector<std::string> all;
    for (const Text each : range) all.emplace_back(each.text());
    return all;
}

TEST(Catalogue, a_secret_s_name_makes_it_one_wherever_it_stands) {
    EXPECT_THAT(texts(operation("dms", "CreateEndpoint").secret_inputs()),
                testing::IsSupersetOf(
                    {"Password", "MongoDbSettings.Password", "KafkaSettings.SaslPassword"}));
    EXPECT_THAT(texts(operation("elbv2", "CreateListener").secret_inputs()),
                ElementsAre("DefaultActions[].AuthenticateOidcConfig.ClientSecret"));
    EXPECT_THAT(texts(operation("ec2", "DescribeVpnConnections").secret_outputs()),
                Contains("vpnConnectionSet[].options.tunnelOptionSet[].preSharedKey"));
    EXPECT_THAT(texts(operation("amplify", "ListApps").secret_outputs()),
                Contains("apps[].basicAuthCredentials"));
    EXPECT_THAT(operation("rds", "DescribeDBInstances").secret_outputs(), SizeIs(0));
    EXPECT_THAT(operation("apigateway", "UpdateApiKey").secret_inputs(), SizeIs(0));
    EXPECT_THAT(operation("cognito-idp", "UpdateUserPoolClient").secret_outputs(), SizeIs(1));
}

TEST(Catalogue, endpoints_come_from_partition_and_region) {
    const Catalogue& catalogue = Catalogue::embedded();
    const auto host = [&](std::string_view id, std::string_view partition,
                          std::string_view region) {
        const auto found = catalogue.endpoint(*catalogue.service(id), partition, region);
        return found ? found.value().host + " " + found.value().signing_region
                     : std::string(name_of(found.error().code));
    };
    EXPECT_EQ(host("dynamodb", "aws", "eu-west-1"), "dynamodb.eu-west-1.amazonaws.com eu-west-1");
    EXPECT_EQ(host("s3", "aws", "us-east-1"), "s3.us-east-1.amazonaws.com us-east-1");
    EXPECT_EQ(host("iam", "aws", "eu-west-1"), "iam.amazonaws.com us-east-1");
    EXPECT_EQ(host("s3", "aws-cn", "cn-north-1"), "s3.cn-north-1.amazonaws.com.cn cn-north-1");
    EXPECT_EQ(host("sqs", "aws-eusc", "eusc-de-east-1"),
              "sqs.eusc-de-east-1.amazonaws.eu "
              "eusc-de-east-1");
    EXPECT_EQ(host("sqs", "aws", "cn-north-1"), "invalid");
    EXPECT_EQ(host("sqs", "aws", "us-east-1.evil.example/"), "invalid");
    EXPECT_EQ(host("sqs", "", ""), "invalid");
    EXPECT_EQ(catalogue.partition_of("us-gov-west-1"), "aws-us-gov");
    EXPECT_EQ(catalogue.partition_of("eu-west-9"), "aws");
    EXPECT_EQ(catalogue.partition_of("169.254.169.254"), "");
    EXPECT_THAT(catalogue.dns_suffixes("aws-cn"), Contains("amazonaws.com.cn"));
}

TEST(Catalogue, finds_and_suggests_actions) {
    const Catalogue& catalogue = Catalogue::embedded();
    ASSERT_TRUE(catalogue.find_action("S3:getobject"));
    EXPECT_EQ(catalogue.find_action("S3:getobject")->name(), "s3:GetObject");
    EXPECT_FALSE(catalogue.find_action("s3:HeadObject"));
    EXPECT_THAT(catalogue.suggest("s3:GetObjekt"), Contains("s3:GetObject"));
    EXPECT_THAT(catalogue.suggest("quite:SomethingElseAltogether"), SizeIs(0));
    EXPECT_THAT(catalogue.suggest(std::string(100'000, 'a')), SizeIs(0));
}

Bytes embedded_copy() {
    return {narrows_aws_catalogue_begin, narrows_aws_catalogue_end};
}

void mend_digest(Bytes& binary) {
    const auto digest = crypto::sha256(ByteView(binary).subspan(48));
    std::copy(digest.begin(), digest.end(), binary.begin() + 16);
}

TEST(CatalogueLoad, cut_and_flipped_bytes_are_refused) {
    const Bytes whole = embedded_copy();
    ASSERT_TRUE(Catalogue::load(whole));
    for (const std::size_t size : {std::size_t{0}, std::size_t{7}, std::size_t{47}, std::size_t{60},
                                   whole.size() / 2, whole.size() - 1}) {
        EXPECT_FALSE(Catalogue::load(ByteView(whole).first(size))) << size;
    }
    for (const std::size_t at : {std::size_t{0}, std::size_t{9}, std::size_t{20}, std::size_t{50},
                                 std::size_t{300}, whole.size() - 1}) {
        Bytes flipped = whole;
        flipped[at] ^= 0x40;
        EXPECT_FALSE(Catalogue::load(flipped)) << at;
    }
}

/// With the digest mended, damage must be found by the checks or do no harm.
TEST(CatalogueLoad, indices_out_of_bounds_are_refused) {
    const Bytes whole = embedded_copy();
    const ByteView directory = ByteView(whole).subspan(56);
    for (std::size_t table = 2; table < kTables; ++table) {
        const auto offset = load_le<std::uint32_t>(directory.data() + table * 12);
        Bytes damaged = whole;
        const std::size_t cell = 56 + kTables * 12 + offset;
        store_le<std::uint32_t>(damaged.data() + cell, 0x7fffffff);
        mend_digest(damaged);
        const bool is_endpoint = table == static_cast<std::size_t>(Table::endpoint);
        EXPECT_EQ(Catalogue::load(damaged).has_value(), is_endpoint) << table;
    }
    Bytes damaged = whole;
    store_le<std::uint32_t>(damaged.data() + 56 + 4, 0xffffffff);
    mend_digest(damaged);
    EXPECT_FALSE(Catalogue::load(damaged));
}

}  // namespace
}  // namespace narrows::aws
