#include "protocols/aws/decode/swap.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "codec/json.h"

namespace narrows::aws {
namespace {

Operation entry(std::string_view service, std::string_view name) {
    return *Catalogue::embedded().service(service)->operation(name);
}

constexpr WallNs kExpiry = 1'573'153'680 * kNsPerSecond;  // 2019-11-07T19:08:00Z

// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html, the sample response.
constexpr std::string_view kAssumed =
    R"(<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleResult>
  <SourceIdentity>Alice</SourceIdentity>
    <AssumedRoleUser>
      <Arn>arn:aws:sts::123456789012:assumed-role/demo/TestAR</Arn>
      <AssumedRoleId>ARO123EXAMPLE123:TestAR</AssumedRoleId>
    </AssumedRoleUser>
    <Credentials>
      <AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId>
      <SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY</SecretAccessKey>
      <SessionToken>AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI==</SessionToken>
      <Expiration>2019-11-07T19:08:00Z</Expiration>
    </Credentials>
  <PackedPolicySize>8</PackedPolicySize>
  </AssumeRoleResult>
  <ResponseMetadata>
    <RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId>
  </ResponseMetadata>
</AssumeRoleResponse>)";

// https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_GetTemporaryGlueTableCredentials.html
constexpr std::string_view kFlat =
    R"({"AccessKeyId":"ASIA1","Expiration":1573153680.5,"SecretAccessKey":"s1","SessionToken":"t1"})";

std::string with_others(Operation of, Protocol protocol, std::string_view body) {
    const auto out =
        with_other_credentials(of, protocol, as_bytes(body), {"ASIAOTHER", "so", "to"});
    return out.has_value() ? to_string(out.value()) : out.error().what;
}

TEST(Swap, reads_what_sts_documents) {
    auto found = read_given(entry("sts", "AssumeRole"), Protocol::query, as_bytes(kAssumed));
    ASSERT_TRUE(found) << found.error().what;
    EXPECT_EQ(found.value().access_key_id, "ASIAIOSFODNN7EXAMPLE");
    EXPECT_EQ(found.value().secret_access_key.text(), "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY");
    EXPECT_TRUE(found.value().session_token.text().starts_with("AQoDYXdzEPT//////////wEXAMPLE"));
    EXPECT_TRUE(found.value().session_token.text().ends_with("YUuwthAx7mSEI=="));
    EXPECT_EQ(found.value().expires_at, kExpiry);
    EXPECT_EQ(found.value().arn, "arn:aws:sts::123456789012:assumed-role/demo/TestAR");
    EXPECT_EQ(found.value().user_id, "ARO123EXAMPLE123:TestAR");
}

TEST(Swap, puts_others_in_their_place_and_leaves_the_rest) {
    const std::string xml = with_others(entry("sts", "AssumeRole"), Protocol::query, kAssumed);
    EXPECT_EQ(xml.find("wJalrXUtnFEMI"), std::string::npos);
    EXPECT_EQ(xml.find("AQoDYXdzEPT"), std::string::npos);
    auto again = read_given(entry("sts", "AssumeRole"), Protocol::query, as_bytes(xml));
    ASSERT_TRUE(again) << again.error().what;
    EXPECT_EQ(again.value().access_key_id, "ASIAOTHER");
    EXPECT_EQ(again.value().secret_access_key.text(), "so");
    EXPECT_EQ(again.value().session_token.text(), "to");
    EXPECT_EQ(again.value().expires_at, kExpiry);
    EXPECT_NE(xml.find("<PackedPolicySize>8</PackedPolicySize>"), std::string::npos);
    EXPECT_NE(xml.find("<RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId>"),
              std::string::npos);
    EXPECT_EQ(
        with_others(entry("lakeformation", "GetTemporaryGlueTableCredentials"), Protocol::rest_json,
                    kFlat),
        R"({"AccessKeyId":"ASIAOTHER","Expiration":1573153680.5,"SecretAccessKey":"so","SessionToken":"to"})");
}

TEST(Swap, reads_the_other_forms) {
    auto flat = read_given(entry("lakeformation", "GetTemporaryGlueTableCredentials"),
                           Protocol::rest_json, as_bytes(kFlat));
    ASSERT_TRUE(flat);
    EXPECT_EQ(flat.value().expires_at, kExpiry);
    EXPECT_EQ(flat.value().arn, "");
    // https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateSession.html
    auto express = read_given(
        entry("s3", "CreateSession"), Protocol::rest_xml,
        as_bytes(R"(<CreateSessionResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">)"
                 "<Credentials><SessionToken>t</SessionToken><SecretAccessKey>s</SecretAccessKey>"
                 "<AccessKeyId>ASIAE</AccessKeyId><Expiration>2019-11-07T19:08:00.250Z</Expiration>"
                 "</Credentials></CreateSessionResult>"));
    ASSERT_TRUE(express) << express.error().what;
    EXPECT_EQ(express.value().expires_at, kExpiry);
    auto farm =
        read_given(entry("deadline", "AssumeQueueRoleForUser"), Protocol::rest_json,
                   as_bytes(R"({"credentials":{"accessKeyId":"ASIAF","secretAccessKey":"s",)"
                            R"("sessionToken":"t","expiration":"2019-11-07T19:08:00Z"}})"));
    ASSERT_TRUE(farm) << farm.error().what;
    EXPECT_EQ(farm.value().access_key_id, "ASIAF");
}

