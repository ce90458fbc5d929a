#include "evidence/note.h"

#include <gtest/gtest.h>

#include "evidence/checkpoint.h"
#include "evidence/trust.h"

// The PeterNeumann key and note are the published example of golang.org/x/mod/sumdb/note. The
// narrows/gw-1 key (seed 00 01 … 1f) and its note were made with that package (v0.22.0), the
// witness's cosignature with github.com/transparency-dev/formats/note. The quasimodo and
// behind-the-sofa notes are the examples in C2SP's signed-note, tlog-checkpoint, tlog-cosignature.

namespace narrows::evidence {
namespace {

constexpr std::string_view kPeterSkey =
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
constexpr std::string_view kPeterVkey =
    "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
constexpr std::string_view kPeterNote =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngot"
    "pRZb6KE6RyyBwJnAM=\n";
constexpr std::string_view kGatewaySkey =
    "PRIVATE+KEY+narrows/gw-1+f20ca31c+AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
constexpr std::string_view kGatewayVkey =
    "narrows/gw-1+f20ca31c+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
constexpr std::string_view kWitnessVkey =
    "witness.example/w1+40e99145+BADQWh0eolE5bVV6+9RYizxtmdvrly/tEKMlYuom3Nz6";
constexpr std::string_view kGatewayText =
    "narrows/gw-1\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n";
constexpr std::string_view kGatewayLine =
    "\u2014 narrows/gw-1 8gyjHOJTiOQKOE/VlzHw8WcMGdC6PDtgJ0EMSQE14Sn9/URIvnUkQblog6ya3p1ZwB0RYjg+9i"
    "kGRp+LGB68IVNckQk=\n";
constexpr std::string_view kPeterLine =
    "\u2014 PeterNeumann x08go4MMoMi+K1HsEim6OzAh38iMPZiv42D60+vUGI/OTGTLjV6Bqq3iY8Xif5yn+5T4mki7XH"
    "MM/s5BkYfUYC2IvA8=\n";
constexpr std::string_view kWitnessLine =
    "\u2014 witness.example/w1 QOmRRQAAAABrA+DU2ojw4AemVez39Cl+Dm2+OzZWwp0Cl/aAU2KepntE/uANtkjQWgYs"
    "BIgvCcL8FxNaaSZHJwdKslgcI6L7CLQeDg==\n";

std::string lines(std::initializer_list<std::string_view> parts) {
    std::string all;
    for (const std::string_view part : parts) all += part;
    return all;
}

std::vector<VerifierKey> keys(std::initializer_list<std::string_view> texts) {
    std::vector<VerifierKey> known;
    for (const std::string_view text : texts) known.push_back(parse_vkey(text).value());
    return known;
}

TEST(Note, signs_and_writes_the_published_example) {
    KeySigner signer = KeySigner::parse_skey(kPeterSkey).value();
    EXPECT_EQ(vkey_text(signer.key()), kPeterVkey);
    EXPECT_EQ(signer.skey_text().text(), kPeterSkey);
    const Note note = parse_note(kPeterNote).value();
    EXPECT_EQ(note_bytes(sign_note(note.text, signer).value()), kPeterNote);
    EXPECT_EQ(verify_note(note, keys({kPeterVkey})).value().keys.size(), 1u);
}

TEST(Note, key_texts_survive_a_round_trip) {
    for (const std::string_view text : {kPeterVkey, kGatewayVkey, kWitnessVkey}) {
        EXPECT_EQ(vkey_text(parse_vkey(text).value()), text);
    }
    EXPECT_EQ(vkey_text(KeySigner::parse_skey(kGatewaySkey).value().key()), kGatewayVkey);
}

TEST(Note, bad_keys_are_refused) {
    EXPECT_FALSE(parse_vkey(""));
    EXPECT_FALSE(parse_vkey("PeterNeumann"));
    EXPECT_FALSE(parse_vkey("Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"));
    EXPECT_FALSE(parse_vkey("PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"));
    EXPECT_FALSE(parse_vkey("PeterNeumann+c74f20a3+AhpcxQcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"));
    EXPECT_FALSE(parse_vkey("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy"));
    EXPECT_FALSE(KeySigner::parse_skey(kPeterVkey));
    EXPECT_FALSE(make_verifier_key("a\u2003b", KeyType::ed25519, {}));
    EXPECT_FALSE(make_verifier_key("a+b", KeyType::ed25519, {}));
    EXPECT_FALSE(make_verifier_key("", KeyType::ed25519, {}));
}

TEST(Note, several_signatures_are_each_recognised) {
    const std::string bytes = lines({kGatewayText, "\n", kGatewayLine, kPeterLine, kWitnessLine});
    const Note note = parse_note(bytes).value();
    EXPECT_EQ(note.signatures.size(), 3u);
    EXPECT_EQ(note_bytes(note), bytes);
    EXPECT_EQ(verify_note(note, keys({kGatewayVkey})).value().keys.size(), 1u);
    const Verified all = verify_note(note, keys({kWitnessVkey, kPeterVkey, kGatewayVkey})).value();
    EXPECT_EQ(all.keys, keys({kGatewayVkey, kPeterVkey, kWitnessVkey}));
    EXPECT_EQ(all.cosigned_at, (std::vector<std::int64_t>{0, 0, 1795416276}));
}

TEST(Note, a_signature_twice_counts_once) {
    const Note note = parse_note(lines({kGatewayText, "\n", kGatewayLine, kGatewayLine})).value();
    EXPECT_EQ(verify_note(note, keys({kGatewayVkey})).value().keys.size(), 1u);
}

TEST(Note, a_changed_text_is_corrupt_and_an_unknown_key_is_not_found) {
    Note note = parse_note(lines({kGatewayText, "\n", kGatewayLine})).value();
    EXPECT_EQ(verify_note(note, keys({kPeterVkey})).error().code, ErrorCode::not_found);
    note.text[13] = '9';
    EXPECT_EQ(verify_note(note, keys({kGatewayVkey})).error().code, ErrorCode::corrupt);
}

TEST(Note, one_bad_signature_by_a_known_key_spoils_the_note) {
    Note note = parse_note(lines({kGatewayText, "\n", kGatewayLine, kPeterLine})).value();
    note.signatures[1].bytes[0] ^= 1;
    EXPECT_EQ(verify_note(note, keys({kGatewayVkey, kPeterVkey})).error().code, ErrorCode::corrupt);
    EXPECT_TRUE(verify_note(note, keys({kGatewayVkey})));
}

TEST(Note, a_cosignature_binds_its_time) {
    Note note = parse_note(lines({kGatewayText, "\n", kWitnessLine})).value();
    EXPECT_TRUE(verify_note(note, keys({kWitnessVkey})));
    note.signatures[0].bytes[7] ^= 1;
    EXPECT_EQ(verify_note(note, keys({kWitnessVkey})).error().code, ErrorCode::corrupt);
    note.signatures[0].bytes.resize(64);
    EXPECT_EQ(verify_note(note, keys({kWitnessVkey})).error().code, ErrorCode::corrupt);
}

TEST(Note, the_text_ends_at_the_last_empty_line) {
    const Note note = parse_note(
                          "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\n"
                          "ed \xc3\xa8 subito sera.\n\n"
                          "\u2014 quasimodo.example/salvatore "
                          "NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKO"
                          "NrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n")
                          .value();
    EXPECT_TRUE(note.text.ends_with("sera.\n"));
    EXPECT_TRUE(note.text.starts_with("Ognuno"));
    EXPECT_EQ(note.signatures[0].name, "quasimodo.example/salvatore");
    EXPECT_EQ(note.signatures[0].id, 0x367ba04bu);
}

TEST(Note, malformed_notes_are_refused) {
    const std::string good = lines({kGatewayText, "\n", kGatewayLine});
    EXPECT_FALSE(parse_note(""));
    EXPECT_FALSE(parse_note(kGatewayText));
    EXPECT_FALSE(parse_note(lines({kGatewayText, "\n"})));
    EXPECT_FALSE(parse_note(good.substr(0, good.size() - 1)));
    EXPECT_FALSE(parse_note(good + "x\n"));
    EXPECT_FALSE(parse_note(good + "\n"));
    EXPECT_FALSE(parse_note(lines({"a\tb\n\n", kGatewayLine})));
    EXPECT_FALSE(parse_note(lines({"a\xff\n\n", kGatewayLine})));
    EXPECT_FALSE(parse_note(lines({kGatewayText, "\n- narrows/gw-1 AAAAAAA=\n"})));
    EXPECT_FALSE(parse_note(lines({kGatewayText, "\n\u2014 narrows/gw-1 AAAAAA==\n"})));
    EXPECT_FALSE(parse_note(lines({kGatewayText, "\n\u2014 narrows/gw-1 AAAAAAB=\n"})));
    std::string many = lines({kGatewayText, "\n"});
    for (int i = 0; i <= 100; ++i) many += kGatewayLine;
    EXPECT_FALSE(parse_note(many));
}

TEST(Note, a_text_that_no_note_can_hold_is_not_signed) {
    KeySigner signer = KeySigner::parse_skey(kGatewaySkey).value();
    EXPECT_FALSE(sign_note("no newline", signer));
    EXPECT_FALSE(sign_note("a\rb\n", signer));
    EXPECT_FALSE(sign_note("\xff\n", signer));
}

TEST(Checkpoint, reads_the_published_example) {
    const Note note = parse_note(
                          "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/"
                          "Xajj7h2fB2MPA3j2jxq2I=\n\n"
                          "\u2014 example.com/behind-the-sofa "
                          "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/"
                          "Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n")
                          .value();
    const Checkpoint checkpoint = parse_checkpoint(note.text).value();
    EXPECT_EQ(checkpoint.origin, "example.com/behind-the-sofa");
    EXPECT_EQ(checkpoint.size, 20852163u);
    EXPECT_EQ(checkpoint.root[0], 0x0a);
    EXPECT_TRUE(checkpoint.extensions.empty());
    EXPECT_EQ(checkpoint_text(checkpoint), note.text);
}

TEST(Checkpoint, malformed_texts_are_refused) {
    const std::string root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    EXPECT_TRUE(parse_checkpoint("a\n0\n" + root + "an extension\n"));
    EXPECT_FALSE(parse_checkpoint(""));
    EXPECT_FALSE(parse_checkpoint("\n0\n" + root));
    EXPECT_FALSE(parse_checkpoint("a\n00\n" + root));
    EXPECT_FALSE(parse_checkpoint("a\n-1\n" + root));
    EXPECT_FALSE(parse_checkpoint("a\n+1\n" + root));
    EXPECT_FALSE(parse_checkpoint("a\n18446744073709551616\n" + root));
    EXPECT_FALSE(parse_checkpoint("a\n1\nAAAA\n"));
    EXPECT_FALSE(parse_checkpoint("a\n1\n"));
    EXPECT_FALSE(parse_checkpoint("a\n1\n" + root + "\n"));
    EXPECT_FALSE(parse_checkpoint("a\n1\n" + root.substr(0, root.size() - 1)));
}

TEST(Trust, reads_logs_witnesses_and_quorum) {
    const Trust trust = parse_trust(lines({"# ours\n\nlog ", kGatewayVkey, "\r\n\twitness  ",
                                           kWitnessVkey, "\nquorum 1\n"}))
                            .value();
    EXPECT_EQ(trust.logs, keys({kGatewayVkey}));
    EXPECT_EQ(trust.witnesses, keys({kWitnessVkey}));
    EXPECT_EQ(trust.quorum, 1u);
}

TEST(Trust, names_the_line_that_is_wrong) {
    const Result<Trust> read = parse_trust(lines({"# one\nlog ", kGatewayVkey, "\nlogs x\n"}));
    ASSERT_FALSE(read);
    EXPECT_NE(read.error().what.find("line 3"), std::string::npos) << read.error().what;
}

TEST(Trust, refuses_what_could_verify_too_much) {
    EXPECT_FALSE(parse_trust(""));
    EXPECT_FALSE(parse_trust(lines({"log ", kWitnessVkey})));
    EXPECT_FALSE(parse_trust(lines({"log ", kGatewayVkey, "\nwitness ", kPeterVkey})));
    EXPECT_FALSE(parse_trust(lines({"log ", kGatewayVkey, "\nquorum 1"})));
    EXPECT_FALSE(parse_trust(lines({"log ", kGatewayVkey, "\nquorum -1"})));
    EXPECT_FALSE(parse_trust(lines({"log ", kGatewayVkey, "\nquorum 0\nquorum 0"})));
    EXPECT_FALSE(parse_trust(lines({"log ", kGatewayVkey, "\nlog ", kGatewayVkey})));
}

}  // namespace
}  // namespace narrows::evidence
