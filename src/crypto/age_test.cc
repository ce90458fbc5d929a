#include "crypto/age.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include "crypto/crypto_test.h"
#include "crypto/hash.h"

namespace narrows::crypto {
namespace {

namespace fs = std::filesystem;

// The key pair that C2SP age.md prints.
constexpr std::string_view kIdentity =
    "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
constexpr std::string_view kRecipient =
    "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";

std::string read_file(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

Result<Bytes> encrypt_to(const AgeIdentity& identity, std::string_view plain) {
    return age_encrypt(std::span(&identity.recipient(), 1), as_bytes(plain));
}

Result<Secret> decrypt_with(const AgeIdentity& identity, ByteView file) {
    return age_decrypt(std::span(&identity, 1), file);
}

ErrorCode code_of(const auto& result) {
    EXPECT_FALSE(result.has_value());
    return result.has_value() ? ErrorCode{} : result.error().code;
}

TEST(AgeKeys, the_pair_of_the_specification) {
    const auto identity = parse_identity(kIdentity);
    ASSERT_TRUE(identity);
    EXPECT_EQ(hex(identity.value().key()), hex(Bytes(32, 0x42)));
    EXPECT_EQ(identity.value().text().text(), kIdentity);
    EXPECT_EQ(identity.value().recipient().text(), kRecipient);
    EXPECT_EQ(parse_recipient(kRecipient).value(), identity.value().recipient());
}

// The texts with right checksums were made with BIP 173's algorithm in Python.
TEST(AgeKeys, refuses_every_other_recipient) {
    for (const char* text : {
             "", "age1", "AGE1ZVKYG2LQZRAA2LNJVQEJ32NKUU0UES2S82HZRYE869XEEXVN73EQUNUJWJ",
             "Age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj",
             "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwk",
             "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujw",
             "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwjj",
             " age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj",
             "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj\n",
             "age2zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj",
             "age1bvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj",
             "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73epp9g8nq",  // spare bits
             "agf1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73eq5w9aqe",  // another prefix
         }) {
        EXPECT_EQ(code_of(parse_recipient(text)), ErrorCode::invalid) << text;
    }
    EXPECT_FALSE(parse_recipient(kIdentity));
}

TEST(AgeKeys, refuses_points_of_low_order) {
    for (const char* text : {
             "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z",  // 0
             "age1qyqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqj7vrya",  // 1
             "age1ur4h5lpmgxu2u9jku0a0r87ydtdqnr0tnsetrlvxvgz3vh6fhqqqzyt4v9",  // of order 8
             "age1anlllllllllllllllllllllllllllllllllllllllllllllllals4n2t7m",  // -1
         }) {
        const auto recipient = parse_recipient(text);
        ASSERT_EQ(code_of(recipient), ErrorCode::invalid) << text;
        EXPECT_NE(recipient.error().what.find("low-order"), std::string::npos) << text;
    }
}

TEST(AgeKeys, refuses_every_other_identity) {
    std::string lower(kIdentity);
    for (char& c : lower) c = static_cast<char>(std::tolower(c));
    std::string mixed(kIdentity);
    mixed.back() = 'x';
    std::string wrong(kIdentity);
    wrong.back() = 'Q';
    for (const std::string& text : {lower, mixed, wrong, std::string(kRecipient), std::string()}) {
        EXPECT_EQ(code_of(parse_identity(text)), ErrorCode::invalid) << text;
    }
}

TEST(AgeKeys, generated_ones_differ_and_read_back) {
    const AgeIdentity one = AgeIdentity::generate();
    const AgeIdentity other = AgeIdentity::generate();
    EXPECT_FALSE(one.recipient() == other.recipient());
    EXPECT_EQ(parse_identity(one.text().text()).value().recipient(), one.recipient());
}

TEST(AgeIdentityFile, reads_comments_and_several_identities) {
    const AgeIdentity other = AgeIdentity::generate();
    const std::string file = "# created: 2022-06-01T12:00:00Z\n# public key: age1\n" +
                             std::string(kIdentity) + "\n\n# other\r\n" +
                             std::string(other.text().text());
    const auto identities = parse_identities(file);
    ASSERT_TRUE(identities);
    ASSERT_EQ(identities.value().size(), 2u);
    EXPECT_EQ(identities.value()[0].recipient().text(), kRecipient);
    EXPECT_EQ(identities.value()[1].recipient(), other.recipient());
}

TEST(AgeIdentityFile, names_the_line_and_not_its_text) {
    const std::string secret(kIdentity);
    const auto broken = parse_identities("# x\n" + secret.substr(0, secret.size() - 1) + "Q\n");
    ASSERT_EQ(code_of(broken), ErrorCode::invalid);
    EXPECT_NE(broken.error().what.find("line 2"), std::string::npos);
    EXPECT_EQ(broken.error().what.find("GFPYY"), std::string::npos);
    EXPECT_EQ(code_of(parse_identities("# nobody\n")), ErrorCode::invalid);
    EXPECT_EQ(code_of(parse_identities("")), ErrorCode::invalid);
    std::string many;
    for (std::size_t i = 0; i < kAgeIdentitiesMax; ++i) many += secret + "\n";
    EXPECT_TRUE(parse_identities(many));
    EXPECT_EQ(code_of(parse_identities(many + secret)), ErrorCode::exhausted);
    EXPECT_EQ(code_of(parse_identities(std::string(kAgeIdentityFileMax + 1, '#'))),
              ErrorCode::exhausted);
}

/// A test vector of C2SP's CCTV project (age/testdata, in the public domain as CC0): lines
/// "key: value", an empty line, the age file.
struct Vector {
    std::string expect, payload;
    std::vector<AgeIdentity> identities;
    std::string file;
};

std::string inflated(const std::string& packed) {
    std::string out(4u << 20, '\0');
    uLongf size = out.size();
    EXPECT_EQ(::uncompress(reinterpret_cast<Bytef*>(out.data()), &size,
                           reinterpret_cast<const Bytef*>(packed.data()), packed.size()),
              Z_OK);
    out.resize(size);
    return out;
}

Vector read_vector(const std::string& text) {
    Vector vector;
    const std::size_t head = text.find("\n\n");
    vector.file = text.substr(head + 2);
    std::string_view lines = std::string_view(text).substr(0, head + 1);
    for (; !lines.empty(); lines.remove_prefix(lines.find('\n') + 1)) {
        const std::string_view line = lines.substr(0, lines.find('\n'));
        const std::string_view key = line.substr(0, line.find(": "));
        const std::string_view value = line.substr(key.size() + 2);
        if (key == "expect") vector.expect = value;
        if (key == "payload") vector.payload = value;
        if (key == "identity") vector.identities.push_back(parse_identity(value).value());
        if (key == "compressed") vector.file = inflated(vector.file);
    }
    return vector;
}

std::map<std::string, Vector> read_vectors() {
    std::map<std::string, Vector> vectors;
    for (const auto& entry : fs::directory_iterator(NARROWS_SOURCE_DIR "/fuzz/corpus/age_fuzz")) {
        const std::string text = read_file(entry.path());
        if (text.starts_with("expect: ")) vectors[entry.path().filename()] = read_vector(text);
    }
    return vectors;
}

void expect_success(const std::string& name, const Vector& vector) {
    const auto plain = age_decrypt(vector.identities, as_bytes(vector.file));
    static const std::set<std::string> kLonger = {"stream_two_chunks", "stream_three_chunks",
                                                  "stream_last_chunk_full_second"};
    if (kLonger.contains(name)) {
        EXPECT_EQ(code_of(plain), ErrorCode::exhausted) << name;
        return;
    }
    ASSERT_TRUE(plain.has_value()) << name;
    EXPECT_EQ(hex(sha256(plain.value().view())), vector.payload) << name;
}

TEST(AgeVectors, are_judged_as_published) {
    const std::map<std::string, std::set<ErrorCode>> kCodes = {
        {"header failure", {ErrorCode::invalid, ErrorCode::unsupported}},
        {"no match", {ErrorCode::not_found}},
        {"HMAC failure", {ErrorCode::corrupt}},
        {"payload failure", {ErrorCode::corrupt, ErrorCode::exhausted}},
    };
    const auto vectors = read_vectors();
    EXPECT_EQ(vectors.size(), 65u);
    for (const auto& [name, vector] : vectors) {
        if (vector.expect == "success") {
            expect_success(name, vector);
            continue;
        }
        ASSERT_TRUE(kCodes.contains(vector.expect)) << name;
        const auto plain = age_decrypt(vector.identities, as_bytes(vector.file));
        EXPECT_TRUE(kCodes.at(vector.expect).contains(code_of(plain))) << name;
    }
}

TEST(Age, no_cut_and_no_flip_opens) {
    const AgeIdentity identity = AgeIdentity::generate();
    const Bytes file = encrypt_to(identity, "session key").value();
    for (std::size_t size = 0; size < file.size(); ++size) {
        EXPECT_FALSE(decrypt_with(identity, ByteView(file).first(size))) << size;
    }
    for (std::size_t bit = 0; bit < file.size() * 8; ++bit) {
        Bytes flipped = file;
        flipped[bit / 8] ^= static_cast<std::uint8_t>(1 << (bit % 8));
        EXPECT_FALSE(decrypt_with(identity, flipped)) << bit;
    }
    EXPECT_EQ(decrypt_with(identity, file).value().text(), "session key");
}

TEST(Age, takes_no_other_byte_for_base64) {
    constexpr std::string_view kAlphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const AgeIdentity identity = AgeIdentity::generate();
    const std::string end = "A\n--- " + std::string(43, 'A') + "\n" + std::string(32, 'x');
    for (int byte = 0; byte < 256; ++byte) {
        const char c = static_cast<char>(byte);
        const std::string file = std::string("age-encryption.org/v1\n-> other\n") + c + end;
        const bool good = kAlphabet.find(c) != std::string_view::npos;
        EXPECT_EQ(code_of(decrypt_with(identity, as_bytes(file))),
                  good ? ErrorCode::not_found : ErrorCode::invalid)
            << byte;
    }
}

TEST(Age, opens_for_each_recipient_and_for_no_one_else) {
    std::vector<AgeIdentity> identities;
    std::vector<AgeRecipient> recipients;
    for (std::size_t i = 0; i < kAgeRecipientsMax; ++i) {
        identities.push_back(AgeIdentity::generate());
        recipients.push_back(identities.back().recipient());
    }
    const Bytes file = age_encrypt(recipients, as_bytes("k")).value();
    EXPECT_EQ(decrypt_with(identities.front(), file).value().text(), "k");
    EXPECT_EQ(decrypt_with(identities.back(), file).value().text(), "k");
    EXPECT_EQ(code_of(decrypt_with(AgeIdentity::generate(), file)), ErrorCode::not_found);
    EXPECT_EQ(code_of(age_decrypt({}, file)), ErrorCode::not_found);
    recipients.push_back(recipients.front());
    EXPECT_EQ(code_of(age_encrypt(recipients, as_bytes("k"))), ErrorCode::exhausted);
    EXPECT_EQ(code_of(age_encrypt({}, as_bytes("k"))), ErrorCode::invalid);
}

TEST(Age, one_chunk_is_the_limit) {
    const AgeIdentity identity = AgeIdentity::generate();
    const std::string full(kAgePlainMax, 'x');
    Bytes file = encrypt_to(identity, full).value();
    EXPECT_EQ(decrypt_with(identity, file).value().text(), full);
    file.push_back(0);
    EXPECT_EQ(code_of(decrypt_with(identity, file)), ErrorCode::exhausted);
    EXPECT_EQ(code_of(encrypt_to(identity, full + "x")), ErrorCode::exhausted);
    EXPECT_EQ(decrypt_with(identity, encrypt_to(identity, "").value()).value().text(), "");
}

TEST(Age, headers_are_bounded) {
    const AgeIdentity identity = AgeIdentity::generate();
    std::string stanzas = "age-encryption.org/v1\n";
    for (std::size_t i = 0; i < kAgeRecipientsMax; ++i) stanzas += "-> other\n\n";
    const std::string end = "--- " + std::string(43, 'A') + "\n" + std::string(32, 'x');
    EXPECT_EQ(code_of(decrypt_with(identity, as_bytes(stanzas + end))), ErrorCode::not_found);
    EXPECT_EQ(code_of(decrypt_with(identity, as_bytes(stanzas + "-> other\n\n" + end))),
              ErrorCode::exhausted);
    const std::string long_line = "age-encryption.org/v1\n-> " + std::string(kAgeHeaderMax, 'a');
    EXPECT_EQ(code_of(decrypt_with(identity, as_bytes(long_line))), ErrorCode::exhausted);
    EXPECT_EQ(code_of(decrypt_with(identity, as_bytes("age-encryption.org/v1\n" + end))),
              ErrorCode::invalid);
}

/// Against the reference implementation's programs, age and age-keygen.
class AgeTool : public testing::Test {
  protected:
    AgeTool() : folder_(fs::temp_directory_path() / ("narrows-age-" + std::to_string(::getpid()))) {
        fs::create_directory(folder_);
    }
    ~AgeTool() override { fs::remove_all(folder_); }

    void write(const std::string& name, std::string_view text) const {
        std::ofstream(folder_ / name, std::ios::binary) << text;
    }
    std::string read(const std::string& name) const { return read_file(folder_ / name); }
    bool run(const std::string& command) const {
        return std::system(("cd '" + folder_.string() + "' && " + command).c_str()) == 0;
    }

  private:
    fs::path folder_;
};

TEST_F(AgeTool, opens_what_we_encrypt) {
    const AgeIdentity one = AgeIdentity::generate();
    const AgeIdentity other = AgeIdentity::generate();
    const std::array<AgeRecipient, 2> recipients = {one.recipient(), other.recipient()};
    write("one", one.text().text());
    write("other", other.text().text());
    write("stranger", AgeIdentity::generate().text().text());
    for (const std::string& plain :
         {std::string(), std::string("key\0\n", 5), std::string(kAgePlainMax, 'x')}) {
        write("file", as_text(age_encrypt(recipients, as_bytes(plain)).value()));
        for (const std::string key : {"one", "other"}) {
            ASSERT_TRUE(run("age -d -i " + key + " -o plain file"));
            EXPECT_EQ(read("plain"), plain);
        }
    }
    EXPECT_FALSE(run("age -d -i stranger file 2>stderr"));
    EXPECT_NE(read("stderr").find("no identity matched"), std::string::npos);
}

TEST_F(AgeTool, writes_what_we_open) {
    ASSERT_TRUE(run("age-keygen -o one 2>/dev/null && age-keygen -o other 2>/dev/null"));
    ASSERT_TRUE(run("printf %s \"$(age-keygen -y one)\" >recipient"));
    const auto one = parse_identities(read("one"));
    const auto other = parse_identities(read("other"));
    ASSERT_TRUE(one && other);
    EXPECT_EQ(one.value().at(0).recipient().text(), read("recipient"));
    for (const std::string& plain :
         {std::string(), std::string("key\0\n", 5), std::string(kAgePlainMax, 'x')}) {
        write("plain", plain);
        ASSERT_TRUE(run("age -r $(cat recipient) -o file plain"));
        EXPECT_EQ(age_decrypt(one.value(), as_bytes(read("file"))).value().text(), plain);
        EXPECT_EQ(code_of(age_decrypt(other.value(), as_bytes(read("file")))),
                  ErrorCode::not_found);
        ASSERT_TRUE(run("age -r $(cat recipient) -r $(age-keygen -y other) -o file plain"));
        EXPECT_EQ(age_decrypt(one.value(), as_bytes(read("file"))).value().text(), plain);
        EXPECT_EQ(age_decrypt(other.value(), as_bytes(read("file"))).value().text(), plain);
    }
    write("plain", std::string(kAgePlainMax + 1, 'x'));
    ASSERT_TRUE(run("age -r $(cat recipient) -o file plain"));
    EXPECT_EQ(code_of(age_decrypt(one.value(), as_bytes(read("file")))), ErrorCode::exhausted);
}

}  // namespace
}  // namespace narrows::crypto
