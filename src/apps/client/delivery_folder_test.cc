#include "apps/client/delivery_folder.h"

#include <array>
#include <cstdio>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apps/client/output.h"

namespace narrows::client {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using testing::UnorderedElementsAre;

constexpr const char* kCa = "-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n";

StartedSession session_of(std::vector<std::string> connections) {
    StartedSession session;
    session.session = "ns-abc";
    session.endpoint_url = "http://127.0.0.1:8400";
    session.proxy_url = "http://127.0.0.1:8400";
    session.proxy_user = "ASIAUSER";
    session.proxy_token = "nrw_proxy_t";
    session.container_url = "http://127.0.0.1:8400/.narrows/credentials";
    session.authorization_token = "nrw_delivery_t";
    session.ca_pem = kCa;
    for (std::string& name : connections) {
        session.credentials.push_back(
            {std::move(name), "ASIAUSER", Secret(std::string_view("secret")), "nrw_session_t", 0});
        session.regions.push_back("eu-central-1");
    }
    return session;
}

mode_t mode_of(const std::string& path) {
    struct stat info {};
    return stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
}

TEST(DeliveryFolder, is_private_and_goes) {
    std::string path;
    {
        const auto folder = DeliveryFolder::make_temporary();
        ASSERT_TRUE(folder);
        path = folder.value().path();
        EXPECT_EQ(mode_of(path), 0700u);
        ASSERT_TRUE(folder.value().write("a", "text"));
        EXPECT_EQ(mode_of(path + "/a"), 0600u);
        EXPECT_FALSE(folder.value().write("a", "again"));
    }
    EXPECT_EQ(mode_of(path), 0u);
}

TEST(DeliveryFolder, a_kept_one_is_made_new) {
    const std::string path = testing::TempDir() + "narrows-kept-" + std::to_string(::getpid());
    {
        const auto folder = DeliveryFolder::make_kept(path);
        ASSERT_TRUE(folder);
        EXPECT_FALSE(DeliveryFolder::make_kept(path));
    }
    EXPECT_EQ(mode_of(path), 0700u);
    std::remove(path.c_str());
}

TEST(LayOut, one_connection_has_its_keys_in_variables) {
    const auto folder = DeliveryFolder::make_temporary();
    const auto change = lay_out(session_of({"reports"}), folder.value(), "/opt/n/narrows");
    ASSERT_TRUE(change);
    EXPECT_EQ(change.value().set.at("AWS_ACCESS_KEY_ID"), "ASIAUSER");
    EXPECT_EQ(change.value().set.at("AWS_ENDPOINT_URL"), "http://127.0.0.1:8400");
    EXPECT_EQ(change.value().set.at("HTTPS_PROXY"), "http://ASIAUSER:nrw_proxy_t@127.0.0.1:8400");
    EXPECT_EQ(change.value().set.at("AWS_CONFIG_FILE"), folder.value().file("aws-config"));
}

TEST(LayOut, several_connections_are_told_apart_by_profiles) {
    const auto folder = DeliveryFolder::make_temporary();
    const auto change = lay_out(session_of({"a", "b"}), folder.value(), "/opt/n arrows/narrows");
    ASSERT_TRUE(change);
    EXPECT_FALSE(change.value().set.contains("AWS_ACCESS_KEY_ID"));
    const std::string config = read_text(folder.value().file("aws-config"), 65536).value();
    EXPECT_THAT(config, HasSubstr("[default]\n"));
    EXPECT_THAT(config, HasSubstr("[profile b]\n"));
    EXPECT_THAT(config, HasSubstr("credential_process = \"/opt/n arrows/narrows\" credentials "
                                  "--connection b --delivery-file " +
                                  folder.value().file("delivery.json") + "\n"));
}

TEST(LayOut, the_bundle_adds_to_the_systems_roots) {
    const auto folder = DeliveryFolder::make_temporary();
    ASSERT_TRUE(lay_out(session_of({"a"}), folder.value(), "narrows"));
    const std::string bundle = read_text(folder.value().file("bundle.pem"), 16 << 20).value();
    const std::string roots = system_roots();
    const std::string before = roots.empty() ? "" : read_text(roots, 16 << 20).value();
    EXPECT_EQ(bundle, before + "\n" + kCa);
    EXPECT_EQ(read_text(folder.value().file("ca.pem"), 65536).value(), kCa);
}

TEST(ChildEnvironment, proofs_and_other_ways_stay_behind) {
    identity::Environment change;
    change.unset = {"AWS_PROFILE"};
    change.unset_prefixes = {"AWS_ENDPOINT_URL_"};
    change.set = {{"AWS_REGION", "eu-central-1"}, {"NARROWS_SESSION", "ns-abc"}};
    const std::vector<std::string> current = {"HOME=/nowhere",
                                              "AWS_PROFILE=prod",
                                              "AWS_REGION=us-east-1",
                                              "AWS_ENDPOINT_URL_S3=x",
                                              "NARROWS_LAUNCHER_KEY=k",
                                              "NARROWS_AGENT_KEY=k",
                                              "NARROWS_AGENT_TOKEN=t",
                                              "NARROWS_OPERATOR=http://h",
                                              "EMPTY=",
                                              "AWS_PROFILES_NOT=stays",
                                              "ODD"};
    EXPECT_THAT(child_environment(current, change),
                UnorderedElementsAre("HOME=/nowhere", "EMPTY=", "AWS_PROFILES_NOT=stays", "ODD",
                                     "AWS_REGION=eu-central-1", "NARROWS_SESSION=ns-abc"));
}

std::string said_by_shell(const std::string& script) {
    std::string out;
    FILE* shell = popen(("set -eu\n" + script).c_str(), "r");
    std::array<char, 256> part{};
    while (shell != nullptr && fgets(part.data(), part.size(), shell) != nullptr) {
        out += part.data();
    }
    return shell != nullptr && pclose(shell) == 0 ? out : out + "FAILED";
}

TEST(ShellExports, a_shell_reads_back_what_was_meant) {
    identity::Environment change;
    change.set = {{"ODD", "it's $HOME `id` \"x\" \\ \n end"}, {"PLAIN", "1"}};
    change.unset = {"GONE", "PLAIN"};
    change.unset_prefixes = {"AWS_ENDPOINT_URL_"};
    EXPECT_EQ(said_by_shell("GONE=1 AWS_ENDPOINT_URL_S3=1 AWS_ENDPOINT_URL=2\n"
                            "export GONE AWS_ENDPOINT_URL_S3 AWS_ENDPOINT_URL\n" +
                            shell_exports(change) +
                            "printf %s \"$ODD|$PLAIN|${GONE-none}|${AWS_ENDPOINT_URL_S3-none}|"
                            "$AWS_ENDPOINT_URL\"\n"),
              "it's $HOME `id` \"x\" \\ \n end|1|none|none|2");
}

TEST(PlainEnvironment, is_endpoint_mode_with_keys_and_no_files) {
    const identity::Environment change = plain_environment(session_of({"a"}));
    EXPECT_EQ(change.set.at("AWS_SESSION_TOKEN"), "nrw_session_t");
    EXPECT_FALSE(change.set.contains("HTTPS_PROXY"));
    EXPECT_FALSE(change.set.contains("AWS_CA_BUNDLE"));
}

}  // namespace
}  // namespace narrows::client
