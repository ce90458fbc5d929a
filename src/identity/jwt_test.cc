#include "identity/jwt.h"

#include <gtest/gtest.h>

#include "codec/text.h"
#include "identity/jwks.h"
#include "identity/test_tokens.h"

namespace narrows::identity {
namespace {

using codec::Map;

constexpr WallNs kNow = (test::kIssuedAtS + 60) * kNsPerSecond;

// RFC 7515 appendices A.2 and A.3, RFC 8037 appendix A.4.
const std::string kRfcPayload =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl"
    "fQ";
const std::string kA2 =
    "eyJhbGciOiJSUzI1NiJ9." + kRfcPayload +
    ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5"
    "jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1"
    "L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYE"
    "UipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
const std::string kA3 = "eyJhbGciOiJFUzI1NiJ9." + kRfcPayload +
                        ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTU"
                        "JqPP3-Kg6NU1Q";
const std::string kA4 =
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-"
    "09PGcvMg3A"
    "IbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
const std::string kRfcJwks =
    R"({"keys":[{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp)"
    R"(-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7)"
    R"(OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo)"
    R"(5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ)"
    R"(","e":"AQAB"},{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
    R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},{"kty":"OKP","crv":"Ed25519",)"
    R"("x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})";

bool verifies(const std::string& token, std::string_view jwks) {
    const auto jws = parse_jws(token);
    const auto keys = parse_jwks(jwks);
    if (!jws || !keys) return false;
    const auto key = pick_key(keys.value(), jws.value().kid, jws.value().algorithm);
    return key && key.value().verify(as_bytes(jws.value().signing_input), jws.value().signature);
}

std::string b64(std::string_view text) {
    return codec::base64url(as_bytes(text));
}

TEST(Jwt, rfc_vectors_verify) {
    for (const std::string& token : {kA2, kA3, kA4}) {
        EXPECT_TRUE(verifies(token, kRfcJwks)) << token;
        std::string altered = token;
        altered[altered.find('.') + 2] ^= 1;
        EXPECT_FALSE(verifies(altered, kRfcJwks));
    }
    const auto claims = claims_of(parse_jws(kA2).value());
    ASSERT_TRUE(claims);
    EXPECT_EQ(claims.value().at("iss"), codec::Value("joe"));
    EXPECT_EQ(claims.value().at("exp"), codec::Value(1300819380));
    EXPECT_EQ(as_text(parse_jws(kA4).value().payload), "Example of Ed25519 signing");
    EXPECT_FALSE(claims_of(parse_jws(kA4).value()));
}

TEST(Jwt, tokens_of_another_library_verify) {
    EXPECT_TRUE(verifies(test::kEs384Token, test::kIssuerJwks));
    EXPECT_TRUE(verifies(test::kRs256Token, test::kIssuerJwks));
}

TEST(Jwt, algorithms_are_not_confused) {
    EXPECT_FALSE(parse_jws(test::kHs256WithPublicKey));
    for (const std::string header :
         {R"({"alg":"none"})", R"({"alg":"None"})", R"({"alg":"HS256"})", R"({"alg":"RS512"})",
          R"({"alg":""})", R"({})", R"({"alg":["RS256"]})", R"({"alg":"RS256","alg":"none"})"}) {
        EXPECT_FALSE(parse_jws(b64(header) + "." + kRfcPayload + ".AAAA")) << header;
    }
    EXPECT_FALSE(parse_jws(b64(R"({"alg":"none"})") + "." + kRfcPayload + "."));
    // A token that names an algorithm its kid's key is not for.
    std::string token = test::kRs256Token;
    token = b64(R"({"alg":"ES384","kid":"rsa-1"})") + token.substr(token.find('.'));
    EXPECT_FALSE(verifies(token, test::kIssuerJwks));
}

TEST(Jwt, headers_that_change_meaning_are_refused) {
    for (const std::string header :
         {R"({"alg":"RS256","crit":["exp"]})", R"({"alg":"RS256","b64":false})",
          R"({"alg":"RS256","zip":"DEF"})", R"({"alg":"RS256","enc":"A128GCM"})",
          R"({"alg":"RS256","kid":7})", R"({"alg":"RS256","kid":""})", R"([])", R"("RS256")"}) {
        EXPECT_FALSE(parse_jws(b64(header) + "." + kRfcPayload + ".AAAA")) << header;
    }
    // Keys that a token brings along are not looked at: this one stays unknown.
    const std::string own = b64(
        R"({"alg":"EdDSA","jwk":{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},"kid":"own"})");
    EXPECT_FALSE(verifies(own + kA4.substr(kA4.find('.')), kRfcJwks));
}

