#include "protocols/aws/decode/leaks.h"

#include <gtest/gtest.h>

namespace narrows::aws {
namespace {

// Documentation's own examples:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html,
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
constexpr std::string_view kUrl =
    "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
    "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request&X-Amz-Date="
    "20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
    "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
const std::string kToken = "IQoJb3JpZ2luX2Vj" + std::string(300, 'x');

std::string words(const LeakScan& scan) {
    std::string out;
    for (const Leak& leak : scan.leaks()) {
        out += std::string(name_of(leak.kind)) + " " + leak.key_id + "@" + std::to_string(leak.at) +
               "\n";
    }
    return out;
}

/// In stretches of `size` bytes.
std::string found(std::string_view text, std::size_t size) {
    LeakScan scan;
    for (std::size_t at = 0; at < text.size(); at += size)
        scan.push(as_bytes(text.substr(at, size)));
    scan.finish();
    return words(scan);
}
std::string found(std::string_view text) {
    return found(text, text.size() + 1);
}

TEST(LeakScan, finds_each_kind_and_tells_no_secret) {
    EXPECT_EQ(found(R"({"AccessKeyId":"AKIAIOSFODNN7EXAMPLE","Secret":"wJalrXUtnFEMI"})"),
              "access-key-id AKIAIOSFODNN7EXAMPLE@16\n");
    EXPECT_EQ(found("ASIAIOSFODNN7EXAMPLE"), "access-key-id ASIAIOSFODNN7EXAMPLE@0\n");
    EXPECT_EQ(found(kUrl), "access-key-id AKIAIOSFODNN7EXAMPLE@98\nsigned-url @227\n");
    EXPECT_EQ(found("https://b.s3.amazonaws.com/k?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=v"),
              "signed-url @29\naccess-key-id AKIAIOSFODNN7EXAMPLE@44\n");
    EXPECT_EQ(found("x\n-----BEGIN RSA PRIVATE KEY-----\nMII"), "private-key @7\n");
    EXPECT_EQ(found("-----BEGIN PRIVATE KEY-----"), "private-key @5\n");
    EXPECT_EQ(found("<SessionToken>" + kToken + "</SessionToken>"), "session-token @14\n");
}

TEST(LeakScan, what_only_looks_alike_is_none) {
    for (const std::string_view text :
         {"AKIAIOSFODNN7EXAMPL", "AKIAIOSFODNN7EXAMPLEX", "xAKIAIOSFODNN7EXAMPLE",
          "AKIAIOSFODNN7EXAMPLe", "AKIA", "-----BEGIN CERTIFICATE-----",
          "-----BEGIN PUBLIC KEY-----", "X-Amz-Signature=", "X-Amz-Signature=&", "IQoJb3JpZ2luX2Vj",
          "", "-", "----------------"}) {
        EXPECT_EQ(found(text), "") << text;
    }
}

TEST(LeakScan, borders_of_stretches_make_no_difference) {
    const std::string filler(200, '-');
    const std::string text = filler + std::string(kUrl) + "\n-----BEGIN EC PRIVATE KEY-----\n" +
                             kToken + " ASIAIOSFODNN7EXAMPLE";
    const std::string whole = found(text);
    EXPECT_EQ(std::count(whole.begin(), whole.end(), '\n'), 5);
    for (std::size_t size = 1; size < 300; ++size) EXPECT_EQ(found(text, size), whole) << size;
    for (std::size_t cut = 0; cut < text.size(); ++cut) {
        LeakScan scan;
        scan.push(as_bytes(std::string_view(text).substr(0, cut)));
        scan.push(as_bytes(std::string_view(text).substr(cut)));
        scan.finish();
        EXPECT_EQ(words(scan), whole) << cut;
    }
}

TEST(LeakScan, one_key_counts_once_and_few_are_kept) {
    LeakScan scan;
    for (int i = 0; i < 100; ++i) scan.push(as_bytes(std::string("AKIAIOSFODNN7EXAMPLE ")));
    for (int i = 100; i < 200; ++i) {
        scan.push(as_bytes("AKIAIOSFODNN7EXAM" + std::to_string(i) + "\n"));
    }
    scan.finish();
    EXPECT_EQ(scan.total(), 101u);
    EXPECT_EQ(scan.leaks().size(), LeakScan::kLeaksMax);
}

}  // namespace
}  // namespace narrows::aws
