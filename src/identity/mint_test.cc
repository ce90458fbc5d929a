#include "identity/mint.h"

#include <set>

#include <gtest/gtest.h>

#include "codec/text.h"
#include "identity/delivery.h"
#include "io/faulty.h"

namespace narrows::identity {
namespace {

constexpr WallNs kExpires = 1'795'418'600 * kNsPerSecond;

Bytes counting() {
    Bytes bytes(32);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i);
    return bytes;
}
GroupKey group() {
    return GroupKey::from_bytes(Secret(counting())).value();
}

TokenClaims claims() {
    return {new_session_id(), "reports-ro", "", kExpires, "analyst", "ann@example.com"};
}

// Expected value: Python, base64(hmac(bytes(range(32)), "narrows-secret-v1" + id, sha256)[:30]).
TEST(Mint, the_secret_is_derived_from_the_key_id) {
    EXPECT_EQ(secret_access_key(group(), "ASIAABCDEFGHIJKLMNOP").text(),
              "Hb0BlU+VmKnScX/1qzC83ZQQe1AyxxzQ5XP03VYV");
    EXPECT_NE(secret_access_key(group(), "ASIAABCDEFGHIJKLMNOQ").text(),
              "Hb0BlU+VmKnScX/1qzC83ZQQe1AyxxzQ5XP03VYV");
}

TEST(Mint, ids_have_their_shape_and_do_not_repeat) {
    std::set<std::string> seen;
    for (int i = 0; i < 1000; ++i) {
        const std::string key_id = new_access_key_id();
        EXPECT_TRUE(is_access_key_id(key_id)) << key_id;
        const std::string session = new_session_id().value();
        EXPECT_EQ(session.size(), 29u);
        EXPECT_TRUE(session.starts_with("ns-"));
        EXPECT_EQ(session.find_first_not_of("abcdefghijklmnopqrstuvwxyz234567", 3),
                  std::string::npos);
        EXPECT_TRUE(seen.insert(key_id).second && seen.insert(session).second);
    }
    EXPECT_FALSE(is_access_key_id("AKIAABCDEFGHIJKLMNOP"));
    EXPECT_FALSE(is_access_key_id("ASIAABCDEFGHIJKLMNO1"));
    EXPECT_FALSE(is_access_key_id("ASIA"));
}

TEST(Mint, any_holder_of_the_group_key_opens_the_token) {
    TokenClaims wanted = claims();
    const auto minted = mint(group(), wanted);
    ASSERT_TRUE(minted);
    wanted.key_id = minted.value().access_key_id;
    const auto opened =
        open_token(group(), minted.value().session_token, minted.value().access_key_id);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened.value(), wanted);
    const auto refreshed = mint_again(group(), opened.value());
    EXPECT_EQ(refreshed.value().secret_access_key.text(), minted.value().secret_access_key.text());
}

TEST(Mint, altered_foreign_and_swapped_tokens_do_not_open) {
    const auto minted = mint(group(), claims());
    const std::string& token = minted.value().session_token;
    const std::string& key_id = minted.value().access_key_id;
    for (std::size_t i = 0; i < token.size(); ++i) {
        std::string altered = token;
        altered[i] = altered[i] == 'A' ? 'B' : 'A';
        EXPECT_FALSE(open_token(group(), altered, key_id)) << i;
    }
    EXPECT_FALSE(open_token(group(), token, new_access_key_id()));
    EXPECT_FALSE(open_token(GroupKey::generate(), token, key_id));
    EXPECT_FALSE(open_token(group(), "", key_id));
    EXPECT_FALSE(open_token(group(), "nrw_session_", key_id));
    EXPECT_FALSE(open_token(group(), token + std::string(2000, 'A'), key_id));
}

TEST(Mint, a_token_of_one_use_is_none_of_another) {
    for (const TokenUse made : {TokenUse::aws, TokenUse::delivery, TokenUse::proxy}) {
        const std::string token = seal_token(group(), made, claims()).value();
        const std::string body = token.substr(token.find('_', 4) + 1);
        for (const TokenUse used : {TokenUse::aws, TokenUse::delivery, TokenUse::proxy}) {
            const std::string sample = seal_token(group(), used, claims()).value();
            const std::string dressed = sample.substr(0, sample.find('_', 4) + 1) + body;
            EXPECT_EQ(open_token(group(), used, dressed).has_value(), made == used);
        }
    }
}

TEST(Mint, tokens_stay_below_one_kib) {
    TokenClaims longest = claims();
    longest.agent = std::string(64, 'a');
    longest.connection = std::string(64, 'c');
    longest.principal = std::string(256, 'p');
    const auto minted = mint(group(), longest);
    ASSERT_TRUE(minted) << minted.error().what;
    EXPECT_LE(minted.value().session_token.size(), kSealedTokenMax);
    longest.principal = std::string(1024, 'p');
    EXPECT_FALSE(mint(group(), longest));
}

