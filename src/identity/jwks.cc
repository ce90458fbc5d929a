#include "identity/jwks.h"

#include <algorithm>

#include "codec/json.h"
#include "codec/text.h"

namespace narrows::identity {
namespace {

constexpr MonoNs kMinute = 60 * kNsPerSecond;
constexpr MonoNs kFresh = 60 * kMinute;
constexpr MonoNs kUsable = 24 * 60 * kMinute;

Result<Bytes> number(const codec::Value& jwk, const char* name) {
    const codec::Value* member = jwk.find(name);
    const auto* text = member ? member->as<std::string>() : nullptr;
    auto bytes = text ? codec::unbase64url(*text) : Result<Bytes>(Bytes());
    if (!bytes || bytes.value().empty()) {
        return fail(ErrorCode::invalid,
                    std::string("a key's member \"") + name + "\" is missing or not base64url");
    }
    return bytes;
}

/// Which kind of key of the allow-list a JWK is, or nullopt for those that are left out.
std::optional<crypto::JwsAlgorithm> kind_of(const codec::Value& jwk) {
    using crypto::JwsAlgorithm;
    const std::string type = jwk.text("kty");
    const std::string curve = jwk.text("crv");
    std::optional<JwsAlgorithm> kind;
    if (type == "RSA") kind = JwsAlgorithm::rs256;
    if (type == "EC" && curve == "P-256") kind = JwsAlgorithm::es256;
    if (type == "EC" && curve == "P-384") kind = JwsAlgorithm::es384;
    if (type == "OKP" && curve == "Ed25519") kind = JwsAlgorithm::eddsa;
    const bool for_signatures = jwk.text("use", "sig") == "sig";
    const bool right_algorithm = kind && jwk.text("alg", name_of(*kind)) == name_of(*kind);
    return for_signatures && right_algorithm ? kind : std::nullopt;
}

Result<crypto::JwsKey> key_of(const codec::Value& jwk, crypto::JwsAlgorithm kind) {
    using crypto::JwsAlgorithm;
    if (kind == JwsAlgorithm::rs256) {
        NARROWS_TRY(const auto modulus, number(jwk, "n"));
        NARROWS_TRY(const auto exponent, number(jwk, "e"));
        return crypto::JwsKey::rsa(modulus, exponent);
    }
    NARROWS_TRY(const auto x, number(jwk, "x"));
    if (kind == JwsAlgorithm::eddsa) {
        return crypto::JwsKey::ed25519(x);
    }
    NARROWS_TRY(const auto y, number(jwk, "y"));
    const auto curve =
        kind == JwsAlgorithm::es256 ? crypto::JwsCurve::p256 : crypto::JwsCurve::p384;
    return crypto::JwsKey::ec(curve, x, y);
}

Result<const codec::List*> keys_member(const codec::Value& set) {
    const codec::Value* member = set.find("keys");
    const auto* list = member ? member->as<codec::List>() : nullptr;
    if (list == nullptr || list->size() > kJwksKeysMax) {
        return fail(ErrorCode::invalid, "the key set has no list \"keys\" of at most 100 keys");
    }
    return list;
}

bool same_name(const NamedKey& a, const NamedKey& b) {
    return a.kid == b.kid && a.key.algorithm() == b.key.algorithm();
}

}  // namespace

Result<std::vector<NamedKey>> parse_jwks(std::string_view text) {
    if (text.size() > kJwksMax) {
        return fail(ErrorCode::invalid, "the key set is larger than 256 KiB");
    }
    const auto set = codec::json_decode(text);
    if (!set) {
        return fail(ErrorCode::invalid, "the key set is not JSON: " + set.error().what);
    }
    NARROWS_TRY(const codec::List* list, keys_member(set.value()));
    std::vector<NamedKey> keys;
    for (const codec::Value& jwk : *list) {
        const auto kind = kind_of(jwk);
        if (!kind) {
            continue;
        }
        auto key = key_of(jwk, *kind);
        if (!key) {
            continue;
        }
        NamedKey named{jwk.text("kid"), std::move(key).value()};
        const bool taken =
            !named.kid.empty() && std::any_of(keys.begin(), keys.end(), [&](const NamedKey& other) {
                return same_name(other, named);
            });
        if (taken) {
            return fail(ErrorCode::invalid, "the key set holds two keys of one \"kid\"");
        }
        keys.push_back(std::move(named));
    }
    if (keys.empty()) {
        return fail(ErrorCode::invalid,
                    "the key set holds no key for RS256, ES256, ES384 or EdDSA signatures");
    }
    return keys;
}

Result<crypto::JwsKey> pick_key(const std::vector<NamedKey>& keys, std::string_view kid,
                                crypto::JwsAlgorithm algorithm) {
    const NamedKey* found = nullptr;
    for (const NamedKey& key : keys) {
        if (key.key.algorithm() != algorithm || (!kid.empty() && key.kid != kid)) {
            continue;
        }
        if (found != nullptr) {
            return fail(ErrorCode::unauthenticated,
                        "the token has no \"kid\" and its issuer has several keys of its "
                        "algorithm; have the issuer name the key");
        }
        found = &key;
    }
    if (found == nullptr) {
        return fail(ErrorCode::unauthenticated,
                    "the token is signed with a key that its issuer does not publish");
    }
    return found->key;
}

Result<crypto::JwsKey> CachedKeySource::find(std::string_view kid, crypto::JwsAlgorithm algorithm) {
    const std::lock_guard lock(mutex_);
    const MonoNs now = clock_.mono();
    const bool may_try = !tried_ || now - tried_at_ >= kMinute;
    const bool stale = !fetched_ || now - fetched_at_ >= kFresh;
    auto key = pick_key(keys_, kid, algorithm);
    if (may_try && (stale || !key)) {
        tried_ = true;
        tried_at_ = now;
        auto refreshed = refresh(now);
        if (!refreshed && !fetched_) {
            return fail(refreshed.error());
        }
        key = pick_key(keys_, kid, algorithm);
    }
    if (!fetched_ || now - fetched_at_ >= kUsable) {
        return fail(ErrorCode::unavailable,
                    "the keys of the token's issuer could not be fetched; try again in a minute, "
                    "and check the issuer's jwks setting");
    }
    return key;
}

Result<void> CachedKeySource::refresh(MonoNs now) {
    auto text = fetch_(where_);
    if (!text) {
        return fail(ErrorCode::unavailable,
                    "the keys of the token's issuer could not be fetched: " + text.error().what);
    }
    NARROWS_TRY(auto keys, parse_jwks(text.value()));
    keys_ = std::move(keys);
    fetched_ = true;
    fetched_at_ = now;
    return ok();
}

KeySources make_key_sources(const Registry& registry, const Fetch& fetch, const Clock& clock) {
    KeySources sources;
    for (const Issuer& issuer : registry.issuers()) {
        sources.emplace(issuer.name, std::make_unique<CachedKeySource>(issuer.jwks, fetch, clock));
    }
    return sources;
}

}  // namespace narrows::identity