std::string without(std::string_view text, std::string_view part, std::string_view by) {
    std::string out(text);
    const std::size_t at = out.find(part);
    return at == std::string::npos ? out : out.replace(at, part.size(), by);
}

TEST(Swap, anything_else_is_refused_and_its_values_are_not_told) {
    const Operation assume = entry("sts", "AssumeRole");
    const std::string bad[] = {
        "",
        "not XML",
        without(kAssumed, "<AssumeRoleResult>", "<OtherResult>"),
        without(kAssumed, "AssumeRoleResult", "GetSessionTokenResult"),
        without(kAssumed, "<Credentials>", "<Credentials/><Credentials>"),
        without(kAssumed, "<AccessKeyId>", "<AccessKeyId>A</AccessKeyId><AccessKeyId>"),
        without(kAssumed, "<AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId>", ""),
        without(kAssumed, "ASIAIOSFODNN7EXAMPLE", "ASIA\nX-Other: y"),
        without(kAssumed, "AQoDYXdzEPT", "AQoD YXdzEPT"),
        without(kAssumed, "2019-11-07T19:08:00Z", "soon"),
    };
    for (const std::string& body : bad) {
        const auto found = read_given(assume, Protocol::query, as_bytes(body));
        ASSERT_FALSE(found) << body;
        EXPECT_EQ(found.error().what.find("wJalr"), std::string::npos);
    }
    EXPECT_FALSE(read_given(assume, Protocol::json, as_bytes(kFlat)));
    EXPECT_FALSE(read_given(entry("iam", "CreateAccessKey"), Protocol::query, as_bytes(kAssumed)));
}

/// An answer of the protocol with one set of credentials in each place where a model may have it;
/// nothing for a protocol that is not known here.
std::string answer_in(Protocol protocol, std::string_view operation) {
    const std::string xml =
        "<Credentials><AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
        "<SessionToken>t</SessionToken><Expiration>2019-11-07T19:08:00Z</Expiration></Credentials>";
    const std::string result = std::string(operation) + "Result>";
    const std::string pascal =
        R"("AccessKeyId":"ASIA1","SecretAccessKey":"s","SessionToken":"t","Expiration":1573153680)";
    const std::string camel =
        R"("accessKeyId":"ASIA1","secretAccessKey":"s","sessionToken":"t","expiration":1573153680)";
    switch (protocol) {
        case Protocol::query:
            return "<R><" + result + xml + "</" + result + "</R>";
        case Protocol::rest_xml:
            return "<R>" + xml + "</R>";
        case Protocol::json:
        case Protocol::rest_json:
            return "{" + pascal + "," + camel + R"(,"Credentials":{)" + pascal +
                   R"(},"credentials":{)" + camel + "}}";
        default:
            return "";
    }
}

