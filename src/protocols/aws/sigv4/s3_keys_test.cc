#include "protocols/aws/sigv4/s3_keys.h"

#include <gtest/gtest.h>

namespace narrows::sigv4 {
namespace {

// Values as the page that s3_keys.h names gives them.
TEST(S3Keys, say_how_a_request_is_proven) {
    EXPECT_EQ(s3_keys("s3", {Scheme::sigv4_header, {}, "UNSIGNED-PAYLOAD"}),
              (model::Context{{"s3:authtype", {"REST-HEADER"}},
                              {"s3:signatureversion", {"AWS4-HMAC-SHA256"}},
                              {"s3:signatureage", {}},
                              {"s3:x-amz-content-sha256", {"UNSIGNED-PAYLOAD"}}}));
    EXPECT_EQ(s3_keys("s3", {Scheme::sigv4_query, -20, ""}).at("s3:signatureage"),
              std::vector<std::string>{"0"});
    EXPECT_EQ(s3_keys("s3", {Scheme::sigv4_query, 600001, ""}),
              (model::Context{{"s3:authtype", {"REST-QUERY-STRING"}},
                              {"s3:signatureversion", {"AWS4-HMAC-SHA256"}},
                              {"s3:signatureage", {"600001"}}}));
    EXPECT_EQ(
        s3_keys("s3", {Scheme::sigv2_query, {}, ""}),
        (model::Context{{"s3:authtype", {"REST-QUERY-STRING"}}, {"s3:signatureversion", {"AWS"}}}));
    EXPECT_EQ(s3_keys("s3", {Scheme::sigv2_post, 5, "x"}),
              (model::Context{{"s3:authtype", {"POST"}}, {"s3:signatureversion", {"AWS"}}}));
    EXPECT_EQ(s3_keys("s3", {Scheme::sigv4a_header, {}, ""}),
              (model::Context{{"s3:authtype", {"REST-HEADER"}}, {"s3:signatureage", {}}}));
    EXPECT_TRUE(s3_keys("s3", {Scheme::bearer, 5, "x"}).empty());
    const model::Context none = s3_keys("s3tables", {Scheme::sigv4_header, {}, "x"});
    EXPECT_EQ(none.size(), 4U);
    for (const auto& [key, values] : none) EXPECT_TRUE(values.empty()) << key;
}

}  // namespace
}  // namespace narrows::sigv4
