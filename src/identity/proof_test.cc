#include "identity/proof.h"

#include <gtest/gtest.h>

#include "codec/text.h"
#include "identity/jwt.h"
#include "identity/test_tokens.h"

namespace narrows::identity {
namespace {

constexpr WallNs kNow = (test::kIssuedAtS + 60) * kNsPerSecond;

Enrolment by_key(const Secret& key) {
    Enrolment out;
    out.key_sha256 = key_digest(key.text());
    return out;
}
Enrolment by_public_key(const crypto::SigningKey& key) {
    Enrolment out;
    out.public_key = key.public_key();
    return out;
}
Enrolment by_issuer(std::vector<ClaimRule> claims) {
    Enrolment out;
    out.issuer = "ci";
    out.claims = std::move(claims);
    return out;
}

class ProofTest : public testing::Test {
  protected:
    Authenticator authenticator() { return {registry_, keys_, replays_, clock_, "gw-1"}; }

    Secret launcher_key_ = new_key(KeyKind::launcher);
    Secret agent_key_ = new_key(KeyKind::agent);
    crypto::SigningKey signer_ = crypto::SigningKey::generate();
    ManualClock clock_{kNow};
    Registry registry_{{{"ci", test::kIssuerUrl, "narrows", "keys.json"}},
                       {{"orchestrator", by_key(launcher_key_)},
                        {"pipeline", by_issuer({{"sub", test::kSubject}})}},
                       {{"keyed", by_key(agent_key_)},
                        {"signed", by_public_key(signer_)},
                        {"ci-agent", by_issuer({{"sub", "repo:org/app:*"}})},
                        {"ci-other", by_issuer({{"sub", "repo:org/other:*"}})}},
                       {}};
    KeySources keys_ = make_key_sources(
        registry_,
        [](const std::string&) -> Result<std::string> { return std::string(test::kIssuerJwks); },
        clock_);
    ReplayMemory replays_;
};

TEST(Keys, carry_a_checksum) {
    const Secret key = new_key(KeyKind::agent);
    const std::string text(key.text());
    EXPECT_EQ(text.size(), 10u + 58u);
    EXPECT_TRUE(text.starts_with("nrw_agent_"));
    EXPECT_TRUE(well_formed_key(KeyKind::agent, text));
    EXPECT_FALSE(well_formed_key(KeyKind::launcher, text));
    EXPECT_FALSE(well_formed_key(KeyKind::launcher, "nrw_launcher_" + text.substr(10)));
    for (std::size_t i = 10; i < text.size(); ++i) {
        std::string altered = text;
        altered[i] = altered[i] == 'a' ? 'b' : 'a';
        EXPECT_FALSE(well_formed_key(KeyKind::agent, altered)) << i;
    }
    EXPECT_FALSE(well_formed_key(KeyKind::agent, text + "a"));
    EXPECT_FALSE(well_formed_key(KeyKind::agent, text.substr(0, 67)));
    EXPECT_FALSE(well_formed_key(KeyKind::agent, ""));
    EXPECT_NE(text, new_key(KeyKind::agent).text());
}

TEST_F(ProofTest, keys_name_their_launcher_and_agent) {
    Authenticator proofs = authenticator();
    const auto launcher = proofs.launcher(launcher_key_.text());
    ASSERT_TRUE(launcher);
    EXPECT_EQ(launcher.value().id, "orchestrator");
    EXPECT_EQ(launcher.value().method, Method::key);
    const auto agent = proofs.agent("keyed", agent_key_.text());
    ASSERT_TRUE(agent);
    EXPECT_EQ(agent.value().id, "keyed");
    EXPECT_TRUE(proofs.spend(agent.value()));
    EXPECT_TRUE(proofs.spend(agent.value()));
}

TEST_F(ProofTest, identities_are_apart) {
    Authenticator proofs = authenticator();
    EXPECT_FALSE(proofs.launcher(agent_key_.text()));
    EXPECT_FALSE(proofs.agent("keyed", launcher_key_.text()));
    EXPECT_FALSE(proofs.agent("signed", agent_key_.text()));
    EXPECT_FALSE(proofs.launcher(new_key(KeyKind::launcher).text()));
    EXPECT_FALSE(proofs.launcher(""));
    const auto unknown = proofs.agent("nobody", agent_key_.text());
    const auto wrong = proofs.agent("keyed", new_key(KeyKind::agent).text());
    ASSERT_FALSE(unknown);
    ASSERT_FALSE(wrong);
    EXPECT_EQ(unknown.error().what, wrong.error().what);
}

TEST_F(ProofTest, an_assertion_opens_one_session) {
    Authenticator proofs = authenticator();
    const std::string token = sign_assertion(signer_, "signed", "gw-1", kNow, 300);
    const auto agent = proofs.agent("signed", token);
    ASSERT_TRUE(agent) << agent.error().what;
    EXPECT_EQ(agent.value().method, Method::assertion);
    EXPECT_TRUE(proofs.spend(agent.value()));
    const auto again = proofs.agent("signed", token);
    ASSERT_TRUE(again);
    const auto spent = proofs.spend(again.value());
    ASSERT_FALSE(spent);
    EXPECT_EQ(spent.error().code, ErrorCode::conflict);
}

TEST_F(ProofTest, assertions_of_others_for_others_or_too_long_are_refused) {
    Authenticator proofs = authenticator();
    const auto accepted = [&](const std::string& token) {
        return proofs.agent("signed", token).has_value();
    };
    EXPECT_FALSE(accepted(sign_assertion(signer_, "other", "gw-1", kNow, 300)));
    EXPECT_FALSE(accepted(sign_assertion(signer_, "signed", "gw-2", kNow, 300)));
    EXPECT_FALSE(accepted(sign_assertion(signer_, "signed", "gw-1", kNow, 301)));
    EXPECT_FALSE(
        accepted(sign_assertion(signer_, "signed", "gw-1", kNow - 400 * kNsPerSecond, 300)));
    const auto other = crypto::SigningKey::generate();
    EXPECT_FALSE(accepted(sign_assertion(other, "signed", "gw-1", kNow, 300)));
    EXPECT_FALSE(accepted(test::kRs256Token));
}

TEST_F(ProofTest, issuer_tokens_carry_their_claims) {
    Authenticator proofs = authenticator();
    const auto agent = proofs.agent("ci-agent", test::kEs384Token);
    ASSERT_TRUE(agent) << agent.error().what;
    EXPECT_EQ(agent.value().method, Method::oidc);
    EXPECT_EQ(agent.value().issuer, test::kIssuerUrl);
    EXPECT_EQ(agent.value().claims.at("sub"), codec::Value(test::kSubject));
    EXPECT_EQ(to_value(agent.value()).text("method"), "oidc");
    EXPECT_FALSE(proofs.agent("ci-other", test::kEs384Token));
    EXPECT_FALSE(proofs.agent("keyed", test::kEs384Token));
    const auto launcher = proofs.launcher(test::kRs256Token);
    ASSERT_TRUE(launcher);
    EXPECT_EQ(launcher.value().id, "pipeline");
}

TEST_F(ProofTest, one_jti_and_one_signed_text_open_one_session) {
    Authenticator proofs = authenticator();
    EXPECT_TRUE(proofs.spend(proofs.agent("ci-agent", test::kEs384Token).value()));
    EXPECT_FALSE(proofs.spend(proofs.agent("ci-agent", test::kEs384Rewritten).value()));
    EXPECT_FALSE(proofs.spend(proofs.agent("ci-agent", test::kRs256Token).value()));  // same jti
}

TEST_F(ProofTest, bad_tokens_are_refused) {
    Authenticator proofs = authenticator();
    EXPECT_FALSE(proofs.launcher(test::kHs256WithPublicKey));
    std::string altered = test::kRs256Token;
    altered[altered.size() - 10] = altered[altered.size() - 10] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(proofs.launcher(altered));
    clock_.set_wall((test::kExpiresAtS + 61) * kNsPerSecond);
    EXPECT_FALSE(proofs.launcher(test::kRs256Token));
}

TEST(Replay, forgets_only_what_has_expired_and_is_bounded) {
    ReplayMemory memory(2);
    const auto proof = [](const char* text) { return crypto::sha256(text); };
    EXPECT_TRUE(memory.use(proof("a"), 100, 0));
    EXPECT_TRUE(memory.use(proof("b"), 200, 0));
    EXPECT_EQ(memory.use(proof("c"), 300, 0).error().code, ErrorCode::exhausted);
    EXPECT_EQ(memory.use(proof("a"), 100, 100).error().code, ErrorCode::conflict);
    EXPECT_TRUE(memory.use(proof("c"), 300, 101));
    EXPECT_EQ(memory.size(), 2u);
    EXPECT_FALSE(memory.use(proof("b"), 200, 150));
}

}  // namespace
}  // namespace narrows::identity
