#include "protocols/aws/upstream/sts.h"

#include <gtest/gtest.h>

#include "codec/text.h"
#include "crypto/hash.h"
#include "protocols/aws/sigv4/authorization.h"
#include "protocols/aws/upstream/fakes.h"

namespace narrows::upstream {
namespace {

const Target kSts{"sts.eu-west-1.amazonaws.com", 443, true, false};
constexpr WallNs kNow = 1784800000 * kNsPerSecond;
const char* const kRole = "arn:aws:iam::123456789012:role/demo";

AssumeRole ask() {
    AssumeRole out;
    out.role_arn = kRole;
    out.role_session_name = "narrows-abc";
    return out;
}

sigv4::Credentials base() {
    return {"AKIDEXAMPLE", Secret(std::string_view("secret")), Secret()};
}

TEST(Sanitise, session_names) {
    EXPECT_EQ(session_name_value("alice@example.com"), "alice@example.com");
    EXPECT_EQ(session_name_value("Jos\xc3\xa9 / CI"), "Jos----CI");
    EXPECT_EQ(session_name_value("a"), "a-");
    EXPECT_EQ(session_name_value(""), "");
    EXPECT_EQ(session_name_value("\x80"), "--");
    EXPECT_EQ(session_name_value(std::string(100, 'x')), std::string(64, 'x'));
}

TEST(Sanitise, tags) {
    EXPECT_EQ(tag_value("Fix the report (QA-12)"), "Fix the report _QA-12_");
    EXPECT_EQ(tag_value("a_.:/=+-@b"), "a_.:/=+-@b");
    EXPECT_EQ(tag_value("\xe2\x82\xac\n"), "__");
    EXPECT_EQ(tag_value(std::string(300, 'x')), std::string(256, 'x'));
    const auto tags = session_tags("ns-1", "agent", "", "task");
    ASSERT_EQ(tags.size(), 3u);
    EXPECT_EQ(tags[0].key, "narrows-session");
    EXPECT_EQ(tags[2].key, "narrows-task");
}

TEST(RoleSessionName, is_random_and_within_limits) {
    const std::string name = random_role_session_name();
    EXPECT_EQ(name.size(), 40u);
    EXPECT_EQ(session_name_value(name), name);
    EXPECT_NE(name, random_role_session_name());
}

TEST(AssumeRoleForm, holds_every_field_encoded) {
    AssumeRole full = ask();
    full.policy = R"({"Version":"2012-10-17"})";
    full.external_id = "ex/1";
    full.source_identity = "alice@example.com";
    full.tags = {{"narrows-task", "a b"}, {"narrows-agent", "x"}};
    EXPECT_EQ(assume_role_form(full).value(),
              "Action=AssumeRole&Version=2011-06-15"
              "&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fdemo"
              "&RoleSessionName=narrows-abc&DurationSeconds=3600"
              "&Policy=%7B%22Version%22%3A%222012-10-17%22%7D&ExternalId=ex%2F1"
              "&SourceIdentity=alice%40example.com"
              "&Tags.member.1.Key=narrows-task&Tags.member.1.Value=a+b"
              "&Tags.member.2.Key=narrows-agent&Tags.member.2.Value=x");
}

TEST(AssumeRoleForm, keeps_the_limits_of_sts) {
    const auto refused = [](const std::function<void(AssumeRole&)>& change) {
        AssumeRole changed = ask();
        change(changed);
        return !assume_role_form(changed);
    };
    EXPECT_FALSE(refused([](AssumeRole&) {}));
    EXPECT_TRUE(refused([](AssumeRole& a) { a.role_arn = "role/demo"; }));
    EXPECT_TRUE(refused([](AssumeRole& a) { a.role_session_name = "x"; }));
    EXPECT_TRUE(refused([](AssumeRole& a) { a.role_session_name = "a b"; }));
    EXPECT_TRUE(refused([](AssumeRole& a) { a.policy = std::string(2049, 'x'); }));
    EXPECT_TRUE(refused([](AssumeRole& a) { a.duration_s = 899; }));
    EXPECT_TRUE(refused([](AssumeRole& a) { a.duration_s = 43201; }));
    EXPECT_TRUE(refused([](AssumeRole& a) { a.external_id = "x"; }));
    EXPECT_TRUE(refused([](AssumeRole& a) { a.source_identity = "a/b"; }));
    EXPECT_TRUE(refused([](AssumeRole& a) { a.tags = {{"k", "a(b"}}; }));
}

TEST(AssumeRole, sends_a_signed_form_and_reads_the_answer) {
    fakes::FakeFetch fetch;
    fetch.next([](const FetchRequest& request) {
        EXPECT_EQ(request.target, kSts);
        EXPECT_EQ(request.head.method, "POST");
        EXPECT_EQ(http::header(request.head.headers, "host"), "sts.eu-west-1.amazonaws.com");
        // The signature must hold over exactly these bytes.
        const auto auth = sigv4::read_authorization(request.head);
        EXPECT_TRUE(auth);
        EXPECT_EQ(auth.value().scope.text().substr(8), "/eu-west-1/sts/aws4_request");
        const sigv4::SigningKey key =
            sigv4::SigningKey::derive(Secret(std::string_view("secret")), auth.value().scope);
        EXPECT_TRUE(sigv4::verify(request.head, auth.value(), key,
                                  crypto::sha256(request.body.text()), kNow, 0));
        return fakes::FakeFetch::answer(
            200, fakes::assume_role_answer("ASIAIOSFODNN7EXAMPLE", "2026-07-23T11:46:40.123Z"));
    });
    const auto role = assume_role(fetch, kSts, "eu-west-1", base(), ask(), kNow);
    ASSERT_TRUE(role) << role.error().what;
    EXPECT_EQ(role.value().credentials.access_key_id, "ASIAIOSFODNN7EXAMPLE");
    EXPECT_EQ(role.value().credentials.secret_access_key.text(),
              "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY");
    EXPECT_EQ(role.value().credentials.session_token.text(), "AQoDYXdzEPT//////////wEXAMPLE==");
    EXPECT_EQ(role.value().expires_at, 1784807200 * kNsPerSecond);
    EXPECT_EQ(role.value().request_id, "c6104cbe-af31-11e0-8154-cbc7ccf896c7");
    EXPECT_EQ(role.value().assumed_role_arn, "arn:aws:sts::123456789012:assumed-role/demo/TestAR");
    EXPECT_EQ(role.value().packed_policy_percent, 8);
}

TEST(AssumeRole, errors_tell_what_passes_from_what_does_not) {
    const auto error = [](int status, const std::string& code) {
        fakes::FakeFetch fetch;
        fetch.next(status, "<ErrorResponse><Error><Type>Sender</Type><Code>" + code +
                               "</Code><Message>m</Message></Error><RequestId>r-1</RequestId>"
                               "</ErrorResponse>");
        return assume_role(fetch, kSts, "eu-west-1", base(), ask(), kNow).error();
    };
    EXPECT_EQ(error(403, "AccessDenied").code, ErrorCode::denied);
    EXPECT_NE(error(403, "AccessDenied").what.find("403 AccessDenied"), std::string::npos);
    EXPECT_EQ(error(400, "Throttling").code, ErrorCode::unavailable);
    EXPECT_EQ(error(403, "ExpiredToken").code, ErrorCode::unavailable);
    EXPECT_EQ(error(503, "ServiceUnavailable").code, ErrorCode::unavailable);
    EXPECT_EQ(error(403, "<b/>").what.find("<b"), std::string::npos);
}

TEST(ServiceError, reads_the_shapes_of_query_services) {
    const auto code = [](std::string_view xml) { return parse_service_error(xml).code; };
    EXPECT_EQ(code("<ErrorResponse><Error><Code>A</Code></Error></ErrorResponse>"), "A");
    EXPECT_EQ(code("<Response><Errors><Error><Code>B</Code></Error></Errors></Response>"), "B");
    EXPECT_EQ(code("<Error><Code>C</Code></Error>"), "C");
    EXPECT_EQ(code("<Error><Code>a b</Code></Error>"), "");
    EXPECT_EQ(code("not XML"), "");
}

TEST(AssumeRole, refuses_incomplete_or_foreign_answers) {
    const std::string good = fakes::assume_role_answer("ASIAEXAMPLE", "2026-07-23T11:46:40Z");
    ASSERT_TRUE(parse_assume_role(good));
    for (const char* part : {"AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"}) {
        std::string bad = good;
        const std::string open = std::string("<") + part + ">";
        const std::string close = std::string("</") + part + ">";
        const std::size_t from = bad.find(open);
        const std::size_t to = bad.find(close) + close.size();
        const std::string whole = bad.substr(from, to - from);
        EXPECT_FALSE(parse_assume_role(std::string(bad).replace(from, to - from, ""))) << part;
        EXPECT_FALSE(parse_assume_role(std::string(bad).insert(from, whole))) << part;
    }
    EXPECT_FALSE(parse_assume_role("<AssumeRoleResponse/>"));
    EXPECT_FALSE(parse_assume_role("<GetSessionTokenResponse/>"));
    EXPECT_FALSE(parse_assume_role("{}"));
    EXPECT_FALSE(parse_assume_role(fakes::assume_role_answer("ASIA\nX", "2026-07-23T11:46:40Z")));
    EXPECT_FALSE(parse_assume_role(fakes::assume_role_answer("ASIAEXAMPLE", "tomorrow")));
}

TEST(WebIdentity, is_not_signed_and_carries_the_token) {
    fakes::FakeFetch fetch;
    fetch.next([](const FetchRequest& request) {
        EXPECT_EQ(http::count(request.head.headers, "authorization"), 0u);
        EXPECT_NE(request.body.text().find("Action=AssumeRoleWithWebIdentity"),
                  std::string_view::npos);
        EXPECT_TRUE(request.body.text().ends_with("&WebIdentityToken=a.b.c%3D"));
        std::string answer = fakes::assume_role_answer("ASIAWEB", "2026-07-23T11:46:40Z");
        for (const std::string from : {"AssumeRoleResponse", "AssumeRoleResult"}) {
            const std::string to = "AssumeRoleWithWebIdentity" + from.substr(10);
            for (std::size_t at = 0; (at = answer.find(from, at)) != std::string::npos;) {
                answer.replace(at, from.size(), to);
                at += to.size();
            }
        }
        return fakes::FakeFetch::answer(200, answer);
    });
    const auto role =
        assume_role_with_web_identity(fetch, kSts, Secret(std::string_view("a.b.c=")), ask());
    ASSERT_TRUE(role) << role.error().what;
    EXPECT_EQ(role.value().credentials.access_key_id, "ASIAWEB");
}

}  // namespace
}  // namespace narrows::upstream
