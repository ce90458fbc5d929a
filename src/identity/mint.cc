#include "identity/mint.h"

#include <algorithm>
#include <filesystem>

#include "codec/cbor.h"
#include "codec/text.h"
#include "crypto/hash.h"
#include "crypto/seal.h"

namespace narrows::identity {
namespace {

constexpr std::size_t kGroupKeyBytes = 32;
constexpr std::size_t kSecretBytes = 30;  // 40 base64 characters
constexpr std::int64_t kTokenVersion = 1;

struct UseNames {
    std::string_view prefix;
    std::string_view context;  ///< authenticated with the sealed bytes
};
UseNames names_of(TokenUse use) {
    switch (use) {
        case TokenUse::aws:
            return {"nrw_session_", "narrows-token-aws-v1"};
        case TokenUse::delivery:
            return {"nrw_delivery_", "narrows-token-delivery-v1"};
        case TokenUse::proxy:
            return {"nrw_proxy_", "narrows-token-proxy-v1"};
        case TokenUse::once:
            return {"nrw_once_", "narrows-token-once-v1"};
        case TokenUse::bearer:
            return {"nrw_bearer_", "narrows-token-bearer-v1"};
    }
    return {};
}

auto refuse_token() {
    return fail(ErrorCode::unauthenticated,
                "the session token was not made by this gateway's group, or was altered");
}

std::string base32_characters(std::size_t bytes) {
    return codec::base32(crypto::random_bytes(bytes));
}

Result<TokenClaims> read_claims(ByteView plain) {
    const auto decoded = codec::cbor_decode(plain);
    if (!decoded || decoded.value().number("v") != kTokenVersion) {
        return refuse_token();
    }
    const codec::Value& value = decoded.value();
    return TokenClaims{model::SessionId(value.text("session")),
                       value.text("connection"),
                       value.text("key"),
                       value.number("expires"),
                       value.text("agent"),
                       value.text("principal")};
}

Result<void> refuse_readable_by_others(const std::string& path) {
    std::error_code error;
    const auto permissions = std::filesystem::status(path, error).permissions();
    using std::filesystem::perms;
    const bool known = !error && permissions != perms::unknown;
    if (known && (permissions & (perms::group_all | perms::others_all)) != perms::none) {
        return fail(ErrorCode::invalid, "the group key " + path +
                                            " can be read by others; run chmod 600 on it, and "
                                            "consider making a new one");
    }
    return ok();
}

}  // namespace

GroupKey::GroupKey(Secret bytes)
    : bytes_(std::move(bytes)),
      sealing_(crypto::hkdf_sha256(bytes_.view(), {}, "narrows-token-seal-v1", 32)) {}

GroupKey GroupKey::generate() {
    return GroupKey(Secret(crypto::random_bytes(kGroupKeyBytes)));
}

Result<GroupKey> GroupKey::from_bytes(Secret bytes) {
    if (bytes.view().size() != kGroupKeyBytes) {
        return fail(ErrorCode::invalid, "a group key has 32 bytes");
    }
    return GroupKey(std::move(bytes));
}

Result<GroupKey> load_or_create_group_key(io::FileSystem& fs, const std::string& path) {
    NARROWS_TRY(const bool exists, fs.exists(path));
    if (!exists) {
        GroupKey key = GroupKey::generate();
        NARROWS_TRY(io::durable_write(fs, path, key.bytes()));
        return key;
    }
    NARROWS_TRY(refuse_readable_by_others(path));
    NARROWS_TRY(auto bytes, io::read_all(fs, path, kGroupKeyBytes));
    Secret secret(std::move(bytes));
    if (secret.view().size() != kGroupKeyBytes) {
        return fail(ErrorCode::corrupt,
                    "the group key " + path +
                        " is not 32 bytes; restore it, or remove it to make a new one (minted "
                        "credentials of the old one end)");
    }
    return GroupKey::from_bytes(std::move(secret));
}

model::SessionId new_session_id() {
    return model::SessionId("ns-" + codec::lower(base32_characters(16)));
}

std::string new_access_key_id() {
    return "ASIA" + base32_characters(10);
}

bool is_access_key_id(std::string_view text) {
    return text.size() == 20 && text.starts_with("ASIA") &&
           std::all_of(text.begin() + 4, text.end(),
                       [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '2' && c <= '7'); });
}

Result<std::string> seal_token(const GroupKey& key, TokenUse use, const TokenClaims& claims) {
    const codec::Map map = {{"v", kTokenVersion},
                            {"session", claims.session.value()},
                            {"connection", claims.connection},
                            {"key", claims.key_id},
                            {"expires", claims.expires},
                            {"agent", claims.agent},
                            {"principal", claims.principal}};
    const UseNames names = names_of(use);
    const Bytes sealed = crypto::seal(key.sealing(), codec::cbor_encode(map), names.context);
    std::string token = std::string(names.prefix) + codec::base64url(sealed);
    if (token.size() > kSealedTokenMax) {
        return fail(ErrorCode::invalid,
                    "agent, connection and principal are too long for a session token of 1 KiB; "
                    "shorten them");
    }
    return token;
}

Result<TokenClaims> open_token(const GroupKey& key, TokenUse use, std::string_view token) {
    const UseNames names = names_of(use);
    if (token.size() > kSealedTokenMax || !token.starts_with(names.prefix)) {
        return refuse_token();
    }
    const auto sealed = codec::unbase64url(token.substr(names.prefix.size()));
    if (!sealed) {
        return refuse_token();
    }
    const auto plain = crypto::unseal(key.sealing(), sealed.value(), names.context);
    if (!plain) {
        return refuse_token();
    }
    return read_claims(plain.value().view());
}

Result<TokenClaims> open_token(const GroupKey& key, std::string_view token, std::string_view key_id,
                               TokenUse use) {
    NARROWS_TRY(auto claims, open_token(key, use, token));
    if (!crypto::equal_constant_time(claims.key_id, key_id)) {
        return fail(ErrorCode::unauthenticated,
                    "the session token belongs to another access key id");
    }
    return claims;
}

Secret secret_access_key(const GroupKey& key, std::string_view key_id) {
    crypto::Digest mac =
        crypto::hmac_sha256(key.bytes(), "narrows-secret-v1" + std::string(key_id));
    std::string text = codec::base64(ByteView(mac).first(kSecretBytes));
    Secret secret{std::string_view(text)};
    wipe(mac.data(), mac.size());
    wipe(text.data(), text.size());
    return secret;
}

Result<Credentials> mint(const GroupKey& key, TokenClaims claims) {
    claims.key_id = new_access_key_id();
    return mint_again(key, claims);
}

Result<Credentials> mint_again(const GroupKey& key, const TokenClaims& claims) {
    NARROWS_TRY(auto token, seal_token(key, TokenUse::aws, claims));
    return Credentials{claims.connection, claims.key_id, secret_access_key(key, claims.key_id),
                       std::move(token), claims.expires};
}

}  // namespace narrows::identity
