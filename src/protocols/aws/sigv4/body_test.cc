#include "protocols/aws/sigv4/body.h"

#include <gtest/gtest.h>

#include "codec/text.h"

namespace narrows::sigv4 {
namespace {

http::RequestHead put(http::Headers headers) {
    return {"PUT", "/examplebucket/chunkObject.txt", std::move(headers)};
}

Payload payload(std::string text, std::optional<std::uint64_t> length,
                const std::string& trailer = "") {
    http::Headers headers = {{"x-amz-content-sha256", std::move(text)}};
    if (length) headers.push_back({"x-amz-decoded-content-length", std::to_string(*length)});
    if (!trailer.empty()) headers.push_back({"x-amz-trailer", trailer});
    return read_payload(put(headers)).value();
}

Payload unsigned_payload(std::optional<std::uint64_t> length, const std::string& trailer = "") {
    return payload("STREAMING-UNSIGNED-PAYLOAD-TRAILER", length, trailer);
}

/// Decodes `encoded` in pieces; the object bytes, or the name of the error.
std::string decode(ChunkDecoder& decoder, std::string_view encoded, std::size_t piece) {
    Bytes out;
    for (std::size_t i = 0; i < encoded.size(); i += piece) {
        const auto pushed = decoder.push(as_bytes(encoded.substr(i, piece)), out);
        if (!pushed) return std::string("! ") + name_of(pushed.error().code);
    }
    const auto finished = decoder.finish();
    return finished ? to_string(out) : std::string("! ") + name_of(finished.error().code);
}

std::string decode_unsigned(std::string_view encoded, const Payload& form) {
    std::string first;
    for (const std::size_t piece : {encoded.size() + 1, std::size_t{1}, std::size_t{2}}) {
        ChunkDecoder decoder(form, nullptr);
        const std::string got = decode(decoder, encoded, piece);
        if (piece == encoded.size() + 1) first = got;
        EXPECT_EQ(got, first) << "in pieces of " << piece;
    }
    return first;
}

TEST(Payload, reads_every_form) {
    EXPECT_EQ(read_payload(put({})).value().kind, PayloadKind::absent);
    EXPECT_EQ(payload("UNSIGNED-PAYLOAD", {}).kind, PayloadKind::unsigned_payload);
    EXPECT_EQ(payload(std::string(64, 'a'), {}).kind, PayloadKind::sha256);
    const Payload events = payload("STREAMING-AWS4-HMAC-SHA256-EVENTS", {});
    EXPECT_EQ(events.kind, PayloadKind::events);
    EXPECT_FALSE(events.chunked());
    EXPECT_EQ(payload("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", 1).kind, PayloadKind::streaming_signed);
    const Payload trailer =
        payload("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", 1, "X-Amz-Checksum-CRC32");
    EXPECT_EQ(trailer.kind, PayloadKind::streaming_signed_trailer);
    EXPECT_EQ(trailer.trailers, std::vector<std::string>{"x-amz-checksum-crc32"});
}

TEST(Payload, refuses_what_says_two_things_or_nothing_known) {
    const auto code = [](http::Headers headers) {
        const auto got = read_payload(put(std::move(headers)));
        return got ? std::string("read") : std::string(name_of(got.error().code));
    };
    const std::string sha = "x-amz-content-sha256";
    const std::string streaming = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
    EXPECT_EQ(code({{sha, "STREAMING-AWS4-ECDSA-P256-SHA256-EVENTS"}}), "unsupported");
    EXPECT_EQ(code({{sha, ""}}), "invalid");
    EXPECT_EQ(code({{sha, "unsigned-payload"}}), "invalid");
    EXPECT_EQ(code({{sha, std::string(64, 'A')}}), "invalid");
    EXPECT_EQ(code({{sha, std::string(63, 'a')}}), "invalid");
    EXPECT_EQ(code({{sha, "UNSIGNED-PAYLOAD"}, {sha, "UNSIGNED-PAYLOAD"}}), "invalid");
    EXPECT_EQ(code({{sha, "UNSIGNED-PAYLOAD"}, {"x-amz-trailer", "x-amz-checksum-crc32"}}),
              "invalid");
    EXPECT_EQ(code({{sha, "UNSIGNED-PAYLOAD"}, {"Content-Encoding", "gzip, aws-chunked"}}),
              "invalid");
    EXPECT_EQ(code({{"Content-Encoding", "aws-chunked"}}), "invalid");
    EXPECT_EQ(code({{sha, streaming}, {"x-amz-trailer", "content-type"}}), "invalid");
    EXPECT_EQ(code({{sha, streaming}, {"x-amz-trailer", "x-amz-checksum-a,x-amz-checksum-a"}}),
              "invalid");
    EXPECT_EQ(code({{sha, streaming}, {"x-amz-decoded-content-length", "-1"}}), "invalid");
    EXPECT_EQ(code({{sha, streaming}, {"x-amz-decoded-content-length", "99999999999999999999"}}),
              "invalid");
}

// As boto3 1.43 sends it.
TEST(ChunkDecoder, unsigned_with_trailer) {
    const Payload form = unsigned_payload(11, "x-amz-checksum-crc32");
    const std::string_view body = "b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n";
    EXPECT_EQ(decode_unsigned(body, form), "hello world");
    ChunkDecoder decoder(form, nullptr);
    EXPECT_EQ(decode(decoder, body, 7), "hello world");
    EXPECT_EQ(decoder.trailers(), (http::Headers{{"x-amz-checksum-crc32", "DUoRhQ=="}}));
}

TEST(ChunkDecoder, refuses_every_other_framing) {
    const Payload form = unsigned_payload(3, "x-amz-checksum-crc32");
    const std::string tail = "0\r\nx-amz-checksum-crc32:a\r\n\r\n";
    ASSERT_EQ(decode_unsigned("3\r\nabc\r\n" + tail, form), "abc");
    ASSERT_EQ(decode_unsigned("1\r\na\r\n002\r\nbc\r\n" + tail, form), "abc");
    const std::vector<std::string> bad = {
        "",
        "3\r\nabc\r\n",
        "3\nabc\r\n" + tail,
        "3\r\nabc\n" + tail,
        "3\r\nabcd\r\n" + tail,
        "4\r\nabcd\r\n" + tail,
        "2\r\nab\r\n" + tail,
        "-3\r\nabc\r\n" + tail,
        "0x3\r\nabc\r\n" + tail,
        " 3\r\nabc\r\n" + tail,
        "3 \r\nabc\r\n" + tail,
        "\r\nabc\r\n" + tail,
        "ffffffffffffffffff\r\nabc\r\n" + tail,
        "ffffffffffffffff\r\nabc\r\n" + tail,
        "3;ext=1\r\nabc\r\n" + tail,
        "3\r\r\nabc\r\n" + tail,
        "3\r\nabc\r\n" + tail + "x",
        "3\r\nabc\r\n0\r\n\r\n",
        "3\r\nabc\r\n0\r\nx-amz-checksum-crc32:a\r\n",
        "3\r\nabc\r\n0\r\nx-amz-checksum-crc32:a\r\nx-amz-checksum-crc32:a\r\n\r\n",
        "3\r\nabc\r\n0\r\nx-amz-checksum-sha1:a\r\n\r\n",
        "3\r\nabc\r\n0\r\nx-amz-checksum-crc32\r\n\r\n",
        "3\r\nabc\r\n0\r\nx-amz-checksum-crc32:" + std::string(5000, 'a') + "\r\n\r\n",
        std::string(1000, '0') + "3\r\nabc\r\n" + tail,
    };
    for (const std::string& body : bad) EXPECT_EQ(decode_unsigned(body, form), "! invalid") << body;
}

TEST(ChunkDecoder, takes_no_trailers_where_none_are_declared) {
    EXPECT_EQ(decode_unsigned("1\r\na\r\n0\r\n\r\n", unsigned_payload({})), "a");
    EXPECT_EQ(decode_unsigned("0\r\n\r\n", unsigned_payload(0)), "");
    EXPECT_EQ(decode_unsigned("0\r\nx-amz-checksum-crc32:a\r\n\r\n", unsigned_payload(0)),
              "! invalid");
}

// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
struct Example {
    const char* form;
    const char* trailer;
    const char* seed;
    std::vector<std::string> chunks;
    const char* trailer_signature;
};
const Example kPlain = {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
                        "",
                        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
                        {"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
                         "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
                         "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"},
                        ""};
const Example kTrailer = {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
                          "x-amz-checksum-crc32c",
                          "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
                          {"b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
                           "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
                           "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"},
                          "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435"};

Authorization example_request(const Example& example) {
    Authorization request;
    request.scope = {"20130524", "us-east-1", "s3"};
    request.date = "20130524T000000Z";
    request.signature = example.seed;
    return request;
}

Key example_key(const Authorization& request) {
    return SigningKey::derive(Secret(std::string_view("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")),
                              request.scope);
}

std::unique_ptr<ChunkSigner> example_signer(const Example& example) {
    const Authorization request = example_request(example);
    return chunk_signer(example_key(request), request.date, request.scope, request.signature);
}

std::string example_body(const Example& example) {
    const auto& chunks = example.chunks;
    std::string body = "10000;chunk-signature=" + chunks[0] + "\r\n" + std::string(65536, 'a') +
                       "\r\n400;chunk-signature=" + chunks[1] + "\r\n" + std::string(1024, 'a') +
                       "\r\n0;chunk-signature=" + chunks[2] + "\r\n";
    if (*example.trailer != '\0') {
        body += "x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:" +
                std::string(example.trailer_signature) + "\r\n";
    }
    return body + "\r\n";
}

std::string decode_example(const Example& example, std::string_view body, std::size_t piece) {
    const Authorization request = example_request(example);
    ChunkDecoder decoder(payload(example.form, 66560, example.trailer),
                         chunk_verifier(example_key(request), request));
    return decode(decoder, body, piece);
}

TEST(ChunkDecoder, documented_signed_examples) {
    for (const Example* example : {&kPlain, &kTrailer}) {
        for (const std::size_t piece : {1u, 777u, 100'000u}) {
            EXPECT_EQ(decode_example(*example, example_body(*example), piece),
                      std::string(66560, 'a'));
        }
    }
    EXPECT_EQ(example_body(kPlain).size(), 66824u);  // the example's Content-Length
}

TEST(ChunkDecoder, changed_signed_bodies_are_refused) {
    for (const Example* example : {&kPlain, &kTrailer}) {
        const std::string good = example_body(*example);
        for (const std::size_t at : {30u, 100u, 65640u, 66000u, 66800u}) {
            std::string bad = good;
            bad[at] = bad[at] == 'a' ? 'b' : 'a';
            EXPECT_TRUE(decode_example(*example, bad, 4096).starts_with("!")) << at;
        }
        EXPECT_EQ(decode_example(*example, good.substr(0, good.size() - 1), 4096), "! invalid");
    }
    std::string unsigned_trailer = example_body(kTrailer);
    unsigned_trailer.erase(unsigned_trailer.find("x-amz-trailer-signature"), 64 + 26);
    EXPECT_EQ(decode_example(kTrailer, unsigned_trailer, 4096), "! unauthenticated");
    const std::string_view bare = "3\r\nabc\r\n0\r\n\r\n";
    EXPECT_EQ(decode_example(kPlain, bare, 4096), "! invalid");
}

/// Signs what was encoded, with the key at hand.
void sign_all(ChunkEncoder& encoder, ChunkSigner& key, Bytes& out) {
    for (const Unsigned& each : encoder.take_unsigned()) {
        const std::string signature =
            each.is_trailer ? key.sign_trailer(each.sha256) : key.sign_chunk(each.sha256);
        ChunkEncoder::fill_in(out, each, signature);
    }
}

TEST(ChunkEncoder, makes_the_documented_examples) {
    for (const Example* example : {&kPlain, &kTrailer}) {
        const bool trailing = *example->trailer != '\0';
        http::Headers trailers;
        if (trailing) trailers.push_back({"x-amz-checksum-crc32c", "sOO8/Q=="});
        for (const std::size_t piece : {1000u, 65536u, 66560u}) {
            ChunkEncoder encoder(64, trailing);
            const auto key = example_signer(*example);
            Bytes out;
            const std::string data(66560, 'a');
            for (std::size_t i = 0; i < data.size(); i += piece) {
                encoder.push(as_bytes(std::string_view(data).substr(i, piece)), out);
                sign_all(encoder, *key, out);
            }
            encoder.finish(trailers, out);
            sign_all(encoder, *key, out);
            EXPECT_EQ(to_string(out), example_body(*example));
        }
        EXPECT_EQ(ChunkEncoder::encoded_length(66560, 64, trailing, trailers),
                  example_body(*example).size());
    }
}

TEST(ChunkEncoder, unsigned_form_and_its_length) {
    const http::Headers trailers = {{"x-amz-checksum-crc32", "DUoRhQ=="}};
    ChunkEncoder encoder(0, true);
    Bytes out;
    encoder.push(as_bytes("hello world"), out);
    encoder.finish(trailers, out);
    EXPECT_EQ(to_string(out), "b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n");
    EXPECT_EQ(ChunkEncoder::encoded_length(11, 0, true, trailers), 52u);
    EXPECT_EQ(ChunkEncoder::encoded_length(0, 0, true, {}), 5u);
}

constexpr std::string_view kFox = "The quick brown fox jumps over the lazy dog";
constexpr const char* kFoxSha256 =
    "d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592";

BodyReport check(http::Headers headers, std::string_view body, const http::Headers& trailers = {},
                 bool cover = true) {
    const auto head = put(std::move(headers));
    const auto form = read_payload(head);
    auto checker = BodyCheck::of(head, form.value(), cover);
    EXPECT_TRUE(checker) << checker.error().what;
    for (const char byte : body) checker.value().update(as_bytes(std::string_view(&byte, 1)));
    return checker.value().finish(trailers).value();
}

// Digests by the md5sum, sha1sum and sha256sum tools, CRCs by Python's zlib and the AWS example.
TEST(BodyCheck, every_declaration_is_checked) {
    const http::Headers declared = {
        {"x-amz-content-sha256", kFoxSha256},
        {"Content-MD5", "nhB9nTcrtoJr2B01QqQZ1g=="},
        {"x-amz-checksum-crc32", "QU+jOQ=="},
        {"X-Amz-Checksum-SHA1", "L9ThxnotKPzthJ7hu3bnORuT6xI="},
        {"x-amz-checksum-sha256", "16j7swfXgJRpypq8sAguT41WUeRtPNt2LQLQvzfJ5ZI="},
        {"x-amz-sdk-checksum-algorithm", "CRC32"},
        {"x-amz-checksum-type", "FULL_OBJECT"},
    };
    const BodyReport good = check(declared, kFox);
    EXPECT_EQ(good.size, kFox.size());
    EXPECT_EQ(codec::hex(good.sha256), kFoxSha256);
    EXPECT_EQ(good.checks.size(), 5u);
    for (const Check& each : good.checks) EXPECT_EQ(each.state, CheckState::held) << each.name;
    const BodyReport bad = check(declared, "The quick brown fox jumps over the lazy cog");
    EXPECT_FALSE(bad.held());
    for (const Check& each : bad.checks) EXPECT_EQ(each.state, CheckState::failed) << each.name;
}

TEST(BodyCheck, trailers) {
    const http::Headers declared = {{"x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"},
                                    {"x-amz-trailer", "x-amz-checksum-crc32c"}};
    const std::string body(66560, 'a');
    EXPECT_TRUE(check(declared, body, {{"x-amz-checksum-crc32c", "sOO8/Q=="}}).held());
    EXPECT_FALSE(check(declared, body, {{"x-amz-checksum-crc32c", "sOO8/w=="}}).held());
    const auto head = put(declared);
    auto checker = BodyCheck::of(head, read_payload(head).value());
    EXPECT_FALSE(checker.value().finish({{"x-amz-checksum-crc32c", "sOO8"}}));
}

TEST(BodyCheck, what_cannot_be_checked_is_refused) {
    for (const char* name :
         {"x-amz-checksum-xxhash32", "x-amz-checksum-crc32 ", "x-amz-checksum-"}) {
        const auto refused = BodyCheck::of(put({{name, "QU+jOQ=="}}), Payload());
        ASSERT_FALSE(refused) << name;
        EXPECT_EQ(refused.error().code, ErrorCode::unsupported);
    }
    const auto head = put({{"x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"},
                           {"x-amz-trailer", "x-amz-checksum-blake3"}});
    EXPECT_FALSE(BodyCheck::of(head, read_payload(head).value()));
}

TEST(BodyCheck, checksums_of_something_else_are_left_out) {
    EXPECT_TRUE(check({{"x-amz-checksum-crc32", "not-base64"}}, kFox, {}, false).checks.empty());
}

TEST(BodyCheck, refuses_bad_and_double_declarations) {
    for (const http::Headers& headers : std::vector<http::Headers>{
             {{"x-amz-checksum-crc32", "QU+jOQ"}},
             {{"x-amz-checksum-crc32", "nhB9nTcrtoJr2B01QqQZ1g=="}},
             {{"content-md5", ""}},
             {{"x-amz-checksum-crc32", "QU+jOQ=="}, {"x-amz-checksum-crc32", "QU+jOQ=="}},
         }) {
        EXPECT_FALSE(BodyCheck::of(put(headers), Payload()));
    }
}

TEST(HoldBack, keeps_the_last_bytes_until_released) {
    for (const std::size_t piece : {1u, 2u, 3u, 5u, 10u}) {
        HoldBack hold(3);
        Bytes out;
        const std::string_view text = "0123456789";
        for (std::size_t i = 0; i < text.size(); i += piece) {
            hold.push(as_bytes(text.substr(i, piece)), out);
            const std::size_t seen = std::min(i + piece, text.size());
            EXPECT_EQ(out.size(), seen > 3 ? seen - 3 : 0);
        }
        EXPECT_EQ(to_string(out), "0123456");
        hold.release(out);
        EXPECT_EQ(to_string(out), text);
    }
}

}  // namespace
}  // namespace narrows::sigv4
