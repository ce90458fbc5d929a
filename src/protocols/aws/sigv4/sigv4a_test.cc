#include "protocols/aws/sigv4/sigv4a.h"

#include <gtest/gtest.h>

#include "codec/text.h"
#include "protocols/aws/sigv4/body.h"
#include "protocols/aws/sigv4/presigned.h"
#include "protocols/aws/sigv4/suite_vectors_v4a.h"

namespace narrows::sigv4 {
namespace {

const Secret kSuiteSecretV4a(std::string_view("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"));

Result<Verified> verify_v4a(const http::RequestHead& head, const std::string& body) {
    NARROWS_TRY(const Authorization auth, read_authorization(head));
    KeyCache keys;
    return verify(head, auth, keys.verifying_key(kSuiteSecretV4a, auth), crypto::sha256(body),
                  auth.time, 0);
}

TEST(SigV4a, official_suite_holds_and_any_change_does_not) {
    for (const suite_v4a::Case& vector : suite_v4a::kCases) {
        const auto good = verify_v4a(vector.head, vector.body);
        ASSERT_TRUE(good) << vector.name << ": " << good.error().what;
        EXPECT_EQ(codec::hex(good.value().canonical_sha256), vector.canonical_sha256);
        auto changed = vector.head;
        changed.method = "DELETE";
        EXPECT_EQ(verify_v4a(changed, vector.body).error().code, ErrorCode::unauthenticated);
        changed = vector.head;
        http::set(changed.headers, "X-Amz-Region-Set", "us-east-1,us-east-2");
        EXPECT_EQ(verify_v4a(changed, vector.body).error().code, ErrorCode::unauthenticated);
    }
}

http::Headers signed_for(std::string region_set, std::string signature) {
    return {{"Host", "h"},
            {"X-Amz-Date", "20150830T123600Z"},
            {"X-Amz-Region-Set", std::move(region_set)},
            {"Authorization",
             "AWS4-ECDSA-P256-SHA256 Credential=AKID/20150830/s3/aws4_request, "
             "SignedHeaders=host;x-amz-date;x-amz-region-set, Signature=" +
                 std::move(signature)}};
}

std::string read(http::Headers headers) {
    const auto got = read_authorization({"GET", "/", std::move(headers)});
    return got ? region_set_text(got.value().region_set) : std::string("! ") + got.error().what;
}

TEST(SigV4a, reads_its_region_set_and_no_region) {
    const std::string signature(140, 'a');
    EXPECT_EQ(read(signed_for("*", signature)), "*");
    EXPECT_EQ(read(signed_for("us-east-1, eu-west-*", signature)), "us-east-1,eu-west-*");
    const auto got = read_authorization({"GET", "/", signed_for("*", signature)});
    EXPECT_EQ(got.value().scheme, Scheme::sigv4a_header);
    EXPECT_EQ(got.value().scope, (CredentialScope{"20150830", "", "s3"}));
    EXPECT_EQ(got.value().scope.text(), "20150830/s3/aws4_request");
}

TEST(SigV4a, refuses_what_is_not_in_its_form) {
    const std::string signature(140, 'a');
    for (const char* set : {"", ",", "us-east-1,", "US-EAST-1", "us east", "a;b"}) {
        EXPECT_TRUE(read(signed_for(set, signature)).starts_with("!")) << set;
    }
    std::string many = "*";
    for (std::size_t i = 0; i < kRegionsMax; ++i) many += ",*";
    EXPECT_TRUE(read(signed_for(many, signature)).starts_with("!"));
    for (const std::string& bad :
         {std::string(146, 'a'), std::string(141, 'a'), std::string(14, 'a'), std::string(140, 'A'),
          std::string(140, '*'), std::string()}) {
        EXPECT_TRUE(read(signed_for("*", bad)).starts_with("!")) << bad;
    }
    auto twice = signed_for("*", signature);
    twice.push_back({"x-amz-region-set", "*"});
    EXPECT_TRUE(read(twice).starts_with("!"));
    auto unsigned_set = signed_for("*", signature);
    http::set(unsigned_set, "Authorization",
              "AWS4-ECDSA-P256-SHA256 Credential=AKID/20150830/s3/aws4_request, "
              "SignedHeaders=host;x-amz-date, Signature=" +
                  signature);
    EXPECT_TRUE(read(unsigned_set).starts_with("!"));
    auto with_region = signed_for("*", signature);
    http::set(with_region, "Authorization",
              "AWS4-ECDSA-P256-SHA256 Credential=AKID/20150830/us-east-1/s3/aws4_request, "
              "SignedHeaders=host;x-amz-date;x-amz-region-set, Signature=" +
                  signature);
    EXPECT_TRUE(read(with_region).starts_with("!"));
}

TEST(SigV4a, what_is_signed_verifies_with_the_pair_of_its_secret_alone) {
    KeyCache keys;
    const Credentials credentials{"AKIDEXAMPLE", kSuiteSecretV4a.copy(),
                                  Secret(std::string_view("token"))};
    http::RequestHead head{"PUT", "/key?acl", {{"Host", "h"}}};
    const auto made = sign(head, codec::hex(crypto::sha256("x")), credentials, "us-east-1,*", "s3",
                           1440938160 * kNsPerSecond, keys, Algorithm::ecdsa);
    ASSERT_TRUE(made) << made.error().what;
    for (const auto& field : made.value().headers) head.headers.push_back(field);
    EXPECT_EQ(http::header(head.headers, "x-amz-region-set"), "us-east-1,*");
    EXPECT_EQ(http::header(head.headers, "x-amz-security-token"), "token");
    EXPECT_TRUE(verify_v4a(head, "x"));
    EXPECT_EQ(verify_v4a(head, "y").error().code, ErrorCode::unauthenticated);
    const auto auth = read_authorization(head);
    const Key other = EcdsaKey::derive(Secret(std::string_view("other")), "AKIDEXAMPLE");
    EXPECT_FALSE(verify(head, auth.value(), other, crypto::sha256("x"), auth.value().time, 0));
}

// As the suite's header cases, in the query: get-vanilla-query-order-key-case and
// get-vanilla-with-session-token.
constexpr const char* kPresignedV4a[] = {
    "/?Param2=value2&Param1=value1&X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256&X-Amz-C"
    "redential=AKIDEXAMPLE%2F20150830%2Fservice%2Faws4_request&X-Amz-Date=2015083"
    "0T123600Z&X-Amz-SignedHeaders=host&X-Amz-Expires=3600&X-Amz-Region-Set=us-ea"
    "st-1&X-Amz-Signature=304402202cbada4314f8da2b9dfa447db936428ad13f522f0071104"
    "27e5c6c4dbf93762f02205ad19e24495835a7242c546eeec3dbdfcd538361fd9a67f99610a8a"
    "dab3411e9",
    "/?X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F2015"
    "0830%2Fservice%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-SignedHeader"
    "s=host&X-Amz-Expires=3600&X-Amz-Security-Token=6e86291e8372ff2a2260956d9b8aa"
    "e1d763fbf315fa00fa31553b73ebf194267&X-Amz-Region-Set=us-east-1&X-Amz-Signatu"
    "re=304502207cdbb61908b9d4cf6c84e03ff7dac10a9a4637784d335a7d8bf1d1a6931bc3ba0"
    "22100ee78b054e5441b71ab155632174df6b68bdaa00eabf939bf0c7299e1367e02a4"};

TEST(SigV4a, presigned_requests_of_the_suite) {
    KeyCache keys;
    for (const char* target : kPresignedV4a) {
        http::RequestHead head{"GET", target, {{"Host", "example.amazonaws.com"}}};
        const auto read = read_presigned(head);
        ASSERT_TRUE(read) << read.error().what;
        const Authorization& auth = read.value().authorization;
        EXPECT_EQ(auth.scheme, Scheme::sigv4a_query);
        EXPECT_EQ(auth.region_set, std::vector<std::string>{"us-east-1"});
        EXPECT_EQ(read.value().request.target.find("X-Amz"), std::string::npos);
        const Key key = keys.verifying_key(kSuiteSecretV4a, auth);
        const crypto::Digest empty = crypto::sha256(std::string_view());
        EXPECT_TRUE(verify_presigned(head, auth, key, empty, auth.time, 0));
        EXPECT_EQ(verify_presigned(head, auth, key, empty, auth.expires, 0).error().code,
                  ErrorCode::timeout);
        head.method = "HEAD";
        EXPECT_EQ(verify_presigned(head, auth, key, empty, auth.time, 0).error().code,
                  ErrorCode::unauthenticated);
    }
}

TEST(SigV4a, a_presigned_region_set_is_named_once_and_only_here) {
    const auto reads = [](std::string target) {
        return read_presigned({"GET", std::move(target), {{"Host", "h"}}}).has_value();
    };
    const std::string good = kPresignedV4a[0];
    const std::string set = "&X-Amz-Region-Set=us-east-1";
    ASSERT_TRUE(reads(good));
    std::string none = good;
    EXPECT_FALSE(reads(none.erase(none.find(set), set.size())));
    EXPECT_FALSE(reads(good + set));
    const std::string v4 =
        "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20150830%2Fr%2Fs"
        "%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-SignedHeaders=host"
        "&X-Amz-Expires=3600&X-Amz-Signature=" +
        std::string(64, 'a');
    ASSERT_TRUE(reads(v4));
    EXPECT_FALSE(reads(v4 + set));
}

TEST(SigV4a, padded_signatures) {
    const std::string hex(140, 'a');
    EXPECT_EQ(read_padded_signature(hex + "****").value(), hex);
    EXPECT_EQ(read_padded_signature(hex).value(), hex);
    for (const std::string& bad :
         {hex + "**", hex + "******", hex + "**a*", std::string(144, '*'), hex + "*b**"}) {
        EXPECT_FALSE(read_padded_signature(bad)) << bad;
    }
}

/// As the chunks go on from it.
Authorization request_of_upload() {
    Authorization request;
    request.scheme = Scheme::sigv4a_header;
    request.key_id = "AKIAIOSFODNN7EXAMPLE";
    request.scope = {"20130524", "", "s3"};
    request.date = "20130524T000000Z";
    request.signature = std::string(140, 'a');
    return request;
}

// The strings to sign are those of tests/test_chunked_signing.c in aws-c-auth.
TEST(SigV4a, a_chunk_signs_over_the_one_before_without_padding) {
    const Authorization request = request_of_upload();
    const EcdsaKey key = EcdsaKey::derive(
        Secret(std::string_view("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")), request.key_id);
    const auto signer = chunk_signer(key, request.date, request.scope, request.signature);
    const std::string first = signer->sign_chunk(crypto::sha256(std::string(65536, 'a')));
    const std::string second = signer->sign_chunk(crypto::sha256(std::string(1024, 'a')));
    const std::string trailer = signer->sign_trailer(crypto::sha256("first:1st\n"));
    const std::string begin = "\n20130524T000000Z\n20130524/s3/aws4_request\n";
    const std::string empty =
        "\ne3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n";
    EXPECT_TRUE(key.holds("AWS4-ECDSA-P256-SHA256-PAYLOAD" + begin + request.signature + empty +
                              "bf718b6f653bebc184e1479f1935b8da974d701b893afcf49e701f3e2f9f9c5a",
                          first));
    EXPECT_TRUE(key.holds("AWS4-ECDSA-P256-SHA256-PAYLOAD" + begin + first + empty +
                              "2edc986847e209b4016e141a6dc8716d3207350f416969382d431539bf292e4a",
                          second));
    EXPECT_TRUE(key.holds("AWS4-ECDSA-P256-SHA256-TRAILER" + begin + second + "\n" +
                              codec::hex(crypto::sha256("first:1st\n")),
                          trailer));
}

/// An upload of 70,000 bytes as our encoder makes it.
std::string encoded_upload(const Key& key, const Payload& form, const http::Headers& trailers) {
    const Authorization request = request_of_upload();
    const auto signer = chunk_signer(key, request.date, request.scope, request.signature);
    ChunkEncoder encoder(chunk_signature_size(form, Algorithm::ecdsa), form.trailing());
    Bytes out;
    encoder.push(as_bytes(std::string(70'000, 'x')), out);
    encoder.finish(trailers, out);
    for (const Unsigned& each : encoder.take_unsigned()) {
        ChunkEncoder::fill_in(
            out, each,
            each.is_trailer ? signer->sign_trailer(each.sha256) : signer->sign_chunk(each.sha256));
    }
    return to_string(out);
}

std::string decoded_upload(const Key& key, const Payload& form, std::string_view encoded) {
    ChunkDecoder decoder(form, chunk_verifier(key, request_of_upload()));
    Bytes out;
    for (std::size_t i = 0; i < encoded.size(); i += 4096) {
        const auto pushed = decoder.push(as_bytes(encoded.substr(i, 4096)), out);
        if (!pushed) return std::string("! ") + name_of(pushed.error().code);
    }
    return decoder.finish() ? to_string(out) : "! unfinished";
}

TEST(SigV4a, uploads_have_one_length_and_no_byte_of_them_can_be_changed) {
    const Key key = EcdsaKey::derive(Secret(std::string_view("secret")), "AKID");
    const http::Headers trailers = {{"x-amz-checksum-crc32", "DUoRhQ=="}};
    for (const bool trailing : {false, true}) {
        http::Headers headers = {
            {"x-amz-content-sha256", trailing ? "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER"
                                              : "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"},
            {"x-amz-decoded-content-length", "70000"}};
        if (trailing) headers.push_back({"x-amz-trailer", "x-amz-checksum-crc32"});
        const Payload form = read_payload({"PUT", "/", headers}).value();
        const http::Headers sent = trailing ? trailers : http::Headers{};
        const std::string good = encoded_upload(key, form, sent);
        EXPECT_EQ(good.size(), ChunkEncoder::encoded_length(70'000, 144, trailing, sent));
        EXPECT_EQ(decoded_upload(key, form, good), std::string(70'000, 'x'));
        for (const std::size_t at :
             {std::size_t{40}, std::size_t{1000}, std::size_t{66'000}, good.size() - 40}) {
            std::string bad = good;
            bad[at] = bad[at] == 'a' ? 'b' : 'a';
            EXPECT_TRUE(decoded_upload(key, form, bad).starts_with("!")) << at;
        }
        const Key other = EcdsaKey::derive(Secret(std::string_view("secret")), "AKIE");
        EXPECT_EQ(decoded_upload(other, form, good), "! unauthenticated");
    }
}

TEST(SigV4a, a_form_is_named_for_either_algorithm) {
    const auto form = [](const char* text) {
        return read_payload({"PUT", "/", {{"x-amz-content-sha256", text}}}).value();
    };
    const Payload chunks = form("STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
    EXPECT_EQ(chunks.text_for(Algorithm::ecdsa), "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD");
    EXPECT_EQ(chunks.text_for(Algorithm::hmac), "STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
    EXPECT_EQ(form("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER").text_for(Algorithm::hmac),
              "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER");
    EXPECT_EQ(form("UNSIGNED-PAYLOAD").text_for(Algorithm::ecdsa), "UNSIGNED-PAYLOAD");
}

}  // namespace
}  // namespace narrows::sigv4
