#include "reconcile/reconcile.h"

#include <gtest/gtest.h>

#include "base/rfc3339.h"
#include "codec/text.h"
#include "reconcile/compare.h"
#include "reconcile/events.h"
#include "reconcile/inflate.h"
#include "reconcile/names.h"
#include "reconcile/proof.h"
#include "reconcile/state.h"

namespace narrows::reconcile {
namespace {

constexpr WallNs at(std::int64_t seconds) {
    return seconds * kNsPerSecond;
}

TEST(Names, logs_and_digests) {
    // The names that AWS's pages give as examples.
    const auto log = parse_file_name(
        "bucket/prefix/AWSLogs/111122223333/CloudTrail/us-east-2/2015/08/17/"
        "111122223333_CloudTrail_us-east-2_20150817T1435Z_AbCdEfGhIjKlMnOp.json.gz");
    ASSERT_TRUE(log);
    EXPECT_EQ(log->kind, FileKind::log);
    EXPECT_EQ(log->account, "111122223333");
    EXPECT_EQ(log->region, "us-east-2");
    EXPECT_EQ(log->time, at(1439822100));
    EXPECT_TRUE(log->key.starts_with("AWSLogs/111122223333/"));

    const std::string folder =
        "AWSLogs/o-exampleorgid/111122223333/CloudTrail-Digest/us-east-2/2015/08/17/";
    const std::string name =
        "111122223333_CloudTrail-Digest_us-east-2_your_trail_us-east-2_20150817T150131Z";
    const auto digest = parse_file_name(folder + name + ".json.gz");
    const auto backfill = parse_file_name(folder + name + "_backfill.json.gz");
    ASSERT_TRUE(digest && backfill);
    EXPECT_EQ(digest->kind, FileKind::digest);
    EXPECT_EQ(digest->time, at(1439823691));
    EXPECT_NE(digest->chain, backfill->chain);
    EXPECT_EQ(digest->time, backfill->time);
}

TEST(Names, everything_else_is_neither) {
    for (const char* path :
         {"", "AWSLogs", "x.json.gz",
          "AWSLogs/111122223333/CloudTrail-Insight/us-east-2/2015/08/17/"
          "111122223333_CloudTrail-Insight_us-east-2_20150817T1435Z_AbCd.json.gz",
          "AWSLogs/111122223333/CloudTrail/us-east-2/2015/08/17/"
          "111122223333_CloudTrail_us-east-2_20150817T14Z_AbCd.json.gz",
          "AWSLogs/111122223333/CloudTrail/us-east-2/2015/08/17/"
          "111122223333_CloudTrail_us-east-2_20151317T1435Z_AbCd.json.gz",
          "AWSLogs/111122223333/CloudTrail-Digest/us-east-2/2015/08/17/d.json.gz"}) {
        EXPECT_FALSE(parse_file_name(path)) << path;
    }
}

TEST(Names, times) {
    EXPECT_EQ(parse_rfc3339("2015-08-17T15:01:31Z"), at(1439823691));
    EXPECT_EQ(parse_rfc3339("2015-08-17T15:01:31.250Z"), at(1439823691));
    for (const char* wrong :
         {"", "2015-08-17", "2015-02-30T00:00:00Z", "2015-08-17T25:01:31Z", "2015-08-17T15:01:31",
          "2015-08-17T15:01:31.Z", "-015-08-17T15:01:31Z"}) {
        EXPECT_FALSE(parse_rfc3339(wrong)) << wrong;
    }
}

std::vector<std::string> cut(std::string_view text, std::size_t size, bool* whole) {
    std::vector<std::string> events;
    EventSplitter splitter([&](std::string_view event) -> Result<void> {
        events.emplace_back(event);
        return ok();
    });
    Result<void> fed = ok();
    for (std::size_t i = 0; i < text.size() && fed.has_value(); i += size) {
        fed = splitter.feed(text.substr(i, size));
    }
    *whole = fed.has_value() && splitter.finish().has_value();
    return events;
}

TEST(Events, are_cut_out_of_a_log_however_it_comes) {
    const std::string text = " { \"Records\" : [ {\"a\":\"}]\\\"\"} ,{\"b\":[{}]}\n] } ";
    for (std::size_t size = 1; size <= text.size(); ++size) {
        bool whole = false;
        const auto events = cut(text, size, &whole);
        EXPECT_TRUE(whole);
        EXPECT_EQ(events, (std::vector<std::string>{"{\"a\":\"}]\\\"\"}", "{\"b\":[{}]}"}));
    }
    bool whole = false;
    EXPECT_TRUE(cut("{\"Records\":[]}", 4, &whole).empty());
    EXPECT_TRUE(whole);
}

TEST(Events, of_what_is_no_log_are_refused) {
    for (const char* text :
         {"", "{}", "[]", "{\"records\":[]}", "{\"Rec ords\":[]}", "{\"Records\":[1]}",
          "{\"Records\":[{},]}", "{\"Records\":[{}{}]}", "{\"Records\":[{}]",
          "{\"Records\":[{}],\"x\":1}", "{\"Records\":[{}]}x", "{\"Records\":[{\"a\":\"}]}"}) {
        bool whole = true;
        cut(text, 5, &whole);
        EXPECT_FALSE(whole) << text;
    }
    std::string large = "{\"Records\":[{\"a\":\"";
    large.append(EventSplitter::kEventBytesMax, 'x').append("\"}]}");
    bool whole = true;
    cut(large, 4096, &whole);
    EXPECT_FALSE(whole);
}

TEST(Events, say_who_called) {
    const auto event = read_event(
        R"({"eventVersion":"1.11","userIdentity":{"type":"AssumedRole","principalId":"AROA:me",
            "arn":"arn:aws:sts::123456789012:assumed-role/agents/me","accountId":"123456789012",
            "accessKeyId":"ASIAX","invokedBy":"lambda.amazonaws.com","sessionContext":{"sessionIssuer":
            {"type":"Role","arn":"arn:aws:iam::123456789012:role/team/agents"},"sourceIdentity":"ada"}},
            "eventTime":"2015-08-17T15:01:31Z","eventSource":"sts.amazonaws.com","eventName":"AssumeRole",
            "awsRegion":"us-east-1","requestParameters":{"roleArn":"arn:aws:iam::123456789012:role/team/x"},
            "requestID":"r","eventID":"e","sharedEventID":"s","eventCategory":"Data","recipientAccountId":"1",
            "errorCode":"AccessDenied","addendum":{}})");
    ASSERT_TRUE(event.has_value()) << event.error().what;
    const Event& found = event.value();
    EXPECT_EQ(found.principal, "123456789012:role/agents");
    EXPECT_EQ(found.session_name, "me");
    EXPECT_EQ(found.source_identity, "ada");
    EXPECT_EQ(found.key_id, "ASIAX");
    EXPECT_EQ(found.invoked_by, "lambda.amazonaws.com");
    EXPECT_EQ(found.assumed, "123456789012:role/x");
    EXPECT_EQ(found.time, at(1439823691));
    EXPECT_EQ(found.error, "AccessDenied");
    EXPECT_EQ(found.shared_id, "s");
    EXPECT_TRUE(found.is_data);
    EXPECT_FALSE(read_event("{\"eventID\":\"e\"}").has_value());
    EXPECT_FALSE(read_event("{\"eventID\":\"e\",\"eventID\":\"f\"}").has_value());
}

