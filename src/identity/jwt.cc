#include "identity/jwt.h"

#include <algorithm>

#include "codec/json.h"
#include "codec/text.h"

namespace narrows::identity {
namespace {

/// Far outside any real token, so that seconds times 10^9 cannot overflow.
constexpr std::int64_t kSecondsMax = 9'000'000'000;

auto refuse(std::string what) {
    return fail(ErrorCode::unauthenticated, std::move(what));
}

Result<codec::Map> json_object(ByteView bytes, const char* part) {
    auto value = codec::json_decode(as_text(bytes));
    if (value && value.value().as<codec::Map>() != nullptr) {
        return *value.value().as<codec::Map>();
    }
    return refuse(std::string("the token's ") + part +
                  " is not one JSON object without duplicate members");
}

const std::string* text_member(const codec::Map& map, std::string_view key) {
    const auto at = map.find(key);
    return at == map.end() ? nullptr : at->second.as<std::string>();
}

Result<void> read_header(const codec::Map& header, Jws& jws) {
    const std::string* algorithm = text_member(header, "alg");
    const auto known = algorithm ? crypto::jws_algorithm(*algorithm) : std::nullopt;
    if (!known) {
        return refuse(
            "the token is not signed with RS256, ES256, ES384 or EdDSA; have its issuer "
            "sign with one of these");
    }
    // RFC 7515 section 4.1.11: what is not understood must not be ignored. `b64` and `zip` change
    // what the signed bytes mean.
    for (const char* member : {"crit", "b64", "zip", "enc"}) {
        if (header.contains(member)) {
            return refuse(std::string("the token's header holds \"") + member +
                          "\", which is not accepted here");
        }
    }
    jws.algorithm = *known;
    if (header.contains("kid")) {
        const std::string* kid = text_member(header, "kid");
        if (kid == nullptr || kid->empty() || kid->size() > 1024) {
            return refuse("the token's \"kid\" is not a text of 1 to 1024 bytes");
        }
        jws.kid = *kid;
    }
    return ok();
}

bool claim_is(const codec::Value& value, std::string_view text) {
    const auto is = [&](const codec::Value& each) {
        const auto* member = each.as<std::string>();
        return member != nullptr && *member == text;
    };
    const auto* list = value.as<codec::List>();
    return list ? std::any_of(list->begin(), list->end(), is) : is(value);
}

/// A claim of seconds since 1970 (RFC 7519 section 2, NumericDate; a fraction is dropped).
Result<std::optional<std::int64_t>> date(const codec::Map& claims, const char* name) {
    const auto at = claims.find(name);
    if (at == claims.end()) {
        return std::optional<std::int64_t>();
    }
    double seconds = -1;
    if (const auto* whole = at->second.as<std::int64_t>()) {
        seconds = static_cast<double>(*whole);
    } else if (const auto* broken = at->second.as<double>()) {
        seconds = *broken;
    }
    if (!(seconds >= 0 && seconds <= static_cast<double>(kSecondsMax))) {
        return refuse(std::string("the token's \"") + name + "\" is not a time in seconds");
    }
    return std::optional<std::int64_t>(static_cast<std::int64_t>(seconds));
}

Result<void> check_times(const codec::Map& claims, const TokenRules& rules) {
    NARROWS_TRY(const auto expires, date(claims, "exp"));
    NARROWS_TRY(const auto from, date(claims, "nbf"));
    NARROWS_TRY(const auto issued, date(claims, "iat"));
    const std::int64_t now_s = rules.now / kNsPerSecond;
    if (!expires) {
        return refuse("the token has no \"exp\"; only tokens that expire are accepted");
    }
    if (*expires + rules.skew_s <= now_s) {
        return refuse("the token has expired; get a new one");
    }
    if (from && *from - rules.skew_s > now_s) {
        return refuse("the token is not valid yet (\"nbf\"); check both clocks");
    }
    if (issued && *issued - rules.skew_s > now_s) {
        return refuse("the token was issued in the future (\"iat\"); check both clocks");
    }
    if (*expires - issued.value_or(now_s) > rules.life_max_s) {
        return refuse("the token lives longer than " + std::to_string(rules.life_max_s) +
                      " s; get one that expires sooner");
    }
    return ok();
}

bool rule_holds(const codec::Map& claims, const ClaimRule& rule) {
    const auto at = claims.find(rule.claim);
    if (at == claims.end()) {
        return false;
    }
    const auto matches = [&](const codec::Value& value) {
        const auto* text = value.as<std::string>();
        return text != nullptr && glob_match(rule.pattern, *text);
    };
    const auto* list = at->second.as<codec::List>();
    return list ? std::any_of(list->begin(), list->end(), matches) : matches(at->second);
}

}  // namespace

Result<Jws> parse_jws(std::string_view compact) {
    if (compact.size() > kTokenMax) {
        return refuse("the token is longer than 16 KiB");
    }
    const std::vector<std::string_view> parts = codec::split(compact, '.');
    if (parts.size() != 3 || parts[0].empty() || parts[1].empty() || parts[2].empty()) {
        return refuse("the token is not three parts joined by dots (a signed JWT)");
    }
    auto header = codec::unbase64url(parts[0]);
    auto payload = codec::unbase64url(parts[1]);
    auto signature = codec::unbase64url(parts[2]);
    if (!header || !payload || !signature) {
        return refuse("a part of the token is not base64url");
    }
    Jws jws;
    NARROWS_TRY(const auto members, json_object(header.value(), "header"));
    NARROWS_TRY(read_header(members, jws));
    jws.signing_input = compact.substr(0, parts[0].size() + 1 + parts[1].size());
    jws.payload = std::move(payload).value();
    jws.signature = std::move(signature).value();
    jws.digest = crypto::sha256(jws.signing_input);
    return jws;
}

Result<codec::Map> claims_of(const Jws& jws) {
    return json_object(jws.payload, "payload");
}

bool claims_match(const codec::Map& claims, const std::vector<ClaimRule>& rules) {
    return std::all_of(rules.begin(), rules.end(),
                       [&](const ClaimRule& rule) { return rule_holds(claims, rule); });
}

Result<void> check_claims(const codec::Map& claims, const TokenRules& rules) {
    const std::string* issuer = text_member(claims, "iss");
    if (issuer == nullptr || *issuer != rules.issuer) {
        return refuse("the token is of another issuer (\"iss\")");
    }
    const auto audience = claims.find("aud");
    if (audience == claims.end() || !claim_is(audience->second, rules.audience)) {
        return refuse(
            "the token is not meant for this gateway (\"aud\"); ask for the audience "
            "that the gateway's configuration names");
    }
    NARROWS_TRY(check_times(claims, rules));
    for (const ClaimRule& rule : rules.claims) {
        if (!rule_holds(claims, rule)) {
            return refuse("the token's claim \"" + rule.claim +
                          "\" does not hold the rule of the gateway's configuration");
        }
    }
    return ok();
}

std::string sign_assertion(const crypto::SigningKey& key, std::string_view agent,
                           std::string_view gateway, WallNs now, std::int64_t life_s) {
    const std::int64_t now_s = now / kNsPerSecond;
    const codec::Map claims = {{"iss", agent},
                               {"aud", gateway},
                               {"iat", now_s},
                               {"exp", now_s + life_s},
                               {"jti", codec::base64url(crypto::random_bytes(16))}};
    std::string token = codec::base64url(as_bytes(R"({"alg":"EdDSA","typ":"JWT"})")) + "." +
                        codec::base64url(as_bytes(codec::json_encode(claims)));
    const crypto::Signature signature = key.sign(as_bytes(token));
    return token + "." + codec::base64url(signature);
}

}  // namespace narrows::identity
