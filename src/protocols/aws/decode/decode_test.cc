#include "protocols/aws/decode/decode.h"

#include "protocols/aws/decode/test_support.h"

namespace narrows::aws {
namespace {

using codec::List;
using codec::Map;
using codec::Value;
using testing::decode;
using testing::Fixture;
using testing::json;
using testing::request_of;

// ---- what SDKs write

/// The fixtures' timestamps are all 2026-11-23T06:20:00Z.
bool is_the_timestamp(const Value& value) {
    if (const auto* number = value.as<std::int64_t>()) return *number == 1795414800;
    if (const auto* real = value.as<double>()) return *real == 1795414800.0;
    const auto* text = value.as<std::string>();
    return text != nullptr && (*text == "2026-11-23T06:20:00Z" || *text == "1795414800" ||
                               *text == "Mon, 23 Nov 2026 06:20:00 GMT");
}

/// Equal up to what JSON cannot say: byte strings are base64 text in the fixtures, and a whole
/// number stands for a real one.
bool same(const Value& expected, const Value& actual) {
    if (expected.truth("$timestamp")) return is_the_timestamp(actual);
    if (const auto* map = expected.as<Map>()) {
        const auto* other = actual.as<Map>();
        if (other == nullptr || other->size() != map->size()) return false;
        for (const auto& [key, value] : *map) {
            const Value* twin = actual.find(key);
            if (twin == nullptr || !same(value, *twin)) return false;
        }
        return true;
    }
    if (const auto* list = expected.as<List>()) {
        const auto* other = actual.as<List>();
        if (other == nullptr || other->size() != list->size()) return false;
        for (std::size_t i = 0; i < list->size(); ++i) {
            if (!same((*list)[i], (*other)[i])) return false;
        }
        return true;
    }
    if (const auto* bytes = actual.as<Bytes>()) return expected == Value(codec::base64(*bytes));
    return expected == actual;
}

void expect_decoded(const Fixture& fixture) {
    SCOPED_TRACE(fixture.name());
    const auto service = Catalogue::embedded().service(fixture.service);
    ASSERT_TRUE(service);
    const auto request = request_of(*service, fixture.head, fixture.body, fixture.operation);
    ASSERT_TRUE(request) << request.error().what;
    EXPECT_EQ(request.value().candidate().operation.name(), fixture.operation);
    const auto actual = decode(request);
    ASSERT_TRUE(actual) << actual.error().what;
    EXPECT_TRUE(same(fixture.parameters, actual.value()))
        << codec::json_encode(fixture.parameters) << "\n"
        << codec::json_encode(actual.value());
}

TEST(Decode, reads_what_sdks_write) {
    for (const std::string& file : testing::fixture_files()) {
        testing::for_each_fixture(file, expect_decoded);
    }
}

// ---- one meaning, closed world

struct Case {
    const char* what;
    const char* service;
    const char* method;
    const char* target;
    http::Headers headers;
    const char* body;
};

const http::Headers kForm = {{"Content-Type", "application/x-www-form-urlencoded"}};
const http::Headers kPutItem = {{"X-Amz-Target", "DynamoDB_20120810.PutItem"},
                                {"Content-Type", "application/x-amz-json-1.0"}};

http::Headers with(http::Headers headers, const char* name, const char* value) {
    headers.push_back({name, value});
    return headers;
}

void expect_refused(const std::vector<Case>& cases) {
    for (const Case& each : cases) {
        const auto request =
            request_of(each.service, each.method, each.target, each.headers, each.body);
        EXPECT_FALSE(decode(request)) << each.what;
    }
}

TEST(Decode, refuses_json_that_says_two_things_or_more_than_the_model) {
    const char* good = R"({"TableName":"t","Item":{"id":{"S":"1"}}})";
    const auto accepted = decode(request_of("dynamodb", "POST", "/", kPutItem, good));
    ASSERT_TRUE(accepted) << accepted.error().what;
    EXPECT_EQ(accepted.value(), json(good));
    std::vector<Case> cases;
    for (const char* body : {
             R"({"TableName":"t","TableName":"u","Item":{}})",
             R"({"TableName":"t","tableName":"u"})",
             R"({"TableName":"t"} {})",
             R"({"TableName":"t"}x)",
             R"({"TableName":["t"]})",
             R"({"TableName":1})",
             R"({"Item":{"id":{"B":"not base64!"}}})",
             R"({"Item":{"id":{"X":"1"}}})",
             R"({"Item":[]})",
             R"([])",
             "null",
             "TableName=t",
         }) {
        cases.push_back({body, "dynamodb", "POST", "/", kPutItem, body});
    }
    expect_refused(cases);
}

TEST(Decode, refuses_headers_and_queries_that_no_protocol_of_the_request_has) {
    const char* body = R"({"TableName":"t"})";
    expect_refused({
        {"an x-amz header nobody binds", "dynamodb", "POST", "/",
         with(kPutItem, "x-amz-acl", "public-read"), body},
        {"a query key beside a JSON RPC", "dynamodb", "POST", "/?TableName=u", kPutItem, body},
        {"two targets", "dynamodb", "POST", "/",
         with(kPutItem, "x-amz-target", "DynamoDB_20120810.DeleteItem"), body},
        {"the markers of JSON and CBOR", "dynamodb", "POST", "/",
         with(kPutItem, "smithy-protocol", "rpc-v2-cbor"), body},
        {"a content coding where there is none", "dynamodb", "POST", "/",
         with(kPutItem, "Content-Encoding", "gzip"), body},
        {"a header of the kind that is sent on, twice", "dynamodb", "POST", "/",
         with(kPutItem, "content-type", "text/plain"), body},
    });
}

TEST(Decode, lets_through_what_transports_and_sdks_add) {
    http::Headers headers = kPutItem;
    for (const char* name : {"Host", "Authorization", "X-Amz-Date", "X-Amz-Security-Token",
                             "x-amz-content-sha256", "amz-sdk-invocation-id", "amz-sdk-request",
                             "User-Agent", "x-amz-user-agent", "Content-Length", "Accept-Encoding",
                             "X-Amzn-Trace-Id", "x-amzn-query-mode", "x-amz-te"}) {
        headers.push_back({name, "x"});
    }
    const auto value = decode(request_of("dynamodb", "POST", "/", headers, R"({"TableName":"t"})"));
    ASSERT_TRUE(value) << value.error().what;
}

TEST(Decode, takes_chunks_where_an_operation_has_no_content_coding) {
    const char* part = "/b/k?partNumber=1&uploadId=u";
    for (const char* coding : {"aws-chunked", "AWS-Chunked", "aws-chunked, aws-chunked"}) {
        const auto value = decode(request_of("s3", "PUT", part, {{"Content-Encoding", coding}}));
        EXPECT_TRUE(value) << coding << ": " << value.error().what;
    }
    for (const char* coding : {"gzip", "gzip,aws-chunked", "aws-chunked,gzip"}) {
        EXPECT_FALSE(decode(request_of("s3", "PUT", part, {{"Content-Encoding", coding}})))
            << coding;
    }
}

TEST(Decode, refuses_forms_that_say_two_things_or_more_than_the_model) {
    const std::string start = "Action=CreateRole&Version=2010-05-08&RoleName=r";
    EXPECT_EQ(decode(request_of("iam", "POST", "/", kForm, start + "&Tags=")).value(),
              json(R"({"RoleName":"r","Tags":[]})"));
    EXPECT_EQ(decode(request_of("iam", "GET", "/?" + start)).value(), json(R"({"RoleName":"r"})"));
    for (const char* more : {
             "&RoleName=s",
             "&Unknown=1",
             "&rolename=s",
             "&Tags.member.2.Key=a",
             "&Tags.member.01.Key=a",
             "&Tags.1.Key=a",
             "&Tags.member.1.Key=a&Tags=",
             "&Tags.member.1=a",
             "&RoleName.x=1",
             "&MaxSessionDuration=1e3",
             "&MaxSessionDuration=0x10",
             "&MaxSessionDuration=99999999999",
             "&Path=%zz",
             "&Action=DeleteRole",
             "&Version=2010-05-09",
             "&=",
             "&Path=%FF",
         }) {
        EXPECT_FALSE(decode(request_of("iam", "POST", "/", kForm, start + more))) << more;
    }
    EXPECT_FALSE(decode(request_of("iam", "POST", "/?RoleName=s", kForm, start)));
}

TEST(Decode, a_queue_s_own_path_must_be_the_queue_s) {
    const auto send = Catalogue::embedded().service("sqs")->operation("SendMessage");
    const Candidate candidate{*send, {}};
    const auto sent_to = [&](const char* path, const char* more) {
        const http::RequestHead head{"POST", path, kForm};
        const std::string form = "Action=SendMessage&Version=2012-11-05&MessageBody=x";
        const Bytes body = to_bytes(form + more);
        return decode_parameters({Protocol::query, candidate, head, body}).has_value();
    };
    const char* url = "&QueueUrl=https%3A%2F%2Fgw.example%2F123456789012%2Fjobs";
    EXPECT_TRUE(sent_to("/123456789012/jobs", url));
    EXPECT_TRUE(sent_to("/", url));
    EXPECT_FALSE(sent_to("/123456789012/other", url));
    EXPECT_FALSE(sent_to("/123456789012/jobs", ""));
}

// What botocore 1.29 writes; its model of SQS was the last to speak query.
TEST(Decode, sqs_reads_the_query_protocol_of_older_clients) {
    const char* form =
        "Action=SendMessage&Version=2012-11-05&QueueUrl=http%3A%2F%2Fh%2F123456789012%2Fq"
        "&MessageBody=x&MessageAttribute.1.Name=k&MessageAttribute.1.Value.StringValue=v"
        "&MessageAttribute.1.Value.DataType=String";
    const auto send = decode(request_of("sqs", "POST", "/", kForm, form));
    ASSERT_TRUE(send) << send.error().what;
    EXPECT_EQ(*send.value().find("MessageAttributes"),
              json(R"({"k":{"DataType":"String","StringValue":"v"}})"));
    const auto create = decode(request_of("sqs", "POST", "/", kForm,
                                          "Action=CreateQueue&Version=2012-11-05&QueueName=q"
                                          "&Attribute.1.Name=DelaySeconds&Attribute.1.Value=5"
                                          "&Tag.1.Key=a&Tag.1.Value=b"));
    ASSERT_TRUE(create) << create.error().what;
    EXPECT_EQ(create.value(),
              json(R"({"QueueName":"q","Attributes":{"DelaySeconds":"5"},"tags":{"a":"b"}})"));
    const auto get = decode(request_of("sqs", "POST", "/", kForm,
                                       "Action=GetQueueAttributes&Version=2012-11-05&QueueUrl=u"
                                       "&AttributeName.1=All"));
    ASSERT_TRUE(get) << get.error().what;
    EXPECT_EQ(*get.value().find("AttributeNames"), json(R"(["All"])"));
}

TEST(Decode, refuses_s3_requests_that_carry_more_than_the_model) {
    expect_refused({
        {"a query key nobody binds", "s3", "GET", "/b/k?versionid=1", {}, ""},
        {"a key twice", "s3", "GET", "/b/k?versionId=1&versionId=2", {}, ""},
        {"a key twice, once escaped", "s3", "GET", "/b/k?versionId=1&version%49d=2", {}, ""},
        {"a plus that may be a blank", "s3", "GET", "/b?list-type=2&prefix=a+b", {}, ""},
        {"an x-id of another operation", "s3", "GET", "/b/k?x-id=DeleteObject", {}, ""},
        {"a header nobody binds", "s3", "GET", "/b/k", {{"x-amz-fancy", "1"}}, ""},
        {"a bound header twice",
         "s3",
         "PUT",
         "/b/k",
         {{"x-amz-acl", "private"}, {"X-Amz-Acl", "public-read"}},
         ""},
        {"metadata twice", "s3", "PUT", "/b/k", {{"x-amz-meta-a", "1"}, {"X-Amz-Meta-A", "2"}}, ""},
        {"a body on a GET", "s3", "GET", "/b/k", {}, "x"},
        {"a bad escape", "s3", "GET", "/b/k%zz", {}, ""},
        {"a key that is not UTF-8", "s3", "GET", "/b/%FF", {}, ""},
        {"a number that is none", "s3", "GET", "/b?list-type=2&max-keys=5x", {}, ""},
    });
    const char* wrong_bodies[] = {
        "<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>",
        "<Delete><Object><Key>a</Key></Object><Quiet>true</Quiet><Quiet>false</Quiet></Delete>",
        "<Delete><Object><Key>a</Key><Owner>b</Owner></Object></Delete>",
        "<Remove><Object><Key>a</Key></Object></Remove>",
        "<Delete><Object><Key><b/></Key></Object></Delete>",
        "<Delete><Object key=\"b\"><Key>a</Key></Object></Delete>",
        "<Delete>a</Delete>",
        "<!DOCTYPE d><Delete/>",
        "<Delete><Object><Key>a<!-- -->b</Key></Object></Delete>",
        "<Delete><Object><Key>a<![CDATA[b]]></Key></Object></Delete>",
    };
    for (const char* body : wrong_bodies) {
        EXPECT_FALSE(decode(request_of("s3", "POST", "/b?delete", {}, body))) << body;
    }
}

TEST(Decode, keeps_s3_keys_as_they_are) {
    const auto value =
        decode(request_of("s3", "GET", "/b/a%20b/c%2Bd~%C3%A9/../x//y?x-id=GetObject"));
    ASSERT_TRUE(value) << value.error().what;
    EXPECT_EQ(value.value(), (Value(Map{{"Bucket", "b"}, {"Key", "a b/c+d~é/../x//y"}})));
}

TEST(Decode, refuses_buckets_that_are_no_names) {
    expect_refused({
        {"an encoded slash", "s3", "GET", "/other-bucket%2Fsecret.csv", {}, ""},
        {"an encoded slash before a key", "s3", "GET", "/b%2fc/k", {}, ""},
        {"an encoded question mark", "s3", "GET", "/b%3Fpolicy", {}, ""},
        {"a backslash", "s3", "PUT", "/b%5Cc", {}, ""},
        {"an escape in an escape", "s3", "GET", "/b%252Fc/k", {}, ""},
        {"an ARN", "s3", "GET", "/arn:aws:s3:::b/k", {}, ""},
    });
    EXPECT_EQ(decode(request_of("s3", "HEAD", "/My_old.bucket-1")).value(),
              (Value(Map{{"Bucket", "My_old.bucket-1"}})));
}

TEST(Decode, refuses_virtual_hosts_that_are_no_bucket) {
    const http::RequestHead head{"GET", "/", {}};
    for (const auto& [bucket, fits] : {std::pair{"secret", true}, std::pair{"secret/key", false},
                                       std::pair{"secret%2Fkey", false}}) {
        const auto found =
            recognise(Catalogue::embedded(), {head, {}, "s3", "eu-west-1", {}, bucket});
        ASSERT_TRUE(found) << bucket;
        const Incoming incoming{found.value().protocol, found.value().candidates[0], head, {}};
        EXPECT_EQ(decode_parameters(incoming).has_value(), fits) << bucket;
    }
}

TEST(Decode, a_streamed_body_stands_as_a_mark) {
    auto request = request_of("s3", "PUT", "/b/k").value();
    request.streamed = true;
    EXPECT_TRUE(takes_stream(request.candidate().operation));
    EXPECT_EQ(*decode_parameters(request.incoming()).value().find("Body"), streamed_body());
    auto document = request_of("s3", "POST", "/b?delete").value();
    document.streamed = true;
    EXPECT_FALSE(decode_parameters(document.incoming()));
}

TEST(Decode, events_stand_as_a_mark_and_are_never_a_held_body) {
    const http::Headers headers{{"x-amzn-Engine", "generative"},
                                {"x-amzn-VoiceId", "Matthew"},
                                {"x-amzn-OutputFormat", "mp3"}};
    auto request = request_of("polly", "POST", "/v1/synthesisStream", headers).value();
    EXPECT_FALSE(decode_parameters(request.incoming()));
    request.streamed = true;
    const codec::Value parameters = decode_parameters(request.incoming()).value();
    EXPECT_EQ(parameters.text("VoiceId"), "Matthew");
    EXPECT_EQ(*parameters.find("ActionStream"), streamed_body());
    EXPECT_FALSE(takes_stream(request.candidate().operation));
}

TEST(Decode, refuses_paths_that_normalising_would_change) {
    EXPECT_TRUE(decode(request_of("lambda", "GET", "/2015-03-31/functions/f/policy")));
    EXPECT_FALSE(decode(request_of("lambda", "GET", "/2015-03-31/functions/%2E%2E/policy")));
    EXPECT_FALSE(decode(request_of("lambda", "GET", "/2015-03-31/functions/../policy")));
}

TEST(Decode, refuses_paths_that_decoding_would_make_another_operation_s) {
    EXPECT_FALSE(decode(request_of("lambda", "GET", "/2015-03-31/functions/f%2Fpolicy")));
    EXPECT_FALSE(decode(request_of("lambda", "GET", "/2015-03-31/functions/f%2fversions")));
    EXPECT_TRUE(decode(request_of("iot-data", "POST", "/topics/plant%2Fhall%2F7")));
    EXPECT_TRUE(decode(
        request_of("s3tables", "GET",
                   "/namespaces/arn%3Aaws%3As3tables%3Aeu-west-1%3A123456789012%3Abucket%2Fb")));
}

TEST(Decode, rest_json_binds_only_members_of_the_body_in_the_body) {
    const char* target = "/2015-03-31/functions/f/configuration";
    EXPECT_EQ(decode(request_of("lambda", "PUT", target, {}, R"({"Timeout":3})")).value(),
              json(R"({"FunctionName":"f","Timeout":3})"));
    for (const char* body :
         {R"({"FunctionName":"g"})", R"({"Timeout":3.5})", R"({"Timeout":"3"})", "[]", "{}{}"}) {
        EXPECT_FALSE(decode(request_of("lambda", "PUT", target, {}, body))) << body;
    }
}

// ---- content coding

TEST(Decode, takes_gzip_off_within_a_bound) {
    // printf '{"a":1}' | gzip -n | xxd -p
    const Bytes zipped =
        codec::unhex("1f8b0800000000000003ab564a54b232ac0500afac1b5607000000").value();
    const http::RequestHead head{"POST", "/", {{"Content-Encoding", "gzip"}}};
    const auto plain = plain_body(head, zipped, 100);
    ASSERT_TRUE(plain) << plain.error().what;
    EXPECT_EQ(to_string(plain.value()), R"({"a":1})");
    EXPECT_EQ(plain_body(head, zipped, 27).value().size(), 7U);
    EXPECT_EQ(plain_body(head, zipped, 6).error().code, ErrorCode::exhausted);
    Bytes twice = zipped;
    append(twice, zipped);
    EXPECT_FALSE(plain_body(head, twice, 1000));
    EXPECT_FALSE(plain_body(head, ByteView(zipped).first(20), 1000));
    const http::RequestHead brotli{"POST", "/", {{"Content-Encoding", "br"}}};
    EXPECT_EQ(plain_body(brotli, zipped, 100).error().code, ErrorCode::unsupported);
    const http::RequestHead none{"POST", "/", {}};
    EXPECT_EQ(plain_body(none, zipped, 1).value(), zipped);
}

}  // namespace
}  // namespace narrows::aws
