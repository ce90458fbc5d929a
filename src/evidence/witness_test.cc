#include "evidence/witness.h"

#include <gtest/gtest.h>

#include "codec/text.h"
#include "evidence/witness_message.h"
#include "io/faulty.h"

// Status codes and bodies are those of C2SP tlog-witness; the request is its example.

namespace narrows::evidence {
namespace {

constexpr std::string_view kExample =
    "old 20852014\n"
    "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n"
    "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n"
    "5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n"
    "/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n"
    "\n"
    "example.com/behind-the-sofa\n"
    "20852163\n"
    "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    "\n"
    "\u2014 example.com/behind-the-sofa "
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/"
    "Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";

TEST(WitnessMessage, the_documents_example_is_read_and_written) {
    const auto request = parse_add_checkpoint(kExample);
    ASSERT_TRUE(request);
    EXPECT_EQ(request.value().old_size, 20'852'014u);
    ASSERT_EQ(request.value().proof.size(), 4u);
    EXPECT_EQ(codec::base64(request.value().proof[3]),
              "/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=");
    EXPECT_TRUE(request.value().note.starts_with("example.com/behind-the-sofa\n20852163\n"));
    EXPECT_EQ(add_checkpoint_text(request.value()), kExample);
}

TEST(WitnessMessage, what_is_no_request_is_refused) {
    const std::string hash = "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n";
    std::string long_proof = "old 1\n";
    for (int i = 0; i < 64; ++i) long_proof += hash;
    EXPECT_FALSE(parse_add_checkpoint(long_proof + "\nx\n"));
    for (const std::string& text :
         {std::string(), std::string("old 1"), std::string("old 01\n\n"), std::string("old -1\n\n"),
          std::string("old +1\n\n"), std::string("old \n\n"), std::string("new 1\n\n"),
          std::string("old 18446744073709551616\n\n"), "old 1\n" + hash, "old 1\n" + hash + "x\n\n",
          std::string("old 1\nAAAA\n\n"), std::string(kAddCheckpointMax + 1, 'x')}) {
        EXPECT_FALSE(parse_add_checkpoint(text)) << text.substr(0, 80);
    }
    EXPECT_FALSE(parse_known_size("12"));
    EXPECT_FALSE(parse_known_size("012\n"));
    EXPECT_FALSE(parse_known_size("12\n\n"));
    EXPECT_EQ(parse_known_size("12\n").value(), 12u);
}

/// A log of leaves "0", "1", … and the requests that it makes.
class Grown {
  public:
    explicit Grown(KeySigner signer, std::string prefix = "")
        : signer_(std::move(signer)), prefix_(std::move(prefix)) {}

    Hash root(std::uint64_t size) const {
        Frontier frontier;
        for (std::uint64_t i = 0; i < size; ++i) frontier.append(leaf(i));
        return frontier.root();
    }
    std::string request(std::uint64_t old_size, std::uint64_t size) {
        const std::string text = checkpoint_text({"narrows/gw-1", size, root(size), {}});
        const Note note = sign_note(text, signer_).value();
        const auto read = [this](unsigned level, std::uint64_t index) -> Result<Hash> {
            Frontier subtree;
            for (std::uint64_t i = 0; i < std::uint64_t{1} << level; ++i) {
                subtree.append(leaf((index << level) + i));
            }
            return subtree.root();
        };
        std::vector<Hash> proof;
        if (old_size <= size) proof = consistency_proof(old_size, size, read).value();
        return add_checkpoint_text({old_size, std::move(proof), note_bytes(note)});
    }

  private:
    Hash leaf(std::uint64_t index) const {
        const std::string text = prefix_ + std::to_string(index);
        return leaf_hash(as_bytes(text));
    }
    KeySigner signer_;
    std::string prefix_;
};

KeySigner key(std::string name, std::uint8_t byte) {
    return KeySigner::make(std::move(name),
                           crypto::SigningKey::from_seed(Secret(Bytes(32, byte))).value())
        .value();
}

class WitnessTest : public testing::Test {
  protected:
    Result<std::unique_ptr<Witness>> open() {
        return Witness::open(disk_, "/state", Cosigner::make(key("w.example/1", 9)).value(),
                             {{"narrows/gw-1", {log_key_}}}, clock_);
    }
    void restart() {
        witness_.reset();
        witness_ = open().value();
    }
    int ask(Grown& log, std::uint64_t old_size, std::uint64_t size) {
        answer_ = witness_->add_checkpoint(log.request(old_size, size));
        return answer_.status;
    }

