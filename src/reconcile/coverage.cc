#include "reconcile/coverage.h"

#include <algorithm>
#include <array>

#include "codec/text.h"
#include "protocols/aws/catalogue/catalogue.h"

namespace narrows::reconcile {
namespace {

struct Rule {
    std::string_view service;  ///< as the catalogue calls it
    /// Separated by blanks; one that ends in '*' is a beginning of names.
    std::string_view operations;
};

constexpr std::array kData = std::to_array<Rule>({
    {"s3",
     "AbortMultipartUpload CompleteMultipartUpload CopyObject CreateMultipartUpload CreateSession "
     "DeleteObject DeleteObjectTagging DeleteObjects GetObject GetObjectAcl GetObjectAttributes "
     "GetObjectLegalHold GetObjectRetention GetObjectTagging GetObjectTorrent HeadBucket "
     "HeadObject ListMultipartUploads ListObjects ListObjectsV2 ListObjectVersions ListParts "
     "PutObject PutObjectAcl PutObjectLegalHold PutObjectRetention PutObjectTagging RenameObject "
     "RestoreObject SelectObjectContent UploadPart UploadPartCopy WriteGetObjectResponse"},
    {"dynamodb",
     "BatchExecuteStatement BatchGetItem BatchWriteItem DeleteItem ExecuteStatement "
     "ExecuteTransaction GetItem PutItem Query Scan TransactGetItems TransactWriteItems "
     "UpdateItem"},
    {"dynamodbstreams", "GetRecords GetShardIterator"},
    {"lambda", "Invoke InvokeAsync InvokeWithResponseStream"},
    {"sqs",
     "ChangeMessageVisibility* DeleteMessage* GetQueueAttributes GetQueueUrl "
     "ListDeadLetterSourceQueues ListQueueTags ListQueues ReceiveMessage SendMessage*"},
    {"sns", "Publish PublishBatch"},
    {"kinesis",
     "GetRecords GetShardIterator ListShards PutRecord PutRecords SubscribeToShard "
     "DescribeStreamSummary"},
    {"kinesis-video-media", "*"},
    {"kinesis-video-archived-media", "*"},
    {"firehose", "PutRecord PutRecordBatch"},
    {"bedrock-runtime",
     "ApplyGuardrail GetAsyncInvoke InvokeModelWithBidirectionalStream ListAsyncInvokes "
     "StartAsyncInvoke"},
    {"bedrock-agent-runtime", "*"},
    {"bedrock-agentcore", "*"},
    {"cloudwatch",
     "GetMetricData GetMetricStatistics GetMetricWidgetImage ListMetrics PutMetricData "
     "GetInsightRuleReport"},
    {"logs",
     "FilterLogEvents GetLogEvents GetLogGroupFields GetLogRecord GetQueryResults PutLogEvents "
     "StartLiveTail StartQuery"},
    {"xray",
     "BatchGetTraces GetServiceGraph GetTimeSeriesServiceStatistics GetTraceGraph "
     "GetTraceSummaries PutTelemetryRecords PutTraceSegments GetSampling*"},
    {"sagemaker-runtime", "*"},
    {"sagemaker-featurestore-runtime", "*"},
    {"sagemaker-metrics", "*"},
    {"cognito-identity",
     "GetCredentialsForIdentity GetId GetOpenIdToken GetOpenIdTokenForDeveloperIdentity "
     "UnlinkIdentity"},
    {"stepfunctions", "StartSyncExecution"},
    {"rds-data", "*"},
    {"redshift-data", "ExecuteStatement BatchExecuteStatement GetStatementResult*"},
    {"ebs", "*"},
    {"iot-data", "*"},
    {"iotsitewise", "BatchGet* BatchPutAssetPropertyValue GetAssetPropertyValue* GetInterpolated*"},
    {"appconfigdata", "*"},
    {"servicediscovery", "DiscoverInstances DiscoverInstancesRevision"},
    {"swf",
     "CountPending* CountClosed* CountOpen* PollFor* RecordActivityTaskHeartbeat Respond* "
     "SignalWorkflowExecution StartWorkflowExecution TerminateWorkflowExecution "
     "RequestCancelWorkflowExecution"},
    {"personalize-runtime", "*"},
    {"personalize-events", "*"},
    {"timestream-write", "WriteRecords"},
    {"timestream-query", "Query"},
    {"verifiedpermissions", "BatchIsAuthorized* IsAuthorized*"},
    {"qbusiness", "Chat* BatchDeleteDocument BatchPutDocument"},
    {"kendra", "Query Retrieve"},
    {"kendra-ranking", "Rescore"},
    {"cloudtrail-data", "*"},
    {"cloudfront-keyvaluestore", "*"},
    {"cloudsearchdomain", "*"},
    {"lex-runtime", "*"},
    {"lexv2-runtime", "*"},
    {"medical-imaging", "GetDICOMImport* GetImageFrame GetImageSet*"},
    {"mediastore-data", "*"},
    {"neptunedata", "*"},
    {"payment-cryptography-data", "*"},
    {"s3outposts", "*"},
    {"s3tables", "GetTableData PutTableData"},
    {"s3vectors", "GetVectors ListVectors PutVectors QueryVectors DeleteVectors"},
    {"sdb", "*"},
    {"transcribe", "StartStreamTranscription"},
    {"geo-maps", "*"},
    {"geo-places", "*"},
    {"geo-routes", "*"},
    {"location", "BatchGetDevicePosition BatchUpdateDevicePosition Calculate* GetMap* Search*"},
    {"socialmessaging", "SendWhatsAppMessage"},
    {"ses", "SendEmail SendRawEmail SendTemplatedEmail SendBulkTemplatedEmail"},
    {"sesv2", "SendEmail SendBulkEmail"},
});

constexpr std::array kNever = std::to_array<Rule>({
    {"importexport", "*"},
    {"pricing", "*"},
    {"mobileanalytics", "*"},
});

struct Name {
    std::string_view service;
    std::string_view operation;
    std::string_view event;
};

constexpr std::array kNames = std::to_array<Name>({
    {"s3", "ListObjectsV2", "ListObjects"},
    {"s3", "GetBucketLifecycleConfiguration", "GetBucketLifecycle"},
    {"s3", "PutBucketLifecycleConfiguration", "PutBucketLifecycle"},
    {"s3", "GetBucketNotificationConfiguration", "GetBucketNotification"},
    {"s3", "PutBucketNotificationConfiguration", "PutBucketNotification"},
    {"s3", "GetPublicAccessBlock", "GetBucketPublicAccessBlock"},
    {"s3", "PutPublicAccessBlock", "PutBucketPublicAccessBlock"},
    {"s3", "DeletePublicAccessBlock", "DeleteBucketPublicAccessBlock"},
    {"s3", "GetObjectLockConfiguration", "GetBucketObjectLockConfiguration"},
    {"s3", "PutObjectLockConfiguration", "PutBucketObjectLockConfiguration"},
    {"s3", "GetObjectLegalHold", "GetObjectLockLegalHold"},
    {"s3", "PutObjectLegalHold", "PutObjectLockLegalHold"},
    {"s3", "GetObjectRetention", "GetObjectLockRetention"},
    {"s3", "PutObjectRetention", "PutObjectLockRetention"},
    {"s3control", "GetPublicAccessBlock", "GetAccountPublicAccessBlock"},
    {"s3control", "PutPublicAccessBlock", "PutAccountPublicAccessBlock"},
    {"s3control", "DeletePublicAccessBlock", "DeleteAccountPublicAccessBlock"},
});

/// Whether records mean that service: they have IAM's prefix, which several may share.
bool is_service_of(std::string_view service, std::string_view prefix, std::string_view operation) {
    const auto found = aws::Catalogue::embedded().service(service);
    if (!found) {
        return service == prefix;
    }
    const std::string_view own = found->iam_prefix().empty() ? found->id() : found->iam_prefix();
    return own == prefix && found->operation(operation).has_value();
}

template <std::size_t n>
bool lists(const std::array<Rule, n>& rules, std::string_view service, std::string_view operation) {
    return std::any_of(rules.begin(), rules.end(), [&](const Rule& rule) {
        const auto names = codec::split(rule.operations, ' ');
        return std::any_of(names.begin(), names.end(),
                           [&](std::string_view name) {
                               return name.ends_with('*')
                                          ? operation.starts_with(name.substr(0, name.size() - 1))
                                          : operation == name;
                           }) &&
               is_service_of(rule.service, service, operation);
    });
}

}  // namespace

Logged logged_as(std::string_view service, std::string_view operation) {
    if (lists(kNever, service, operation)) {
        return Logged::never;
    }
    return lists(kData, service, operation) ? Logged::data : Logged::management;
}

Result<Covers> Covers::parse(const std::vector<std::string>& words) {
    Covers covers;
    covers.management_ = words.empty();
    for (const std::string& word : words) {
        if (word == "management") {
            covers.management_ = true;
        } else if (word == "data") {
            covers.data_ = true;
        } else if (word.starts_with("data-") && word.size() > 5) {
            covers.services_.insert(word.substr(5));
        } else {
            return fail(ErrorCode::invalid,
                        "--covers takes management, data or data-SERVICE "
                        "(data-s3, data-dynamodb, data-lambda, ...)");
        }
    }
    return covers;
}

bool Covers::has(Logged logged, const std::string& service) const {
    return logged == Logged::management
               ? management_
               : logged == Logged::data && (data_ || services_.contains(service));
}

bool is_name_of(std::string_view event, std::string_view service, std::string_view operation) {
    const std::string_view plain = plain_event_name(event);
    return event == operation || plain == operation ||
           std::any_of(kNames.begin(), kNames.end(), [&](const Name& name) {
               return name.operation == operation && name.event == event &&
                      is_service_of(name.service, service, operation);
           });
}

std::string_view plain_event_name(std::string_view event) {
    const std::string_view whole = event;
    const std::size_t version = event.rfind('v');
    if (version != event.npos && version + 1 < event.size() &&
        event.find_first_not_of("0123456789", version + 1) == event.npos) {
        event = event.substr(0, version);
    }
    const std::size_t end = event.find_last_not_of("0123456789_");
    const std::size_t tail = end == event.npos ? 0 : event.size() - end - 1;
    const bool is_dated = tail >= 8 && event.substr(end + 1).starts_with("20");
    return is_dated ? event.substr(0, end + 1) : whole;
}

}  // namespace narrows::reconcile
