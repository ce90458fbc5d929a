#include "identity/proof.h"

#include <algorithm>

#include "codec/text.h"
#include "identity/jwt.h"

namespace narrows::identity {
namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kKeyBodyMax = 64;  // 58 characters today

std::string_view prefix_of(KeyKind kind) {
    return kind == KeyKind::agent ? "nrw_agent_" : "nrw_launcher_";
}

/// The characters after the prefix: the bytes and their checksum, which covers the prefix too.
std::string body_of(KeyKind kind, ByteView random) {
    Bytes bytes = to_bytes(random);
    append_le(bytes, crypto::crc32c(random, crypto::crc32c(as_bytes(prefix_of(kind)))));
    std::string body = codec::lower(codec::base32(bytes));
    wipe(bytes.data(), bytes.size());
    return body;
}

/// The bytes of lower-case base32 text, or none.
Bytes unbase32(std::string_view text) {
    Bytes bytes;
    unsigned held = 0;
    unsigned bits = 0;
    for (const char c : text) {
        const bool letter = c >= 'a' && c <= 'z';
        if (!letter && !(c >= '2' && c <= '7')) return {};
        held = ((held << 5) | static_cast<unsigned>(letter ? c - 'a' : c - '2' + 26)) & 0xFFF;
        bits += 5;
        if (bits >= 8) {
            bits -= 8;
            bytes.push_back(static_cast<std::uint8_t>(held >> bits));
        }
    }
    return bytes;
}

bool is_enrolled(const Enrolment& enrolment, const crypto::Digest& digest) {
    return enrolment.key_sha256 && crypto::equal_constant_time(*enrolment.key_sha256, digest);
}

auto refuse_agent() {
    return fail(ErrorCode::unauthenticated,
                "the agent's proof does not fit a registered agent of that id; check agent id and "
                "key, or ask the operator to enrol it");
}

auto refuse_launcher() {
    return fail(ErrorCode::unauthenticated,
                "the launcher's key or token does not fit a registered launcher; check it, or ask "
                "the operator to enrol it");
}

/// What names a token in the replay memory: issuer and jti where there is a jti.
crypto::Digest replay_id(const Jws& jws, const codec::Map& claims, std::string_view issuer) {
    const auto jti = claims.find("jti");
    const auto* text = jti == claims.end() ? nullptr : jti->second.as<std::string>();
    if (text == nullptr || text->empty()) {
        return jws.digest;
    }
    crypto::Hasher hasher;
    hasher.update("narrows-jti-v1");
    hasher.update(as_bytes(std::to_string(issuer.size())));
    hasher.update(":");
    hasher.update(issuer);
    hasher.update(*text);
    return hasher.finish256();
}

/// `exp` was checked: a time within bounds.
WallNs expiry(const codec::Map& claims, std::int64_t skew_s) {
    const codec::Value& value = claims.at("exp");
    const auto* whole = value.as<std::int64_t>();
    const auto seconds = whole ? *whole : static_cast<std::int64_t>(*value.as<double>());
    return (seconds + skew_s + 1) * kNsPerSecond;
}

}  // namespace

Secret new_key(KeyKind kind) {
    Bytes random = crypto::random_bytes(kKeyBytes);
    std::string text = std::string(prefix_of(kind)) + body_of(kind, random);
    wipe(random.data(), random.size());
    Secret key{std::string_view(text)};
    wipe(text.data(), text.size());
    return key;
}

bool well_formed_key(KeyKind kind, std::string_view text) {
    if (!text.starts_with(prefix_of(kind))) {
        return false;
    }
    const std::string_view body = text.substr(prefix_of(kind).size());
    if (body.size() > kKeyBodyMax) {
        return false;
    }
    Bytes bytes = unbase32(body);
    bool good = bytes.size() == kKeyBytes + 4;
    if (good) {
        std::string again = body_of(kind, ByteView(bytes).first(kKeyBytes));
        good = again == body;
        wipe(again.data(), again.size());
    }
    wipe(bytes.data(), bytes.size());
    return good;
}

crypto::Digest key_digest(std::string_view key) {
    return crypto::sha256(key);
}