/// No swap is known for rpc-v2-cbor: once a service of a swapped operation speaks it, this fails.
TEST(Swap, in_each_protocol_of_its_service_an_answer_with_credentials_is_swapped_or_denied) {
    constexpr Protocol kAll[] = {Protocol::query,     Protocol::ec2,      Protocol::json,
                                 Protocol::rest_json, Protocol::rest_xml, Protocol::rpc_v2_cbor};
    std::size_t denied_in_cbor = 0;
    for (const Service service : Catalogue::embedded().services()) {
        for (const Operation operation : service.operations()) {
            if (!operation.returns_credentials()) continue;
            const bool denied = !why_never(operation).empty();
            for (const Protocol protocol : kAll) {
                if (!service.protocols().has(protocol)) continue;
                denied_in_cbor += denied && protocol == Protocol::rpc_v2_cbor ? 1 : 0;
                const std::string body = answer_in(protocol, operation.name());
                EXPECT_TRUE(denied || with_others(operation, protocol, body).find("ASIAOTHER") !=
                                          std::string::npos)
                    << service.id() << ":" << operation.name() << " " << name_of(protocol);
            }
        }
    }
    EXPECT_GT(denied_in_cbor, 0u);
}

TEST(Swap, every_operation_that_returns_credentials_is_swapped_or_denied) {
    std::size_t swapped = 0;
    for (const Service service : Catalogue::embedded().services()) {
        for (const Operation operation : service.operations()) {
            if (swaps_credentials(operation)) {
                ++swapped;
                EXPECT_TRUE(operation.returns_credentials()) << operation.name();
                EXPECT_EQ(why_never(operation), "") << operation.name();
            } else if (operation.returns_credentials()) {
                EXPECT_NE(why_never(operation), "") << operation.name();
            }
        }
    }
    EXPECT_EQ(swapped, 14u) << "each of the table is an operation of the models";
    EXPECT_NE(why_never(entry("sts", "AssumeRoleWithWebIdentity")), "");
    EXPECT_NE(why_never(entry("iam", "CreateAccessKey")), "");
    EXPECT_EQ(why_never(entry("s3", "GetObject")), "");
    EXPECT_EQ(why_never(entry("cognito-idp", "SignUp")), "");
}

TEST(Swap, no_answer_with_a_secret_access_key_is_let_through_as_it_is) {
    std::size_t count = 0;
    for (const Service service : Catalogue::embedded().services()) {
        for (const Operation operation : service.operations()) {
            for (const Text path : operation.secret_outputs()) {
                std::string name(path.text().substr(path.text().rfind('.') + 1));
                std::transform(name.begin(), name.end(), name.begin(), ::tolower);
                if (name != "secretaccesskey") continue;
                ++count;
                EXPECT_TRUE(swaps_credentials(operation) || !why_never(operation).empty())
                    << service.id() << ":" << operation.name();
            }
        }
    }
    EXPECT_GT(count, 25u);
}

TEST(Swap, an_assumed_role_gets_the_sessions_policy_and_no_other) {
    const Operation assume = entry("sts", "AssumeRole");
    const auto why = [&](const char* parameters, bool adds = true) {
        return why_not_as_asked(assume, codec::json_decode(parameters).value(), adds).value_or("");
    };
    EXPECT_EQ(why(R"({"RoleArn":"r","RoleSessionName":"n","Tags":[{"Key":"team","Value":"x"}]})"),
              "");
    EXPECT_NE(why(R"({"Policy":"{}"})"), "");
    EXPECT_NE(why(R"({"PolicyArns":[{"arn":"a"}]})"), "");
    EXPECT_EQ(why(R"({"Policy":"{}"})", false), "");
    EXPECT_NE(why(R"({"SourceIdentity":"somebody"})", false), "");
    EXPECT_NE(why(R"({"Tags":[{"Key":"a","Value":"b"},{"Key":"Narrows-Session","Value":"x"}]})"),
              "");
    EXPECT_TRUE(takes_session_policy(assume));
    EXPECT_TRUE(takes_session_policy(entry("sts", "GetFederationToken")));
    EXPECT_FALSE(takes_session_policy(entry("sts", "GetSessionToken")));
    EXPECT_FALSE(takes_session_policy(entry("s3", "CreateSession")));
    EXPECT_EQ(to_string(with_session_policy(as_bytes("Action=AssumeRole"), R"({"Sid":"a b&c+"})")),
              "Action=AssumeRole&Policy=%7B%22Sid%22%3A%22a+b%26c%2B%22%7D");
}

}  // namespace
}  // namespace narrows::aws
