#include "apps/custody/custody_commands.h"

#include <gtest/gtest.h>

#include "codec/text.h"

namespace narrows::apps {
namespace {

constexpr std::string_view kSkey =
    "PRIVATE+KEY+narrows/gw-1+f20ca31c+AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

TEST(Custody, a_word_is_signed_over_the_text_the_format_says) {
    auto officer = evidence::KeySigner::parse_skey(kSkey).value();
    CustodyOptions options;
    options.session = "ns-abc";
    options.reason = "case 7";
    const codec::Value word =
        signed_word(officer, "narrows/gw-2", true, options, 1'764'000'000'000'000'000).value();
    EXPECT_EQ(word.text("reason"), "case 7");
    EXPECT_EQ(word.number("at"), 1'764'000'000'000'000'000);
    const Bytes signature = codec::unbase64(word.text("signature")).value();
    // docs/format.md section 9.
    const std::string text =
        "narrows-release-v1\nnarrows/gw-2\nns-abc\n1764000000000000000\ncase 7";
    EXPECT_TRUE(crypto::verify(officer.key().key, as_bytes(text), signature));
}

}  // namespace
}  // namespace narrows::apps