    io::FaultyFileSystem disk_;
    ManualClock clock_{1'764'000'000 * kNsPerSecond};
    VerifierKey log_key_ = key("narrows/gw-1", 1).key();
    Grown log_{key("narrows/gw-1", 1)};
    std::unique_ptr<Witness> witness_ = open().value();
    WitnessAnswer answer_;
};

TEST_F(WitnessTest, a_growing_log_is_cosigned_with_the_time) {
    EXPECT_EQ(ask(log_, 0, 3), 200);
    EXPECT_EQ(ask(log_, 3, 8), 200);
    EXPECT_EQ(ask(log_, 8, 8), 200);
    const auto lines = parse_signatures(answer_.body).value();
    ASSERT_EQ(lines.size(), 1u);
    const std::string text = checkpoint_text({"narrows/gw-1", 8, log_.root(8), {}});
    EXPECT_EQ(signed_at(witness_->key(), lines[0], text), 1'764'000'000);
    EXPECT_EQ(signed_at(witness_->key(), lines[0], text + "x\n"), std::nullopt);
}

TEST_F(WitnessTest, an_old_size_that_it_does_not_have_is_told_the_one_it_has) {
    EXPECT_EQ(ask(log_, 2, 3), 409);
    EXPECT_EQ(answer_.body, "0\n");
    EXPECT_EQ(ask(log_, 0, 5), 200);
    EXPECT_EQ(ask(log_, 0, 7), 409);
    EXPECT_EQ(answer_.body, "5\n");
    EXPECT_EQ(answer_.type, "text/x.tlog.size");
    EXPECT_EQ(ask(log_, 3, 4), 409) << "a smaller head is never cosigned";
}

TEST_F(WitnessTest, another_log_of_the_same_name_is_refused_and_kept_as_proof) {
    Grown fork(key("narrows/gw-1", 1), "fork");
    EXPECT_EQ(ask(log_, 0, 5), 200);
    EXPECT_EQ(ask(fork, 5, 5), 409);
    EXPECT_EQ(ask(fork, 5, 9), 422);
    const std::string kept = "/state/" + codec::hex(crypto::sha256("narrows/gw-1")) + ".refused";
    const auto note = parse_note(as_text(disk_.content(kept)));
    ASSERT_TRUE(note);
    EXPECT_EQ(parse_checkpoint(note.value().text).value().size, 9u);
    EXPECT_TRUE(verify_note(note.value(), {log_key_}));
    EXPECT_EQ(ask(log_, 5, 9), 200);
}

TEST_F(WitnessTest, strangers_are_refused) {
    Grown stranger(key("narrows/gw-1", 2));
    EXPECT_EQ(ask(stranger, 0, 3), 403);
    EXPECT_EQ(ask(log_, 4, 3), 400);
    EXPECT_EQ(witness_->add_checkpoint("old 0\n\nhello\n").status, 400);
    EXPECT_EQ(witness_->add_checkpoint(kExample).status, 404);
}

TEST_F(WitnessTest, what_it_cosigned_survives_a_power_cut) {
    EXPECT_EQ(ask(log_, 0, 5), 200);
    disk_.power_cut();
    restart();
    EXPECT_EQ(ask(log_, 0, 3), 409);
    EXPECT_EQ(answer_.body, "5\n");
    EXPECT_EQ(ask(log_, 5, 6), 200);
}

TEST_F(WitnessTest, without_its_disk_nothing_is_cosigned) {
    EXPECT_EQ(ask(log_, 0, 5), 200);
    io::FaultyFileSystem::Faults faults;
    faults.sync_error_at = disk_.syncs() + 1;
    disk_.set_faults(faults);
    EXPECT_EQ(ask(log_, 5, 6), 500);
    EXPECT_EQ(ask(log_, 5, 6), 200) << "it still stands at 5";
}

TEST_F(WitnessTest, a_damaged_state_is_not_taken_for_none) {
    EXPECT_EQ(ask(log_, 0, 5), 200);
    const std::string file = "/state/" + codec::hex(crypto::sha256("narrows/gw-1"));
    Bytes bytes = disk_.content(file);
    bytes[bytes.size() - 9] ^= 1;
    disk_.set_content(file, bytes);
    witness_.reset();
    const auto opened = open();
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::corrupt);
}

TEST_F(WitnessTest, two_witnesses_do_not_share_a_state) {
    EXPECT_EQ(open().error().code, ErrorCode::conflict);
}

}  // namespace
}  // namespace narrows::evidence
