#include "protocols/aws/adapter/withheld_headers.h"

#include <gtest/gtest.h>

namespace narrows::aws {
namespace {

const Bytes kKey(32, 7);

TEST(WithheldHeaders, credentials_are_never_kept) {
    const http::RequestHead head{"GET",
                                 "/?X-Amz-Sign%61ture=secret1&x=1",
                                 {{"Authorization", "AWS4 secret2"},
                                  {"X-Amz-Security-Token", "secret3"},
                                  {"x-amz-sso_bearer_token", "secret4"},
                                  {"X-Amz-Server-Side-Encryption-Customer-Key", "secret5"},
                                  {"User-Agent", "kept"}}};
    const http::RequestHead kept = withheld_headers(head, kKey, false);
    std::string all = kept.target;
    for (const auto& field : kept.headers) {
        all += field.value;
    }
    EXPECT_EQ(all.find("secret"), std::string::npos) << all;
    EXPECT_NE(all.find("kept"), std::string::npos);
}

TEST(WithheldHeaders, of_a_query_only_credentials_are_withheld) {
    const auto kept = [](const std::string& target) {
        return withheld_headers({"GET", target, {}}, kKey, false).target;
    };
    for (const char* whole :
         {"/b?list-type=2&continuation-token=1ueGcxLPRx1Tr%2FXYExHnhbYLgveDs2J&prefix=a%20b",
          "/?NextToken=abc&Action=ListUsers", "/x?nextToken=a", "/x?ClientToken=a&marker=b&q",
          "/x?next-token=a&pageToken=b&paginationToken=c", "/b?prefix=secret-plans/&key=a=b"}) {
        EXPECT_EQ(kept(whole), whole);
    }
    const std::string signed_url = kept(
        "/b/k?versionId=1&X-Amz-Signature=hush&X-Amz-Security-Token=hush&X-%41mz-Credential=hush"
        "&AWSAccessKeyId=hush&access_token=hush&token=hush&client_secret=hush&%zz=hush");
    EXPECT_TRUE(signed_url.starts_with("/b/k?versionId=1&X-Amz-Signature=withheld, hmac "));
    EXPECT_EQ(signed_url.find("hush"), std::string::npos) << signed_url;
    EXPECT_EQ(kept("/?secretwithoutkey").find("without"), std::string::npos);
}

TEST(WithheldHeaders, digests_of_a_secret_body_could_be_guessed_from) {
    const http::RequestHead head{
        "POST", "/", {{"Content-MD5", "abc"}, {"X-Amz-Content-Sha256", "d"}}};
    EXPECT_EQ(withheld_headers(head, kKey, false).headers[0].value, "abc");
    EXPECT_NE(withheld_headers(head, kKey, true).headers[0].value, "abc");
    EXPECT_NE(withheld_headers(head, kKey, true).headers[1].value, "d");
}

TEST(WithheldHeaders, equal_values_are_told_to_be_equal) {
    const http::RequestHead head{
        "GET", "/", {{"Cookie", "a"}, {"Set-Cookie", "a"}, {"Cookie", "b"}}};
    const http::RequestHead kept = withheld_headers(head, kKey, false);
    EXPECT_EQ(kept.headers[0].value, kept.headers[1].value);
    EXPECT_NE(kept.headers[0].value, kept.headers[2].value);
}

TEST(WithheldHeaders, malformed_bytes_keep_their_shape_and_no_credential) {
    const std::string bytes =
        "GET /?Signature=secret HTTP/1.1\r\nHost: h\r\nAuthorization: secret\r\n secret folded\r\n"
        "X-Other: secret\r\n";
    const std::string kept = to_string(withheld_bytes(as_bytes(bytes), kKey));
    EXPECT_EQ(kept.find("secret"), std::string::npos) << kept;
    EXPECT_NE(kept.find("Host: h\r\n"), std::string::npos);
    EXPECT_NE(kept.find("X-Other:"), std::string::npos);
}

}  // namespace
}  // namespace narrows::aws
