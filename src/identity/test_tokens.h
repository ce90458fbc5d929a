#pragma once

#include <cstdint>

/// Tokens for tests. The issuer's key set and its tokens were made with Python's `cryptography`
/// (claims: see kIssuer…); those of the RFCs stand in jwt_test.cc.
namespace narrows::identity::test {

inline constexpr const char* kIssuerUrl = "https://token.issuer.example";
inline constexpr const char* kSubject = "repo:org/app:ref:refs/heads/main";
inline constexpr std::int64_t kIssuedAtS = 1'795'415'000;   // iat and nbf
inline constexpr std::int64_t kExpiresAtS = 1'795'418'600;  // exp

// ES384 "ec-1", RS256 "rsa-1"; and two that must be left out: an encryption key and a MAC key.
inline constexpr const char* kIssuerJwks =
    "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-384\",\"kid\":\"ec-1\",\"use\":\"sig\",\"alg\":"
    "\"ES384\",\"x\":\"kHJNw"
    "Z2lo2Fzb5WBAYZ05qE4nYlDeLDlqBVEBXfMp4JKmuiKh63EoqOyKY0Lay0S\",\"y\":\"IqtwKQeX271nxJwGZR"
    "I9vhVJFEZg-eEdnrefrEbginyUgrK9cTY6_dEDdqSV0S6q\"},{\"kty\":\"RSA\",\"kid\":\"rsa-1\",\"use\":"
    "\"s"
    "ig\",\"n\":\"o7b-ZXVv7w9yD5bnSoRQWIysWOBrEBoz9dYutqocYkcTIjBJvG8cqScBJ3EKwW-JtNq-nCccrs_"
    "XYTK3ZJHGfz0anGU5a6M5FcCwOnspyAUDLQl9QZEZmtSxY-b1W4OKnd11D-wi9AUgsc7LRuV1iBeWd7Muvop"
    "8ThhX7q0-BJVDUEDCm0leI6kLunBUtE8papxoifABQEKnTa4UfugFoPowGbX3lYVDvZ-FEDc38IKjL3xv-bB"
    "4Btr4Nau1a2NhYkjiF6yMZFx2J8I44zSrR-HM_yeiqmgL9-GCzZ00TZ2Ih6GMtwQaJCSSwDbxtH7kyjM3b-p"
    "auGWlLuaW_ZFeQQ\",\"e\":\"AQAB\"},{\"kty\":\"RSA\",\"kid\":\"enc-1\",\"use\":\"enc\",\"n\":"
    "\"o7b-ZXVv7w9"
    "yD5bnSoRQWIysWOBrEBoz9dYutqocYkcTIjBJvG8cqScBJ3EKwW-JtNq-nCccrs_XYTK3ZJHGfz0anGU5a6M"
    "5FcCwOnspyAUDLQl9QZEZmtSxY-b1W4OKnd11D-wi9AUgsc7LRuV1iBeWd7Muvop8ThhX7q0-BJVDUEDCm0l"
    "eI6kLunBUtE8papxoifABQEKnTa4UfugFoPowGbX3lYVDvZ-FEDc38IKjL3xv-bB4Btr4Nau1a2NhYkjiF6y"
    "MZFx2J8I44zSrR-HM_yeiqmgL9-GCzZ00TZ2Ih6GMtwQaJCSSwDbxtH7kyjM3b-pauGWlLuaW_ZFeQQ\",\"e\""
    ":\"AQAB\"},{\"kty\":\"oct\",\"kid\":\"oct-1\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ\"}]}";
inline constexpr const char* kEs384Token =
    "eyJhbGciOiJFUzM4NCIsImtpZCI6ImVjLTEiLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJodHRwczovL3Rva2VuL"
    "mlzc3Vlci5leGFtcGxlIiwiYXVkIjpbIm5hcnJvd3MiLCJvdGhlciJdLCJzdWIiOiJyZXBvOm9yZy9hcHA6c"
    "mVmOnJlZnMvaGVhZHMvbWFpbiIsImlhdCI6MTc5NTQxNTAwMCwibmJmIjoxNzk1NDE1MDAwLCJleHAiOjE3O"
    "TU0MTg2MDAsImp0aSI6InQtMSJ9.wq0RZRFYGM7UWl6C0qxCWnpVgZFe9VtdLH4O7BTPvXIBSjsEbnApvF3M"
    "HfbSCCGliSWd2dJjiP0yVGVgSOmRPGRjYpNyQ6JL-2SgD40z0Wh7_oCBz6pjf3Gq3-547wNP";
// The same token with s replaced by n - s: a signature that also holds.
inline constexpr const char* kEs384Rewritten =
    "eyJhbGciOiJFUzM4NCIsImtpZCI6ImVjLTEiLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJodHRwczovL3Rva2VuL"
    "mlzc3Vlci5leGFtcGxlIiwiYXVkIjpbIm5hcnJvd3MiLCJvdGhlciJdLCJzdWIiOiJyZXBvOm9yZy9hcHA6c"
    "mVmOnJlZnMvaGVhZHMvbWFpbiIsImlhdCI6MTc5NTQxNTAwMCwibmJmIjoxNzk1NDE1MDAwLCJleHAiOjE3O"
    "TU0MTg2MDAsImp0aSI6InQtMSJ9.wq0RZRFYGM7UWl6C0qxCWnpVgZFe9VtdLH4O7BTPvXIBSjsEbnApvF3M"
    "HfbSCCGldtpiJi2cdwLNq5qftxZuw5ucnWyNvF2zy_6tcmcDXHbcG40weQZD-3tBOXxT1iYk";
inline constexpr const char* kRs256Token =
    "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYS0xIiwidHlwIjoiSldUIn0.eyJpc3MiOiJodHRwczovL3Rva2Vu"
    "Lmlzc3Vlci5leGFtcGxlIiwiYXVkIjpbIm5hcnJvd3MiLCJvdGhlciJdLCJzdWIiOiJyZXBvOm9yZy9hcHA6"
    "cmVmOnJlZnMvaGVhZHMvbWFpbiIsImlhdCI6MTc5NTQxNTAwMCwibmJmIjoxNzk1NDE1MDAwLCJleHAiOjE3"
    "OTU0MTg2MDAsImp0aSI6InQtMSJ9.dO4SvPa-5SOw66o14wHtwJLcKRP17UeEx0uHVN8dALN-dFS9FDWFkPn"
    "Dih338LcY2KDC_2-3g_wuB6gJprTbfCiXYrPJC3pFdwenF_NMESRecMKmkp1Tsllu3p-CAt4GvtPon8MXgF0"
    "omToj3eRgXbjwD1uNNabdAGmpIxvEpWpl37BB7ao7GxG2vOK0jd7ZNpJXQzjY34-4hR7X0JyXhgT7uEmQhuA"
    "Abpc_Ufc5XzeVvz4dUCEYQ3GodZfLcGcuqk-uMr_uBHx6HdgvjzrT51uQ85wjd6TGGzK_V4JtBFDCxPNvhJW"
    "D_lNQiJkPcyAkKf-Cc4a-jzv2zX10jYykhw";
// Algorithm confusion: HMAC keyed with the PEM text of the RSA public key.
inline constexpr const char* kHs256WithPublicKey =
    "eyJhbGciOiJIUzI1NiIsImtpZCI6InJzYS0xIiwidHlwIjoiSldUIn0.eyJpc3MiOiJodHRwczovL3Rva2Vu"
    "Lmlzc3Vlci5leGFtcGxlIiwiYXVkIjpbIm5hcnJvd3MiLCJvdGhlciJdLCJzdWIiOiJyZXBvOm9yZy9hcHA6"
    "cmVmOnJlZnMvaGVhZHMvbWFpbiIsImlhdCI6MTc5NTQxNTAwMCwibmJmIjoxNzk1NDE1MDAwLCJleHAiOjE3"
    "OTU0MTg2MDAsImp0aSI6InQtMSJ9.-GzX0q-Xu1YBJIVT1kJeeHqFhe3JR2kCz1aYzqrx3Is";

}  // namespace narrows::identity::test
