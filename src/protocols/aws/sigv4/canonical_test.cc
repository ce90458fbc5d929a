#include "protocols/aws/sigv4/canonical.h"

#include <gtest/gtest.h>

#include "codec/text.h"
#include "protocols/aws/sigv4/authorization.h"
#include "protocols/aws/sigv4/suite_vectors.h"

namespace narrows::sigv4 {
namespace {

const std::vector<std::string> kHost = {"host"};

std::string canonical(std::string target, PathStyle style) {
    const auto got =
        canonical_request({"GET", std::move(target), {{"Host", "h"}}}, kHost, "P", style);
    return got ? got.value() : "refused: " + got.error().what;
}

TEST(Canonical, official_suite) {
    for (const suite::Case& vector : suite::kCases) {
        auto head = vector.head;
        head.headers.push_back({"Authorization", vector.authorization});
        const auto auth = read_authorization(head);
        ASSERT_TRUE(auth) << vector.name << ": " << auth.error().what;
        const auto text =
            canonical_request(head, auth.value().signed_headers,
                              codec::hex(crypto::sha256(vector.body)), PathStyle::normalised);
        ASSERT_TRUE(text) << vector.name << ": " << text.error().what;
        EXPECT_EQ(codec::hex(crypto::sha256(text.value())), vector.canonical_sha256)
            << vector.name << "\n"
            << text.value();
    }
}

TEST(Canonical, object_keys_stay_as_sent) {
    EXPECT_EQ(canonical("/bkt/a%20b/c%2Bd~%C3%A9/../x//y", PathStyle::as_sent),
              "GET\n/bkt/a%20b/c%2Bd~%C3%A9/../x//y\n\nhost:h\n\nhost\nP");
}

TEST(Canonical, other_paths_are_normalised_and_encoded_again) {
    EXPECT_EQ(canonical("/a%20b/./c//d/../e/", PathStyle::normalised),
              "GET\n/a%2520b/c/e/\n\nhost:h\n\nhost\nP");
    EXPECT_EQ(canonical("/../..", PathStyle::normalised), "GET\n/\n\nhost:h\n\nhost\nP");
}

TEST(Canonical, query_has_one_spelling_and_order) {
    EXPECT_EQ(canonical("/?b=2&a=1&acl&b=1&c=%2f&d=%7e&e=a+b", PathStyle::as_sent),
              "GET\n/\na=1&acl=&b=1&b=2&c=%2F&d=~&e=a%2Bb\nhost:h\n\nhost\nP");
    EXPECT_EQ(canonical("/?=&&x==", PathStyle::as_sent), "GET\n/\n=&x=%3D\nhost:h\n\nhost\nP");
}

TEST(Canonical, header_values_are_trimmed_collapsed_and_joined) {
    const std::vector<std::string> names = {"host", "my-header"};
    const auto got = canonical_request(
        {"GET", "/", {{"My-Header", "  a \t  b "}, {"Host", "h"}, {"MY-HEADER", ""}}}, names, "P",
        PathStyle::normalised);
    ASSERT_TRUE(got);
    EXPECT_EQ(got.value(), "GET\n/\n\nhost:h\nmy-header:a b,\n\nhost;my-header\nP");
}

TEST(Canonical, refuses_targets_no_request_may_have) {
    for (const char* target : {"", "*", "http://h/", "/a b", "/\xe1\x88\xb4", "/a#b", "/?a=%2",
                               "/?%zz=1", "/a\tb", "/\x7f"}) {
        EXPECT_TRUE(canonical(target, PathStyle::as_sent).starts_with("refused")) << target;
    }
}

TEST(Canonical, path_style_of_services) {
    EXPECT_EQ(path_style("s3"), PathStyle::as_sent);
    EXPECT_EQ(path_style("s3express"), PathStyle::as_sent);
    EXPECT_EQ(path_style("execute-api"), PathStyle::normalised);
}

TEST(RequestDigest, does_not_change_with_time_or_credential_and_with_all_else) {
    const http::RequestHead plain{"GET", "/k", {{"Host", "h"}, {"x-amz-acl", "private"}}};
    const auto digest = [](const http::RequestHead& head, const char* payload = "P") {
        return request_digest(head, payload, "s3").value();
    };
    auto dated = plain;
    dated.headers.push_back({"X-Amz-Date", "20150830T123600Z"});
    dated.headers.push_back({"X-Amz-Security-Token", "T"});
    dated.headers.push_back({"Authorization", "A"});
    dated.headers.push_back({"User-Agent", "U"});
    EXPECT_EQ(digest(plain), digest(dated));
    auto other = plain;
    other.headers[1].value = "public-read";
    EXPECT_NE(digest(plain), digest(other));
    EXPECT_NE(digest(plain), digest(plain, "Q"));
    other = plain;
    other.target = "/K";
    EXPECT_NE(digest(plain), digest(other));
}

}  // namespace
}  // namespace narrows::sigv4