TEST(Events, principals) {
    EXPECT_EQ(principal_of("arn:aws:iam::1:role/a/b/name"), "1:role/name");
    EXPECT_EQ(principal_of("arn:aws-cn:sts::1:assumed-role/name/session"), "1:role/name");
    EXPECT_EQ(principal_of("arn:aws:iam::1:user/path/name"), "1:user/name");
    for (const char* other :
         {"", "arn:aws:iam::1:root", "arn:aws:s3:::b/k", "arn:aws:sts::1:federated-user/x"}) {
        EXPECT_EQ(principal_of(other), "") << other;
    }
}

RecordedCall call(codec::Value parameters = nullptr) {
    return {"s3", "GetObject", "1", "us-east-1", "ASIAX", 200, std::move(parameters)};
}

Event event_of(codec::Value parameters = nullptr) {
    Event event;
    event.source = "s3.amazonaws.com";
    event.name = "GetObject";
    event.account = "1";
    event.region = "us-east-1";
    event.key_id = "ASIAX";
    event.parameters = std::move(parameters);
    return event;
}

std::vector<std::string> fields(const std::vector<Difference>& differences) {
    std::vector<std::string> out;
    for (const Difference& each : differences) {
        out.push_back(each.field);
    }
    return out;
}

TEST(Compare, what_is_the_same_differs_in_nothing) {
    const codec::Map recorded{{"Bucket", "b"}, {"Key", "a/b c"}, {"MaxKeys", 5}, {"Fetch", true}};
    const codec::Map logged{{"bucketName", "b"},
                            {"key", "a/b%20c"},
                            {"maxKeys", "5"},
                            {"fetch", true},
                            {"Host", "b.s3.amazonaws.com"}};
    EXPECT_TRUE(compare(call(recorded), event_of(logged)).empty());
    EXPECT_TRUE(compare(call(), event_of(logged)).empty())
        << "parameters that were too large to keep";
    EXPECT_TRUE(compare(call(recorded), event_of()).empty()) << "omitted by CloudTrail";
}

