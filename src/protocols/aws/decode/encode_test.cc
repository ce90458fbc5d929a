#include "protocols/aws/decode/encode.h"

#include "protocols/aws/decode/test_support.h"

namespace narrows::aws {
namespace {

using testing::Fixture;
using testing::Request;
using testing::request_of;

UpstreamRequest encoded(const Request& request) {
    const auto parameters = decode_parameters(request.incoming());
    EXPECT_TRUE(parameters) << parameters.error().what;
    const auto upstream = encode_request(request.incoming(), parameters.value(), "narrows/1");
    EXPECT_TRUE(upstream) << upstream.error().what;
    return upstream.value();
}

bool has(const http::Headers& headers, std::string_view name) {
    return http::count(headers, name) > 0;
}

TEST(Encode, what_is_built_reads_back_as_the_same_request) {
    for (const std::string& file : testing::fixture_files()) {
        testing::for_each_fixture(file, [](const Fixture& fixture) {
            SCOPED_TRACE(fixture.name());
            const auto service = *Catalogue::embedded().service(fixture.service);
            const auto first =
                request_of(service, fixture.head, fixture.body, fixture.operation).value();
            if (!decode_parameters(first.incoming())) return;
            const UpstreamRequest upstream = encoded(first);
            const auto again =
                request_of(service, {upstream.method, upstream.target(), upstream.headers},
                           fixture.body, fixture.operation);
            ASSERT_TRUE(again) << again.error().what;
            auto before = decode_parameters(first.incoming()).value();
            before.as<codec::Map>()->erase("ContentLength");
            EXPECT_EQ(decode_parameters(again.value().incoming()).value(), before);
        });
    }
}

TEST(Encode, s3_paths_stay_as_they_came) {
    const char* target = "/b/a%20b/c%2Bd~%C3%A9/../x//y%2Fz?x-id=GetObject&versionId=a%3Db";
    const auto upstream = encoded(request_of("s3", "GET", target).value());
    EXPECT_EQ(upstream.target(), "/b/a%20b/c%2Bd~%C3%A9/../x//y%2Fz?versionId=a%3Db");
}

TEST(Encode, a_virtual_host_s_bucket_goes_into_the_path) {
    const http::RequestHead head{"GET", "/a%20b?x-id=GetObject", {}};
    const Question question{head, {}, "s3", "eu-west-1", {}, "reports"};
    const auto found = recognise(Catalogue::embedded(), question);
    ASSERT_TRUE(found) << found.error().what;
    const Incoming request{found.value().protocol, found.value().candidates.front(), head, {}};
    const auto parameters = decode_parameters(request);
    ASSERT_TRUE(parameters) << parameters.error().what;
    EXPECT_EQ(parameters.value(), testing::json(R"({"Bucket":"reports","Key":"a b"})"));
    EXPECT_EQ(encode_request(request, parameters.value(), "").value().target(), "/reports/a%20b");
}

TEST(Encode, other_paths_and_queries_get_one_spelling) {
    const auto upstream = encoded(
        request_of("lambda", "GET", "/2017-03-31/tags/arn:aws:lambda:eu-west-1:1:function%3af")
            .value());
    EXPECT_EQ(upstream.path, "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aeu-west-1%3A1%3Afunction%3Af");
}

TEST(Encode, only_listed_headers_are_sent_on) {
    const http::Headers headers = {{"Host", "gw.example"},
                                   {"Authorization", "AWS4-HMAC-SHA256 x"},
                                   {"X-Amz-Date", "x"},
                                   {"X-Amz-Security-Token", "x"},
                                   {"X-Amz-Content-Sha256", "x"},
                                   {"X-Amz-Decoded-Content-Length", "1"},
                                   {"X-Amz-Trailer", "x-amz-checksum-crc32"},
                                   {"Connection", "x-amz-acl"},
                                   {"Transfer-Encoding", "chunked"},
                                   {"Expect", "100-continue"},
                                   {"Cookie", "a=b"},
                                   {"X-Forwarded-For", "192.0.2.1"},
                                   {"x-amz-te", "append-md5"},
                                   {"Accept-Encoding", "gzip"},
                                   {"Content-Encoding", "gzip,aws-chunked"},
                                   {"Content-Type", "text/csv"},
                                   {"x-amz-acl", "private"},
                                   {"x-amz-meta-Task", "T-1"},
                                   {"User-Agent", "sdk/1"}};
    const auto upstream = encoded(request_of("s3", "PUT", "/b/k", headers).value());
    const http::Headers expected = {
        {"content-encoding", "gzip"},    {"x-amz-acl", "private"},
        {"x-amz-meta-task", "T-1"},      {"content-type", "text/csv"},
        {"accept-encoding", "identity"}, {"user-agent", "sdk/1 narrows/1"}};
    EXPECT_EQ(upstream.headers, expected);
}

TEST(Encode, rpc_requests_carry_the_markers_of_what_was_decoded) {
    const auto json = encoded(request_of("dynamodb", "POST", "/",
                                         {{"X-Amz-Target", "DynamoDB_20120810.ListTables"},
                                          {"Content-Type", "application/x-www-form-urlencoded"}},
                                         "{}")
                                  .value());
    EXPECT_EQ(http::header(json.headers, "x-amz-target"), "DynamoDB_20120810.ListTables");
    EXPECT_EQ(http::header(json.headers, "content-type"), "application/x-amz-json-1.0");
    EXPECT_FALSE(has(json.headers, "smithy-protocol"));
    const auto form =
        encoded(request_of("sts", "GET", "/?Version=2011-06-15&Action=GetCallerIdentity").value());
    EXPECT_EQ(form.target(), "/?Version=2011-06-15&Action=GetCallerIdentity");
    EXPECT_FALSE(has(form.headers, "content-type"));
}

TEST(Encode, a_host_prefix_is_one_label_of_the_parameters) {
    const char* target = "/v20180820/accesspoint/ap";
    const auto good =
        request_of("s3control", "GET", target, {{"x-amz-account-id", "123456789012"}}).value();
    EXPECT_EQ(encoded(good).host_prefix, "123456789012.");
    for (const char* bad : {"evil.example", "a/b", "-a", "", "a@b"}) {
        const auto request =
            request_of("s3control", "GET", target, {{"x-amz-account-id", bad}}).value();
        const auto parameters = decode_parameters(request.incoming()).value();
        EXPECT_FALSE(encode_request(request.incoming(), parameters, "")) << bad;
    }
}

}  // namespace
}  // namespace narrows::aws
