#include "protocols/aws/catalogue/unsigned.h"

#include <algorithm>
#include <set>

#include <gmock/gmock.h>

namespace narrows::aws {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

const Catalogue& catalogue() {
    return Catalogue::embedded();
}

std::string why_not(std::string_view name) {
    return why_not_unsigned(catalogue(), name);
}

TEST(Unsigned, what_users_of_a_pool_ask_can_be_named) {
    for (const char* name : {"cognito-idp:SignUp", "cognito-idp:ForgotPassword",
                             "cognito-identity:GetId", "sso:ListAccounts"}) {
        EXPECT_EQ(why_not(name), "");
        EXPECT_EQ(name_of(*unsigned_operation(catalogue(), name)), name);
    }
}

TEST(Unsigned, what_answers_with_tokens_or_credentials_cannot) {
    for (const char* name :
         {"cognito-idp:InitiateAuth", "cognito-idp:GetTokensFromRefreshToken",
          "cognito-identity:GetCredentialsForIdentity", "cognito-identity:GetOpenIdToken",
          "sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML", "sso:GetRoleCredentials",
          "sso-oidc:CreateToken", "signin:CreateOAuth2Token"}) {
        EXPECT_THAT(why_not(name), HasSubstr("credentials or tokens")) << name;
        EXPECT_TRUE(unsigned_operation(catalogue(), name)) << name;
    }
}

TEST(Unsigned, what_a_signature_authorises_or_nobody_knows_cannot) {
    EXPECT_THAT(why_not("s3:GetObject"), StartsWith("is authorised by a signature"));
    EXPECT_THAT(why_not("cognito-idp:AdminGetUser"), StartsWith("is authorised by a signature"));
    EXPECT_THAT(why_not("cognito-idp:SignUpp"), HasSubstr("did you mean cognito-idp:SignUp?"));
    EXPECT_THAT(why_not("cognito-idp:signup"), HasSubstr("did you mean cognito-idp:SignUp?"));
    for (const char* name : {"", ":", "SignUp", "cognito-idp:", "cognito-idp:*", "x:SignUp"}) {
        EXPECT_THAT(why_not(name), StartsWith("is no operation")) << name;
        EXPECT_FALSE(unsigned_operation(catalogue(), name)) << name;
    }
}

std::string scope_of(std::string_view host) {
    const auto found = unsigned_scope(catalogue(), host);
    return found ? std::string(found->signing_name) + " " + found->region : "";
}

TEST(Unsigned, the_host_says_what_a_credential_scope_would) {
    EXPECT_EQ(scope_of("cognito-idp.eu-west-1.amazonaws.com"), "cognito-idp eu-west-1");
    EXPECT_EQ(scope_of("cognito-idp-fips.us-west-2.amazonaws.com"), "cognito-idp us-west-2");
    EXPECT_EQ(scope_of("cognito-identity.us-gov-west-1.amazonaws.com"),
              "cognito-identity us-gov-west-1");
    EXPECT_EQ(scope_of("portal.sso.eu-central-1.amazonaws.com"), "awsssoportal eu-central-1");
    EXPECT_EQ(scope_of("sts.amazonaws.com"), "sts us-east-1");
    for (const char* host : {"s3.eu-west-1.amazonaws.com", "dynamodb.eu-west-1.amazonaws.com",
                             "cognito-idp.example.com", "amazonaws.com", ""}) {
        EXPECT_EQ(scope_of(host), "") << host;
    }
}

std::string below(Shape shape, Member member, const std::string& path) {
    if (shape.kind() == ShapeKind::list) return path + "[]";
    if (shape.kind() == ShapeKind::map) return path + "{}";
    return path.empty() ? std::string(member.name()) : path + "." + std::string(member.name());
}

/// Texts that the model calls sensitive, or something that they stand in.
void sensitive_inputs(Shape shape, const std::string& path, bool within,
                      std::set<std::string>& found) {
    within = within || shape.is_sensitive();
    if (within && (shape.kind() == ShapeKind::string || shape.kind() == ShapeKind::blob)) {
        found.insert(path);
    }
    for (const Member member : shape.members()) {
        const bool is_key = shape.kind() == ShapeKind::map && member.name() == "key";
        if (!is_key) sensitive_inputs(member.shape(), below(shape, member, path), within, found);
    }
}

TEST(Unsigned, what_their_requests_prove_is_never_on_record) {
    // Who is meant, from where, and what is said of them, is what a reviewer looks for.
    const std::set<std::string> shown = {"ClientId",
                                         "Username",
                                         "UserAttributes[].Value",
                                         "ValidationData[].Value",
                                         "UserContextData.IpAddress",
                                         "UserContextData.EncodedData"};
    std::size_t seen = 0;
    for (const Service service : catalogue().services()) {
        for (const Operation operation : service.operations()) {
            if (operation.auth() != Auth::none || !operation.has_input()) continue;
            std::set<std::string> sensitive;
            sensitive_inputs(operation.input(), "", false, sensitive);
            const Range<Text> secrets = operation.secret_inputs();
            for (const std::string& path : sensitive) {
                const bool withheld = std::any_of(secrets.begin(), secrets.end(),
                                                  [&](Text text) { return path == text.text(); });
                EXPECT_TRUE(withheld || shown.contains(path)) << name_of(operation) << " " << path;
                ++seen;
            }
        }
    }
    EXPECT_GT(seen, 40u);
}

}  // namespace
}  // namespace narrows::aws