TEST(Jwt, shapes_that_are_no_token_are_refused) {
    for (const std::string& text :
         {std::string(), std::string("."), std::string(".."), std::string("a.b"), kA2 + ".",
          kA2 + ".x", kA2 + "=", " " + kA2, kA2 + "\n", std::string(kTokenMax + 1, 'a'),
          kA2.substr(0, kA2.rfind('.') + 1)}) {
        EXPECT_FALSE(parse_jws(text)) << text.substr(0, 40);
    }
    // Spare bits of the last base64url character: another text for the same bytes.
    std::string spare = kA4;
    spare.back() = 'h';
    EXPECT_FALSE(parse_jws(spare));
}

TEST(Jwt, a_rewritten_signature_keeps_the_digest) {
    EXPECT_TRUE(verifies(test::kEs384Rewritten, test::kIssuerJwks));
    EXPECT_EQ(parse_jws(test::kEs384Rewritten).value().digest,
              parse_jws(test::kEs384Token).value().digest);
}

TokenRules rules() {
    TokenRules out;
    out.issuer = test::kIssuerUrl;
    out.audience = "narrows";
    out.now = kNow;
    return out;
}
Map claims() {
    return claims_of(parse_jws(test::kRs256Token).value()).value();
}

TEST(Jwt, claims_hold) {
    TokenRules good = rules();
    good.claims = {{"sub", "repo:org/*:ref:refs/heads/main"}, {"aud", "oth?r"}};
    EXPECT_TRUE(check_claims(claims(), good));
    Map one_audience = claims();
    one_audience["aud"] = "narrows";
    EXPECT_TRUE(check_claims(one_audience, rules()));
    Map broken_seconds = claims();
    broken_seconds["exp"] = test::kExpiresAtS + 0.5;
    EXPECT_TRUE(check_claims(broken_seconds, rules()));
}

TEST(Jwt, times_are_judged_with_skew) {
    const auto at = [](std::int64_t seconds) {
        TokenRules out = rules();
        out.now = seconds * kNsPerSecond;
        return check_claims(claims(), out).has_value();
    };
    EXPECT_TRUE(at(test::kExpiresAtS + 59));
    EXPECT_FALSE(at(test::kExpiresAtS + 60));
    EXPECT_TRUE(at(test::kIssuedAtS - 60));
    EXPECT_FALSE(at(test::kIssuedAtS - 61));
}

TEST(Jwt, each_wrong_claim_is_refused) {
    const auto with = [](const char* name, codec::Value value) {
        Map altered = claims();
        altered[name] = std::move(value);
        return check_claims(altered, rules()).has_value();
    };
    EXPECT_FALSE(with("iss", "https://token.issuer.example/"));
    EXPECT_FALSE(with("iss", nullptr));
    EXPECT_FALSE(with("aud", "other"));
    EXPECT_FALSE(with("aud", codec::List{}));
    EXPECT_FALSE(with("aud", codec::Map{{"narrows", true}}));
    EXPECT_FALSE(with("exp", "1795418600"));
    EXPECT_FALSE(with("exp", nullptr));
    EXPECT_FALSE(with("exp", 1e300));
    EXPECT_FALSE(with("exp", std::int64_t{1} << 62));
    EXPECT_FALSE(with("exp", -1));
    EXPECT_FALSE(with("nbf", test::kIssuedAtS + 3600));
    EXPECT_FALSE(with("iat", test::kIssuedAtS + 3600));
    EXPECT_FALSE(with("exp", test::kIssuedAtS + 48 * 3600));  // lives too long
    for (const char* name : {"iss", "aud", "exp"}) {
        Map missing = claims();
        missing.erase(name);
        EXPECT_FALSE(check_claims(missing, rules())) << name;
    }
}