TEST(GroupKeyFile, is_made_once_and_survives_a_power_cut) {
    io::FaultyFileSystem fs;
    const auto made = load_or_create_group_key(fs, "data/group.key");
    ASSERT_TRUE(made) << made.error().what;
    fs.power_cut();
    const auto loaded = load_or_create_group_key(fs, "data/group.key");
    ASSERT_TRUE(loaded);
    EXPECT_EQ(to_bytes(made.value().bytes()), to_bytes(loaded.value().bytes()));
    fs.set_content("data/group.key", Bytes(31, 7));
    EXPECT_FALSE(load_or_create_group_key(fs, "data/group.key"));
    fs.set_content("data/group.key", Bytes(33, 7));
    EXPECT_FALSE(load_or_create_group_key(fs, "data/group.key"));
}

Credentials sample() {
    return {"reports-ro", "ASIAABCDEFGHIJKLMNOP", Secret(std::string_view("secret/key")), "token",
            kExpires};
}

// Member names: AWS SDKs and Tools reference guide, container and process credential providers.
TEST(Delivery, documents_are_those_of_the_sdks) {
    EXPECT_EQ(container_credentials_json(sample()),
              R"({"AccessKeyId":"ASIAABCDEFGHIJKLMNOP","Expiration":"2026-11-23T07:23:20.000Z",)"
              R"("SecretAccessKey":"secret/key","Token":"token"})");
    EXPECT_EQ(credential_process_json(sample()),
              R"({"AccessKeyId":"ASIAABCDEFGHIJKLMNOP","Expiration":"2026-11-23T07:23:20.000Z",)"
              R"("SecretAccessKey":"secret/key","SessionToken":"token","Version":1})");
}

DeliveryInput input(const Credentials* keys) {
    DeliveryInput out;
    out.region = "eu-central-1";
    out.endpoint_url = "http://gw.agents.internal:8400";
    out.proxy_url = "http://gw.agents.internal:8400";
    out.proxy_user = "ASIAABCDEFGHIJKLMNOP";
    out.proxy_token = "nrw_proxy_a-b/c";
    out.container_url = "http://127.0.0.1:8400/credentials";
    out.authorization_token = "nrw_delivery_x";
    out.keys = keys;
    out.ca_bundle_path = "/run/n/bundle.pem";
    out.ca_path = "/run/n/ca.pem";
    out.session = "ns-abc";
    return out;
}

TEST(Delivery, variables_serve_every_runtime) {
    const Credentials keys = sample();
    const Environment made = environment(input(&keys));
    const auto is = [&](const char* name, const char* value) {
        ASSERT_TRUE(made.set.contains(name)) << name;
        EXPECT_EQ(made.set.at(name), value) << name;
    };
    is("AWS_ENDPOINT_URL", "http://gw.agents.internal:8400");
    is("HTTPS_PROXY", "http://ASIAABCDEFGHIJKLMNOP:nrw_proxy_a-b%2Fc@gw.agents.internal:8400");
    is("https_proxy", made.set.at("HTTPS_PROXY").c_str());
    is("NO_PROXY", "localhost,127.0.0.1,::1,gw.agents.internal");
    is("AWS_ACCESS_KEY_ID", "ASIAABCDEFGHIJKLMNOP");
    is("AWS_SECRET_ACCESS_KEY", "secret/key");
    is("AWS_SESSION_TOKEN", "token");
    is("AWS_CA_BUNDLE", "/run/n/bundle.pem");
    is("SSL_CERT_FILE", "/run/n/bundle.pem");
    is("NODE_EXTRA_CA_CERTS", "/run/n/ca.pem");
    is("AWS_EC2_METADATA_DISABLED", "true");
    is("AWS_REGION", "eu-central-1");
    is("AWS_DEFAULT_REGION", "eu-central-1");
    is("AWS_SDK_UA_APP_ID", "ns-abc");
    is("AWS_CONFIG_FILE", "/dev/null");
}

TEST(Delivery, the_callers_own_credentials_and_endpoints_go) {
    const Environment made = environment(input(nullptr));
    for (const char* name :
         {"AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "AWS_ROLE_ARN",
          "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
          "AWS_ENDPOINT_URL_S3", "AWS_BEARER_TOKEN_BEDROCK", "ALL_PROXY"}) {
        EXPECT_TRUE(made.drops(name)) << name;
        EXPECT_FALSE(made.set.contains(name)) << name;
    }
    EXPECT_FALSE(made.drops("PATH"));
    EXPECT_FALSE(made.drops("ANTHROPIC_API_KEY"));
}

TEST(Delivery, one_profile_per_connection) {
    const auto text = profiles_text({{"reports-ro", "eu-central-1", "narrows credentials 1"},
                                     {"logs", "eu-west-1", "narrows credentials 2"}},
                                    "http://127.0.0.1:8400", "/run/n/bundle.pem");
    ASSERT_TRUE(text);
    EXPECT_TRUE(
        text.value().starts_with("[default]\nregion = eu-central-1\n"
                                 "endpoint_url = http://127.0.0.1:8400\n"
                                 "ca_bundle = /run/n/bundle.pem\n"
                                 "credential_process = narrows credentials 1\n"));
    EXPECT_NE(text.value().find("[profile logs]\nregion = eu-west-1\n"), std::string::npos);
    EXPECT_FALSE(profiles_text({{"a]\n[b", "r", "c"}}, "", ""));
    EXPECT_FALSE(profiles_text({{"a", "r", "c\nx = y"}}, "", ""));
    EXPECT_FALSE(profiles_text({{"a", "r", "c"}}, "http://x\n", ""));
}

}  // namespace
}  // namespace narrows::identity
