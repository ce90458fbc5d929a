#include "protocols/aws/upstream/credential_chain.h"

#include <gtest/gtest.h>

#include "protocols/aws/sigv4/authorization.h"
#include "protocols/aws/upstream/fakes.h"
#include "protocols/aws/upstream/profile.h"

namespace narrows::upstream {
namespace {

using fakes::FakeFetch;

constexpr WallNs kNow = 1784800000 * kNsPerSecond;  // 2026-07-23T09:46:40Z
constexpr const char* kDocument =
    R"({"Code":"Success","AccessKeyId":"ASIADOC","SecretAccessKey":"s","Token":"t",)"
    R"("Expiration":"2026-07-23T11:46:40Z"})";

struct Fixture : testing::Test {
    fakes::FakeHost host;
    FakeFetch fetch;
    ManualClock clock{kNow};
    CredentialChain chain{
        host, fetch, clock, {"eu-west-1", {"sts.eu-west-1.amazonaws.com", 443, true, false}}};

    Fixture() {
        host.variables["HOME"] = "/srv/gw";
        host.variables["AWS_EC2_METADATA_DISABLED"] = "true";
    }
    /// "source: key id", or the name of the error.
    std::string got(const std::string& profile = "") {
        const auto result = chain.get(profile);
        if (!result) return std::string("! ") + name_of(result.error().code);
        return result.value().source + ": " + result.value().credentials.access_key_id;
    }
    void expect_path(std::string method, std::string path, std::string host_header, int status,
                     std::string body) {
        fetch.next([=](const FetchRequest& request) {
            EXPECT_EQ(request.head.method, method);
            EXPECT_EQ(request.head.target, path);
            EXPECT_EQ(http::header(request.head.headers, "host"), host_header);
            return FakeFetch::answer(status, body);
        });
    }
};
using Chain = Fixture;
using Profile = Fixture;

TEST_F(Chain, nothing_anywhere) {
    EXPECT_EQ(got(), "! not_found");
    EXPECT_EQ(got("reports"), "! not_found");
}

TEST_F(Chain, environment_comes_first_and_must_be_whole) {
    host.variables["AWS_ACCESS_KEY_ID"] = "AKIAENV";
    EXPECT_EQ(got(), "! invalid");
    host.variables["AWS_SECRET_ACCESS_KEY"] = "s";
    host.variables["AWS_SESSION_TOKEN"] = "t";
    host.files["/srv/gw/.aws/credentials"] =
        "[default]\naws_access_key_id=AKIAFILE\naws_secret_access_key=s\n";
    EXPECT_EQ(got(), "environment: AKIAENV");
    EXPECT_EQ(chain.get("").value().credentials.session_token.text(), "t");
}

TEST_F(Chain, a_named_profile_never_falls_back_to_the_environment) {
    host.variables["AWS_ACCESS_KEY_ID"] = "AKIAENV";
    host.variables["AWS_SECRET_ACCESS_KEY"] = "s";
    EXPECT_EQ(got("reports"), "! not_found");
}

TEST_F(Chain, web_identity_by_environment) {
    host.variables["AWS_WEB_IDENTITY_TOKEN_FILE"] = "/var/run/token";
    EXPECT_EQ(got(), "! invalid");
    host.variables["AWS_ROLE_ARN"] = "arn:aws:iam::123456789012:role/gw";
    EXPECT_EQ(got(), "! invalid");
    host.files["/var/run/token"] = "a.b.c\n";
    fetch.next([](const FetchRequest& request) {
        EXPECT_TRUE(request.body.text().ends_with("WebIdentityToken=a.b.c"));
        return FakeFetch::answer(200, fakes::assume_role_answer("ASIAWEB", "2026-07-23T11:46:40Z"));
    });
    EXPECT_EQ(got(), "web identity: ASIAWEB");
    EXPECT_EQ(got(), "web identity: ASIAWEB");
    EXPECT_EQ(fetch.asked, 1);
}

TEST_F(Profile, static_keys_of_either_file_and_the_credentials_file_wins) {
    host.files["/srv/gw/.aws/config"] =
        "# comment\n[default]\nregion = eu-west-1\n[profile reports]\n"
        "aws_access_key_id = AKIACONFIG\naws_secret_access_key = s ; comment\ns3 =\n  x = y\n"
        "[sso-session corp]\nsso_region = eu-west-1\n";
    EXPECT_EQ(got("reports"), "profile reports: AKIACONFIG");
    EXPECT_EQ(chain.get("reports").value().credentials.secret_access_key.text(), "s");
    host.files["/srv/gw/.aws/credentials"] = "[reports]\naws_access_key_id = AKIAKEYS\n";
    EXPECT_EQ(got("reports"), "profile reports: AKIAKEYS");
    EXPECT_EQ(got(), "! not_found");
    host.variables["AWS_PROFILE"] = "reports";
    EXPECT_EQ(got(), "profile reports: AKIAKEYS");
    host.variables["AWS_PROFILE"] = "absent";
    EXPECT_EQ(got(), "! not_found");
}

TEST_F(Profile, files_can_stand_elsewhere) {
    host.variables["AWS_SHARED_CREDENTIALS_FILE"] = "/etc/keys";
    host.files["/etc/keys"] = "[default]\r\naws_access_key_id=A\r\naws_secret_access_key=s\r\n";
    EXPECT_EQ(got(), "profile default: A");
}

TEST_F(Profile, role_with_source_profile) {
    host.files["/srv/gw/.aws/config"] =
        "[profile reports]\nrole_arn = arn:aws:iam::123456789012:role/gw\nsource_profile = base\n"
        "role_session_name = gateway\nexternal_id = ext-1\n"
        "[profile base]\naws_access_key_id = AKIABASE\naws_secret_access_key = s\n";
    fetch.next([](const FetchRequest& request) {
        EXPECT_EQ(sigv4::read_authorization(request.head).value().key_id, "AKIABASE");
        EXPECT_NE(request.body.text().find("RoleSessionName=gateway&"), std::string_view::npos);
        EXPECT_NE(request.body.text().find("ExternalId=ext-1"), std::string_view::npos);
        return FakeFetch::answer(200, fakes::assume_role_answer("ASIA1", "2026-07-23T11:46:40Z"));
    });
    EXPECT_EQ(got("reports"), "profile reports: ASIA1");
}

TEST_F(Profile, role_chains_that_lead_nowhere_are_refused) {
    const std::string role = "role_arn = arn:aws:iam::123456789012:role/gw\n";
    const auto with = [&](std::string text) {
        host.files["/srv/gw/.aws/config"] = std::move(text);
        return got("a");
    };
    EXPECT_EQ(with("[profile a]\n" + role), "! invalid");
    EXPECT_EQ(with("[profile a]\n" + role + "source_profile = b\n"), "! invalid");
    EXPECT_EQ(with("[profile a]\n" + role + "source_profile = a\n"), "! invalid");
    EXPECT_EQ(with("[profile a]\n" + role + "source_profile = b\n[profile b]\n" + role +
                   "source_profile = a\n"),
              "! invalid");
    EXPECT_EQ(with("[profile a]\n" + role + "source_profile=b\ncredential_source=Environment\n"),
              "! invalid");
    EXPECT_EQ(with("[profile a]\n" + role + "credential_source = Magic\n"), "! invalid");
    EXPECT_EQ(with("[profile a]\nsso_start_url = https://x\n"), "! unsupported");
    EXPECT_EQ(with("[profile a]\ncredential_process = /bin/x\n"), "! unsupported");
    EXPECT_EQ(with("[profile a]\naws_access_key_id = A\n"), "! invalid");
}

TEST_F(Profile, role_with_credential_source) {
    host.variables["AWS_ACCESS_KEY_ID"] = "AKIAENV";
    host.variables["AWS_SECRET_ACCESS_KEY"] = "s";
    host.files["/srv/gw/.aws/config"] =
        "[profile a]\nrole_arn = arn:aws:iam::123456789012:role/gw\n"
        "credential_source = Environment\n";
    fetch.next([](const FetchRequest& request) {
        EXPECT_EQ(sigv4::read_authorization(request.head).value().key_id, "AKIAENV");
        return FakeFetch::answer(200, fakes::assume_role_answer("ASIA1", "2026-07-23T11:46:40Z"));
    });
    EXPECT_EQ(got("a"), "profile a: ASIA1");
}

TEST(ParseProfiles, refuses_what_says_nothing_or_two_things) {
    for (const char* text :
         {"a = b\n", "[x\n", "[x]\nnonsense\n", "[x]\n= b\n", "[x]\n[x]\n", "[x]\na=1\nA=2\n"}) {
        const auto got = parse_profiles(text, ProfileFile::credentials);
        ASSERT_FALSE(got) << text;
        EXPECT_NE(got.error().what.find("line "), std::string::npos);
    }
}

TEST_F(Chain, container_by_relative_uri) {
    host.variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/v2/credentials/1";
    expect_path("GET", "/v2/credentials/1", "169.254.170.2", 200, kDocument);
    EXPECT_EQ(got(), "container: ASIADOC");
}

TEST_F(Chain, container_by_full_uri_with_a_token_file) {
    host.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://169.254.170.23/v1/credentials";
    host.variables["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = "/token";
    host.files["/token"] = "abc\n";
    fetch.next([](const FetchRequest& request) {
        EXPECT_EQ(http::header(request.head.headers, "authorization"), "abc");
        EXPECT_TRUE(request.target.configured);
        return FakeFetch::answer(200, kDocument);
    });
    EXPECT_EQ(got(), "container: ASIADOC");
}

TEST_F(Chain, container_refuses_foreign_hosts_and_broken_answers) {
    auto& uri = host.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"];
    for (const char* bad : {"http://example.com/x", "http://10.0.0.1/", "ftp://127.0.0.1/", "x",
                            "http://u@127.0.0.1/", "https://h/a b"}) {
        uri = bad;
        EXPECT_EQ(got(), "! invalid") << bad;
    }
    uri = "http://localhost:8080/x";
    host.variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "a\r\nb: c";
    EXPECT_EQ(got(), "! invalid");
    host.variables.erase("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    fetch.next(500, "");
    EXPECT_EQ(got(), "! unavailable");
    for (const char* body : {"", "[]", "{}", R"({"AccessKeyId":"A","SecretAccessKey":"s"})"}) {
        fetch.next(200, body);
        EXPECT_EQ(got(), "! invalid") << body;
    }
}

TEST_F(Chain, instance_metadata_version_2) {
    host.variables.erase("AWS_EC2_METADATA_DISABLED");
    const std::string path = "/latest/meta-data/iam/security-credentials/";
    fetch.next([](const FetchRequest& request) {
        EXPECT_EQ(request.head.method, "PUT");
        EXPECT_EQ(request.head.target, "/latest/api/token");
        EXPECT_EQ(http::header(request.head.headers, "x-aws-ec2-metadata-token-ttl-seconds"),
                  "21600");
        return FakeFetch::answer(200, "TOKEN==");
    });
    fetch.next([&](const FetchRequest& request) {
        EXPECT_EQ(request.head.target, path);
        EXPECT_EQ(http::header(request.head.headers, "x-aws-ec2-metadata-token"), "TOKEN==");
        return FakeFetch::answer(200, "gw-role\n");
    });
    expect_path("GET", path + "gw-role", "169.254.169.254", 200, kDocument);
    EXPECT_EQ(got(), "imds role gw-role: ASIADOC");
}

TEST_F(Chain, instance_metadata_absent_silent_or_hostile) {
    host.variables.erase("AWS_EC2_METADATA_DISABLED");
    fetch.next([](const FetchRequest&) -> Result<FetchResponse> {
        return fail(ErrorCode::timeout, "no answer");
    });
    EXPECT_EQ(got(), "! not_found");
    fetch.next(403, "");
    EXPECT_EQ(got(), "! unavailable");
    fetch.next(200, "T");
    fetch.next(404, "");
    EXPECT_EQ(got(), "! not_found");
    fetch.next(200, "T");
    fetch.next(200, "../../x y");
    EXPECT_EQ(got(), "! invalid");
}

TEST_F(Chain, asks_again_five_minutes_before_expiry) {
    host.variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/c";
    fetch.next(200, kDocument);
    EXPECT_EQ(got(), "container: ASIADOC");
    clock.advance((7200 - 301) * kNsPerSecond);
    EXPECT_EQ(got(), "container: ASIADOC");
    EXPECT_EQ(fetch.asked, 1);
    clock.advance(kNsPerSecond);
    fetch.next(200, kDocument);
    got();
    EXPECT_EQ(fetch.asked, 2);
}

}  // namespace
}  // namespace narrows::upstream