TEST(Jwt, claim_rules_must_all_hold) {
    const auto hold = [](std::vector<ClaimRule> wanted) { return claims_match(claims(), wanted); };
    EXPECT_TRUE(hold({}));
    EXPECT_TRUE(hold({{"sub", test::kSubject}}));
    EXPECT_FALSE(hold({{"sub", "repo:org/app"}}));
    EXPECT_FALSE(hold({{"sub", test::kSubject}, {"missing", "*"}}));
    EXPECT_FALSE(hold({{"exp", "*"}}));  // not a text
}

TEST(Jwks, leaves_out_what_it_does_not_use) {
    const auto keys = parse_jwks(test::kIssuerJwks);
    ASSERT_TRUE(keys);
    ASSERT_EQ(keys.value().size(), 2u);
    EXPECT_EQ(keys.value()[0].kid, "ec-1");
    EXPECT_EQ(keys.value()[1].kid, "rsa-1");
    const std::string ed = R"({"kty":"OKP","crv":"Ed25519","kid":"a",)"
                           R"("x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})";
    EXPECT_TRUE(parse_jwks(R"({"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"},)" + ed + "]}"));
    EXPECT_FALSE(parse_jwks(R"({"keys":[)" + ed + "," + ed + "]}"));
    EXPECT_FALSE(parse_jwks(R"({"keys":[]})"));
    EXPECT_FALSE(parse_jwks(R"({"keys":{}})"));
    EXPECT_FALSE(parse_jwks("[]"));
    EXPECT_FALSE(parse_jwks(""));
    EXPECT_FALSE(parse_jwks(std::string(kJwksMax + 1, ' ')));
    std::string many;
    for (std::size_t i = 0; i <= kJwksKeysMax; ++i) many += i == 0 ? "{}" : ",{}";
    EXPECT_FALSE(parse_jwks(R"({"keys":[)" + many + "]}"));
}

TEST(Jwks, a_token_without_kid_needs_a_single_key_of_its_kind) {
    const auto keys = parse_jwks(test::kIssuerJwks).value();
    EXPECT_TRUE(pick_key(keys, "", crypto::JwsAlgorithm::rs256));
    EXPECT_FALSE(pick_key(keys, "", crypto::JwsAlgorithm::eddsa));
    EXPECT_FALSE(pick_key(keys, "ec-1", crypto::JwsAlgorithm::rs256));
    auto twice = keys;
    twice.push_back({"rsa-2", keys[1].key});
    EXPECT_FALSE(pick_key(twice, "", crypto::JwsAlgorithm::rs256));
    EXPECT_TRUE(pick_key(twice, "rsa-2", crypto::JwsAlgorithm::rs256));
}

TEST(Jwks, refetches_for_an_unknown_kid_once_a_minute) {
    ManualClock clock(kNow);
    int fetched = 0;
    bool up = true;
    CachedKeySource source(
        "https://issuer.example/keys",
        [&](const std::string&) -> Result<std::string> {
            ++fetched;
            if (!up) return fail(ErrorCode::unavailable, "down");
            return std::string(test::kIssuerJwks);
        },
        clock);
    using crypto::JwsAlgorithm;
    EXPECT_TRUE(source.find("rsa-1", JwsAlgorithm::rs256));
    EXPECT_TRUE(source.find("ec-1", JwsAlgorithm::es384));
    EXPECT_EQ(fetched, 1);
    EXPECT_FALSE(source.find("new", JwsAlgorithm::rs256));
    EXPECT_EQ(fetched, 1);
    clock.advance(61 * kNsPerSecond);
    EXPECT_FALSE(source.find("new", JwsAlgorithm::rs256));
    EXPECT_FALSE(source.find("newer", JwsAlgorithm::rs256));
    EXPECT_EQ(fetched, 2);
    up = false;
    clock.advance(3600 * kNsPerSecond);
    EXPECT_TRUE(source.find("rsa-1", JwsAlgorithm::rs256));  // the keys held stay in use
    EXPECT_EQ(fetched, 3);
    clock.advance(24 * 3600 * kNsPerSecond);
    const auto late = source.find("rsa-1", JwsAlgorithm::rs256);
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, ErrorCode::unavailable);
}

}  // namespace
}  // namespace narrows::identity