TEST(Compare, each_part_that_differs_is_named) {
    Event event = event_of(
        codec::Map{{"bucketName", "other"}, {"tags", codec::List{codec::Map{{"key", "y"}}}}});
    event.account = "2";
    event.region = "eu-west-1";
    event.key_id = "ASIAY";
    event.error = "AccessDenied";
    const codec::Map recorded{{"Bucket", "b"}, {"Tags", codec::List{codec::Map{{"Key", "x"}}}}};
    EXPECT_EQ(fields(compare(call(recorded), event)),
              (std::vector<std::string>{"account", "region", "key", "outcome",
                                        "parameters.bucketName", "parameters.tags[0].key"}));
    RecordedCall refused = call();
    refused.status = 403;
    EXPECT_EQ(fields(compare(refused, event_of())), std::vector<std::string>{"outcome"});
    refused.status = 304;
    EXPECT_TRUE(compare(refused, event_of()).empty()) << "neither a yes nor a no";
    event = event_of();
    event.name = "DeleteObject";
    EXPECT_EQ(fields(compare(call(), event)), std::vector<std::string>{"operation"});
    event.name = "GetObject";
    event.source = "kms.amazonaws.com";
    EXPECT_TRUE(compare(call(), event).empty())
        << "no operation of kms: the source has another name there";
}

TEST(Compare, values_that_cloudtrail_hides_or_cuts_are_passed_over) {
    const codec::Map recorded{
        {"A", "secret"}, {"B", "a long text"}, {"StartTime", "1"}, {"C", codec::Map{{"S", "x"}}}};
    const codec::Map logged{{"a", "HIDDEN_DUE_TO_SECURITY_REASONS"},
                            {"b", "a lon..."},
                            {"startTime", "Jan 1, 1970"},
                            {"c", "x"},
                            {"d", "z"}};
    EXPECT_TRUE(compare(call(recorded), event_of(logged)).empty());
}

