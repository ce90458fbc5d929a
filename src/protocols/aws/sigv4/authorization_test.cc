#include "protocols/aws/sigv4/authorization.h"

#include <gtest/gtest.h>

namespace narrows::sigv4 {
namespace {

const Bytes kDigestKey = to_bytes("a key for digests");
constexpr const char* kSignature =
    "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";

http::RequestHead request(std::string authorization) {
    return {"GET",
            "/",
            {{"Host", "example.amazonaws.com"},
             {"X-Amz-Date", "20150830T123600Z"},
             {"Authorization", std::move(authorization)}}};
}

std::string authorization(std::string_view credential, std::string_view headers,
                          std::string_view separator = ", ") {
    return std::string("AWS4-HMAC-SHA256 Credential=")
        .append(credential)
        .append(separator)
        .append("SignedHeaders=")
        .append(headers)
        .append(separator)
        .append("Signature=")
        .append(kSignature);
}

constexpr std::string_view kCredential = "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request";

TEST(Authorization, reads_every_part_with_and_without_blanks) {
    for (const std::string_view separator : {", ", ",", " , ", ",  "}) {
        const auto got =
            read_authorization(request(authorization(kCredential, "host;x-amz-date", separator)));
        ASSERT_TRUE(got) << got.error().what;
        EXPECT_EQ(got.value().key_id, "AKIDEXAMPLE");
        EXPECT_EQ(got.value().scope, (CredentialScope{"20150830", "us-east-1", "service"}));
        EXPECT_EQ(got.value().signed_headers, (std::vector<std::string>{"host", "x-amz-date"}));
        EXPECT_EQ(got.value().signature, kSignature);
        EXPECT_EQ(got.value().time, 1440938160 * kNsPerSecond);
        EXPECT_EQ(got.value().date, "20150830T123600Z");
    }
}

TEST(Authorization, refuses_what_is_not_in_form) {
    const std::string good = authorization(kCredential, "host;x-amz-date");
    const std::vector<std::string> bad = {
        "",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 ",
        "aws4-hmac-sha256" + good.substr(16),
        good + ",",
        good + ", Signature=" + kSignature,
        good + ", Extra=1",
        good.substr(0, good.size() - 1),
        good.substr(0, good.size() - 1) + "G",
        authorization("AKIDEXAMPLE/20150830/us-east-1/service", "host;x-amz-date"),
        authorization("AKIDEXAMPLE/20150830/us-east-1/service/aws4", "host;x-amz-date"),
        authorization("AKID EXAMPLE/20150830/us-east-1/service/aws4_request", "host;x-amz-date"),
        authorization("/20150830/us-east-1/service/aws4_request", "host;x-amz-date"),
        authorization("AKIDEXAMPLE/20150831/us-east-1/service/aws4_request", "host;x-amz-date"),
        authorization("AKIDEXAMPLE/2015083x/us-east-1/service/aws4_request", "host;x-amz-date"),
        authorization("AKIDEXAMPLE/20150830//service/aws4_request", "host;x-amz-date"),
        authorization(kCredential, "x-amz-date"),
        authorization(kCredential, "host"),
        authorization(kCredential, "x-amz-date;host"),
        authorization(kCredential, "host;host;x-amz-date"),
        authorization(kCredential, "Host;x-amz-date"),
        authorization(kCredential, "host;;x-amz-date"),
        authorization(kCredential, "absent;host;x-amz-date"),
        authorization(kCredential, ""),
    };
    for (const std::string& text : bad) {
        const auto got = read_authorization(request(text));
        ASSERT_FALSE(got) << text;
        EXPECT_EQ(got.error().code, ErrorCode::invalid) << text;
    }
}

TEST(Authorization, every_amz_header_must_be_signed_and_sdk_headers_need_not) {
    auto head = request(authorization(kCredential, "host;x-amz-date"));
    head.headers.push_back({"amz-sdk-request", "attempt=1"});
    EXPECT_TRUE(read_authorization(head));
    head.headers.push_back({"X-Amz-Copy-Source", "/bucket/key"});
    EXPECT_FALSE(read_authorization(head));
}

TEST(Authorization, singletons_given_twice_are_refused) {
    for (const char* name : {"Host", "x-amz-date", "authorization", "X-AMZ-Content-SHA256",
                             "x-amz-security-token", "Date"}) {
        auto head = request(authorization(kCredential, "host;x-amz-date"));
        head.headers.push_back({name, "x"});
        head.headers.push_back({name, "x"});
        EXPECT_FALSE(read_authorization(head)) << name;
    }
}

TEST(Authorization, date_header_counts_when_there_is_no_amz_date) {
    auto head = request(authorization(kCredential, "date;host"));
    http::remove(head.headers, "x-amz-date");
    EXPECT_FALSE(read_authorization(head));
    http::set(head.headers, "Date", "Sun, 30 Aug 2015 12:36:00 GMT");
    const auto got = read_authorization(head);
    ASSERT_TRUE(got) << got.error().what;
    EXPECT_EQ(got.value().date, "20150830T123600Z");
    for (const char* bad : {"Mon, 30 Aug 2015 12:36:00 GMT", "Sun, 30 aug 2015 12:36:00 GMT",
                            "Sun, 30 Aug 2015 12:36:00 CET", "Sun, 31 Feb 2015 12:36:00 GMT"}) {
        http::set(head.headers, "Date", bad);
        EXPECT_FALSE(read_authorization(head)) << bad;
    }
}

TEST(Authorization, iso_basic_dates) {
    EXPECT_EQ(parse_iso_basic("19700101T000000Z"), 0);
    EXPECT_EQ(parse_iso_basic("20240229T235959Z"), 1709251199 * kNsPerSecond);
    for (const char* bad :
         {"", "20230229T000000Z", "20231301T000000Z", "20230101T240000Z", "20230101T006000Z",
          "20230101T000060Z", "20230101 000000Z", "20230101T000000", "2023-101T000000Z",
          "99990101T000000Z", "00000101T000000Z", "+0230101T000000Z"}) {
        EXPECT_FALSE(parse_iso_basic(bad)) << bad;
    }
}

TEST(Classify, tells_the_schemes_apart) {
    const auto scheme = [](std::string_view target, std::vector<std::string> authorizations) {
        http::RequestHead head{"GET", std::string(target), {}};
        for (auto& value : authorizations) head.headers.push_back({"authorization", value});
        return classify(head, kDigestKey).scheme;
    };
    EXPECT_EQ(scheme("/", {}), Scheme::none);
    EXPECT_EQ(scheme("/?x-id=GetObject", {"AWS4-HMAC-SHA256 x"}), Scheme::sigv4_header);
    EXPECT_EQ(scheme("/", {"AWS AKIDEXAMPLE:frJIUN8DYpKDtOLCwo=="}), Scheme::sigv2_header);
    EXPECT_EQ(scheme("/", {"AWS4-ECDSA-P256-SHA256 x"}), Scheme::sigv4a_header);
    EXPECT_EQ(scheme("/", {"Bearer abc"}), Scheme::bearer);
    EXPECT_EQ(scheme("/", {"Basic abc"}), Scheme::other);
    EXPECT_EQ(scheme("/", {""}), Scheme::other);
    EXPECT_EQ(scheme("/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=1", {}),
              Scheme::sigv4_query);
    EXPECT_EQ(scheme("/?x-amz-%73ignature=1", {}), Scheme::sigv4_query);
    EXPECT_EQ(scheme("/?X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256", {}), Scheme::sigv4a_query);
    EXPECT_EQ(scheme("/?AWSAccessKeyId=AKIDEXAMPLE&Signature=1&Expires=2", {}),
              Scheme::sigv2_query);
    EXPECT_EQ(scheme("/?AWSAccessKeyId=A&X-Amz-Signature=1", {}), Scheme::several);
    EXPECT_EQ(scheme("/?X-Amz-Signature=1", {"AWS4-HMAC-SHA256 x"}), Scheme::several);
    EXPECT_EQ(scheme("/", {"Bearer a", "Bearer a"}), Scheme::several);
}

TEST(Classify, names_the_key_and_never_the_secret_parts) {
    auto head = request(authorization(kCredential, "host;x-amz-date"));
    head.headers.push_back({"x-amz-security-token", "TOKENTOKEN"});
    const Presented presented = classify(head, kDigestKey);
    EXPECT_EQ(presented.key_id, "AKIDEXAMPLE");
    EXPECT_EQ(presented.scope, "20150830/us-east-1/service/aws4_request");
    EXPECT_EQ(presented.fingerprint.size(), 64u);
    EXPECT_EQ(presented.fingerprint, classify(head, kDigestKey).fingerprint);
    EXPECT_NE(presented.fingerprint, classify(head, to_bytes("other")).fingerprint);

    const auto v2 =
        classify({"GET", "/b/k?AWSAccessKeyId=ASIAEXAMPLE&Signature=s", {}}, kDigestKey);
    EXPECT_EQ(v2.key_id, "ASIAEXAMPLE");
    const auto presigned = classify(
        {"GET", "/?X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fs3%2Faws4_request", {}},
        kDigestKey);
    EXPECT_EQ(presigned.key_id, "AKIDEXAMPLE");
    EXPECT_EQ(presigned.scope, "20150830/us-east-1/s3/aws4_request");
    EXPECT_TRUE(classify({"GET", "/", {}}, kDigestKey).fingerprint.empty());
}

TEST(Classify, hostile_key_ids_are_left_out) {
    const auto presented =
        classify(request("AWS4-HMAC-SHA256 Credential=\x1b[31m/20150830/us-east-1/s3/aws4_request"),
                 kDigestKey);
    EXPECT_TRUE(presented.key_id.empty());
    const std::string long_id(200, 'A');
    EXPECT_TRUE(classify(request("AWS4-HMAC-SHA256 Credential=" + long_id + "/x"), kDigestKey)
                    .key_id.empty());
}

}  // namespace
}  // namespace narrows::sigv4