Result<Identity> Authenticator::launcher(std::string_view presented) {
    if (presented.starts_with(prefix_of(KeyKind::launcher))) {
        const crypto::Digest digest = key_digest(presented);
        for (const Launcher& launcher : registry_.launchers()) {
            if (well_formed_key(KeyKind::launcher, presented) &&
                is_enrolled(launcher.enrolment, digest)) {
                return Identity{launcher.id, Method::key, {}, {}, digest, 0};
            }
        }
        return refuse_launcher();
    }
    NARROWS_TRY(auto token, by_token(presented));
    const Launcher* found = nullptr;
    for (const Launcher& launcher : registry_.launchers()) {
        const bool fits = !launcher.enrolment.issuer.empty() &&
                          launcher.enrolment.issuer == token.issuer_name &&
                          claims_match(token.identity.claims, launcher.enrolment.claims);
        if (fits && found != nullptr) {
            return fail(ErrorCode::unauthenticated,
                        "the token fits several launchers; have the operator narrow their claims");
        }
        found = fits ? &launcher : found;
    }
    if (found == nullptr) {
        return refuse_launcher();
    }
    token.identity.id = found->id;
    return std::move(token.identity);
}

Result<Identity> Authenticator::agent(std::string_view id, std::string_view presented) {
    const Agent* agent = registry_.agent(id);
    if (agent == nullptr) {
        return refuse_agent();
    }
    if (agent->enrolment.key_sha256) {
        const crypto::Digest digest = key_digest(presented);
        if (!well_formed_key(KeyKind::agent, presented) || !is_enrolled(agent->enrolment, digest)) {
            return refuse_agent();
        }
        return Identity{agent->id, Method::key, {}, {}, digest, 0};
    }
    if (agent->enrolment.public_key) {
        return by_assertion(*agent, presented);
    }
    NARROWS_TRY(auto token, by_token(presented));
    if (token.issuer_name != agent->enrolment.issuer ||
        !claims_match(token.identity.claims, agent->enrolment.claims)) {
        return refuse_agent();
    }
    token.identity.id = agent->id;
    return std::move(token.identity);
}

Result<Identity> Authenticator::by_assertion(const Agent& agent, std::string_view presented) const {
    NARROWS_TRY(const auto jws, parse_jws(presented));
    if (jws.algorithm != crypto::JwsAlgorithm::eddsa ||
        !crypto::verify(*agent.enrolment.public_key, as_bytes(jws.signing_input), jws.signature)) {
        return refuse_agent();
    }
    NARROWS_TRY(auto claims, claims_of(jws));
    const TokenRules rules{agent.id, gateway_, clock_.wall(), skew_s_, kAssertionLifeMaxS, {}};
    NARROWS_TRY(check_claims(claims, rules));
    if (!claims.contains("jti") || claims.at("jti").as<std::string>() == nullptr) {
        return fail(ErrorCode::unauthenticated,
                    "the agent's assertion has no \"jti\"; add a random one to each");
    }
    const crypto::Digest proof = replay_id(jws, claims, agent.id);
    const WallNs expires = expiry(claims, skew_s_);
    return Identity{agent.id, Method::assertion, {}, std::move(claims), proof, expires};
}

Result<Authenticator::Token> Authenticator::by_token(std::string_view presented) {
    NARROWS_TRY(const auto jws, parse_jws(presented));
    NARROWS_TRY(auto claims, claims_of(jws));
    const auto named = claims.find("iss");
    const auto* url = named == claims.end() ? nullptr : named->second.as<std::string>();
    const Issuer* issuer = url ? registry_.issuer_by_url(*url) : nullptr;
    const auto source = issuer ? keys_.find(issuer->name) : keys_.end();
    if (source == keys_.end()) {
        return fail(ErrorCode::unauthenticated,
                    "the token is not of an issuer that the gateway's configuration names");
    }
    NARROWS_TRY(const auto key, source->second->find(jws.kid, jws.algorithm));
    if (key.algorithm() != jws.algorithm ||
        !key.verify(as_bytes(jws.signing_input), jws.signature)) {
        return fail(ErrorCode::unauthenticated, "the token's signature does not hold");
    }
    TokenRules rules;
    rules.issuer = issuer->url;
    rules.audience = issuer->audience;
    rules.now = clock_.wall();
    rules.skew_s = skew_s_;
    NARROWS_TRY(check_claims(claims, rules));
    const crypto::Digest proof = replay_id(jws, claims, issuer->url);
    const WallNs expires = expiry(claims, skew_s_);
    return Token{issuer->name,
                 Identity{{}, Method::oidc, issuer->url, std::move(claims), proof, expires}};
}

Result<void> Authenticator::spend(const Identity& identity) {
    if (identity.method == Method::key) {
        return ok();
    }
    return replays_.use(identity.proof, identity.proof_expires, clock_.wall());
}

}  // namespace narrows::identity