TEST(Coverage, names_and_kinds) {
    EXPECT_EQ(logged_as("s3", "GetObject"), Logged::data);
    EXPECT_EQ(logged_as("s3", "CreateBucket"), Logged::management);
    EXPECT_EQ(logged_as("sqs", "SendMessageBatch"), Logged::data);
    EXPECT_EQ(logged_as("pricing", "GetProducts"), Logged::never);
    // Records have IAM's prefix, which several services share.
    EXPECT_EQ(logged_as("sagemaker", "InvokeEndpoint"), Logged::data);
    EXPECT_EQ(logged_as("sagemaker", "CreateModel"), Logged::management);
    EXPECT_EQ(logged_as("bedrock", "InvokeModelWithBidirectionalStream"), Logged::data);
    EXPECT_EQ(logged_as("bedrock", "InvokeModel"), Logged::management);
    EXPECT_EQ(logged_as("dynamodb", "GetShardIterator"), Logged::data);
    EXPECT_EQ(logged_as("states", "StartSyncExecution"), Logged::data);
    EXPECT_TRUE(is_name_of("ListObjects", "s3", "ListObjectsV2"));
    EXPECT_TRUE(is_name_of("GetAccountPublicAccessBlock", "s3", "GetPublicAccessBlock"));
    EXPECT_TRUE(is_name_of("GetBucketPublicAccessBlock", "s3", "GetPublicAccessBlock"));
    EXPECT_FALSE(is_name_of("ListObjects", "s3", "ListBuckets"));
    EXPECT_TRUE(is_name_of("UpdateFunctionConfiguration20150331v2", "lambda",
                           "UpdateFunctionConfiguration"));
    EXPECT_EQ(plain_event_name("CreateFunction20150331"), "CreateFunction");
    EXPECT_EQ(plain_event_name("UpdateFunctionConfiguration20150331v2"),
              "UpdateFunctionConfiguration");
    EXPECT_EQ(plain_event_name("CreateDistribution2020_05_31"), "CreateDistribution");
    EXPECT_EQ(plain_event_name("ListObjectsV2"), "ListObjectsV2");
    EXPECT_EQ(plain_event_name("v2"), "v2");

    const Covers standard = Covers::parse({}).value();
    EXPECT_TRUE(standard.has(Logged::management, "iam"));
    EXPECT_FALSE(standard.has(Logged::data, "s3"));
    const Covers objects = Covers::parse({"data-s3"}).value();
    EXPECT_TRUE(objects.has(Logged::data, "s3"));
    EXPECT_FALSE(objects.has(Logged::data, "lambda"));
    EXPECT_FALSE(objects.has(Logged::management, "iam"));
    EXPECT_FALSE(Covers::parse({"data", "management"}).value().has(Logged::never, "pricing"));
    EXPECT_FALSE(Covers::parse({"everything"}).has_value());
}

TEST(Digests, hang_together) {
    const Link first{"a", "chain", "", "", "hash", "packed"};
    EXPECT_FALSE(broken_link({}, first));
    EXPECT_FALSE(broken_link(first, {"b", "chain", "a", "hash", "", ""}));
    EXPECT_FALSE(broken_link(first, {"b", "chain", "a", "packed", "", ""}));
    EXPECT_FALSE(broken_link(first, {"b", "another chain", "x", "y", "", ""}));
    EXPECT_STREQ(broken_link(first, {"b", "chain", "a", "other", "", ""})->kind, "digest");
    const auto gap = broken_link(first, {"c", "chain", "b", "hash", "", ""});
    EXPECT_STREQ(gap->kind, "digest-missing");
    EXPECT_EQ(gap->file, "b");
    EXPECT_EQ(broken_link(first, {"c", "chain", "", "", "", ""})->file, "c");
}

TEST(Inflate, refuses_what_is_no_whole_member) {
    // gzip.compress(b"narrows" * 3, mtime=0) of Python.
    const Bytes packed =
        codec::unhex("1f8b0800000000000203cb4b2c2aca2f2fce43a100cb948f2715000000").value();
    const auto unpack = [](ByteView bytes, std::uint64_t most) {
        std::string out;
        Inflater inflater(most, [&](ByteView piece) -> Result<void> {
            out += as_text(piece);
            return ok();
        });
        const Result<void> fed = inflater.feed(bytes);
        return fed.has_value() && inflater.finish().has_value() ? out : std::string("refused");
    };
    EXPECT_EQ(unpack(packed, 21), "narrowsnarrowsnarrows");
    EXPECT_EQ(unpack(packed, 20), "refused");
    EXPECT_EQ(unpack(ByteView(packed).first(packed.size() - 1), 21), "refused");
    Bytes longer = packed;
    longer.push_back(0);
    EXPECT_EQ(unpack(longer, 21), "refused");
    EXPECT_EQ(unpack({}, 21), "refused");
}

TEST(State, one_run_at_a_time) {
    const std::string path = testing::TempDir() + "/reconcile_state_test.sqlite";
    std::remove(path.c_str());
    {
        const Result<Database> first = Database::open(path);
        ASSERT_TRUE(first.has_value()) << first.error().what;
        const Result<Database> second = Database::open(path);
        ASSERT_FALSE(second.has_value());
        EXPECT_EQ(second.error().code, ErrorCode::conflict);
    }
    EXPECT_TRUE(Database::open(path).has_value());
    std::remove(path.c_str());
}

}  // namespace
}  // namespace narrows::reconcile
