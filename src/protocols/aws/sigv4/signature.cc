#include "protocols/aws/sigv4/signature.h"

#include "codec/text.h"
#include "protocols/aws/sigv4/canonical.h"

namespace narrows::sigv4 {
namespace {

constexpr std::string_view kEmptySha256 =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

Algorithm algorithm_of(const Key& key) {
    return std::holds_alternative<EcdsaKey>(key) ? Algorithm::ecdsa : Algorithm::hmac;
}

std::string sign_with(const Key& key, std::string_view text) {
    return std::visit([&](const auto& each) { return each.sign(text); }, key);
}

class ChunkChain : public ChunkSigner, public ChunkVerifier {
  public:
    ChunkChain(const Key& key, const std::string& date, const CredentialScope& scope,
               std::string seed)
        : key_(key),
          date_and_scope_(date + "\n" + scope.text() + "\n"),
          previous_(std::move(seed)) {}

    std::string sign_chunk(const crypto::Digest& data_sha256) override {
        return previous_ = sign_with(key_, text_of_chunk(data_sha256));
    }
    std::string sign_trailer(const crypto::Digest& trailer_sha256) override {
        return previous_ = sign_with(key_, text_of_trailer(trailer_sha256));
    }
    bool chunk_holds(const crypto::Digest& data_sha256, std::string_view signature) override {
        const bool held = holds_with(key_, text_of_chunk(data_sha256), signature);
        previous_ = signature;
        return held;
    }
    bool trailer_holds(const crypto::Digest& trailer_sha256, std::string_view signature) override {
        return holds_with(key_, text_of_trailer(trailer_sha256), signature);
    }

  private:
    std::string begin(std::string_view kind) const {
        std::string text(name_of(algorithm_of(key_)));
        return text.append(kind).append("\n").append(date_and_scope_).append(previous_) + "\n";
    }
    std::string text_of_chunk(const crypto::Digest& sha256) const {
        std::string text = begin("-PAYLOAD");
        return text.append(kEmptySha256).append("\n").append(codec::hex(sha256));
    }
    std::string text_of_trailer(const crypto::Digest& sha256) const {
        return begin("-TRAILER") + codec::hex(sha256);
    }

    Key key_;
    std::string date_and_scope_;
    std::string previous_;
};

/// What the request's signature covers as payload.
Result<std::string> payload_of(const http::Headers& headers,
                               const std::optional<crypto::Digest>& body_sha256) {
    const std::string_view declared = http::header(headers, "x-amz-content-sha256");
    if (!declared.empty()) return std::string(declared);
    if (!body_sha256) {
        return fail(ErrorCode::invalid,
                    "the request has no x-amz-content-sha256, so its whole body is needed to check "
                    "its signature, and it is too large to hold");
    }
    return codec::hex(*body_sha256);
}

Result<void> check_unsigned(const http::RequestHead& head, std::string_view payload) {
    for (const std::string_view name : {"authorization", "x-amz-date", "x-amz-security-token",
                                        "x-amz-s3session-token", "x-amz-region-set"}) {
        if (http::count(head.headers, name) != 0) {
            return fail(ErrorCode::invalid,
                        "the request to sign already has the header " + std::string(name));
        }
    }
    if (http::count(head.headers, "host") != 1) {
        return fail(ErrorCode::invalid, "the request to sign needs exactly one Host header");
    }
    const std::size_t declared = http::count(head.headers, "x-amz-content-sha256");
    if (declared > 1 ||
        (declared == 1 && http::header(head.headers, "x-amz-content-sha256") != payload)) {
        return fail(ErrorCode::invalid,
                    "the request to sign declares another x-amz-content-sha256 than its payload");
    }
    return ok();
}

std::string join(const std::vector<std::string>& names) {
    std::string out;
    for (const std::string& name : names) out.append(out.empty() ? "" : ";").append(name);
    return out;
}

}  // namespace

const char* name_of(Algorithm algorithm) {
    return algorithm == Algorithm::ecdsa ? "AWS4-ECDSA-P256-SHA256" : "AWS4-HMAC-SHA256";
}

Algorithm algorithm_of(const Authorization& authorization) {
    return is_sigv4a(authorization.scheme) ? Algorithm::ecdsa : Algorithm::hmac;
}

std::string string_to_sign(Algorithm algorithm, std::string_view date, const CredentialScope& scope,
                           const crypto::Digest& canonical_sha256) {
    std::string out(name_of(algorithm));
    out.append("\n").append(date).append("\n").append(scope.text()).append("\n");
    return out.append(codec::hex(canonical_sha256));
}

bool holds_with(const Key& key, std::string_view text, std::string_view signature) {
    return std::visit([&](const auto& each) { return each.holds(text, signature); }, key);
}

SigningKey SigningKey::derive(const Secret& secret_access_key, const CredentialScope& scope) {
    Bytes first = to_bytes("AWS4");
    append(first, secret_access_key.view());
    const Secret start(std::move(first));
    crypto::Digest key = crypto::hmac_sha256(start.view(), scope.date);
    key = crypto::hmac_sha256(key, scope.region);
    key = crypto::hmac_sha256(key, scope.service);
    key = crypto::hmac_sha256(key, std::string_view("aws4_request"));
    SigningKey out(key);
    wipe(key.data(), key.size());
    return out;
}

std::string SigningKey::sign(std::string_view text) const {
    return codec::hex(crypto::hmac_sha256(key_, text));
}

bool SigningKey::holds(std::string_view text, std::string_view signature) const {
    return crypto::equal_constant_time(std::string_view(sign(text)), signature);
}

EcdsaKey EcdsaKey::derive(const Secret& secret_access_key, std::string_view access_key_id) {
    Bytes first = to_bytes("AWS4A");
    append(first, secret_access_key.view());
    const Secret start(std::move(first));
    return EcdsaKey(
        crypto::P256Key::derive(start.view(), name_of(Algorithm::ecdsa), access_key_id));
}

std::string EcdsaKey::sign(std::string_view text) const {
    return codec::hex(key_.sign(text));
}

bool EcdsaKey::holds(std::string_view text, std::string_view signature) const {
    const auto der = codec::unhex(signature);
    return der.has_value() && key_.verify(text, der.value());
}

template <class Derive>
Key KeyCache::get_or(const Secret& secret_access_key, const std::string& of, Derive derive) {
    Bytes name = to_bytes(secret_access_key.view());
    append(name, of);
    const Secret wiped(std::move(name));
    const crypto::Digest id = crypto::sha256(wiped.view());
    {
        const std::lock_guard lock(mutex_);
        const auto found = keys_.find(id);
        if (found != keys_.end()) return found->second;
    }
    Key key = derive();
    const std::lock_guard lock(mutex_);
    if (keys_.size() >= entries_max_) keys_.clear();
    keys_.emplace(id, key);
    return key;
}

SigningKey KeyCache::get(const Secret& secret_access_key, const CredentialScope& scope) {
    const auto derive = [&] { return SigningKey::derive(secret_access_key, scope); };
    return std::get<SigningKey>(get_or(secret_access_key, "\n" + scope.text(), derive));
}

EcdsaKey KeyCache::get_ecdsa(const Secret& secret_access_key, std::string_view access_key_id) {
    const auto derive = [&] { return EcdsaKey::derive(secret_access_key, access_key_id); };
    const std::string of = "\n" + std::string(access_key_id);  // no scope: it has no slash
    return std::get<EcdsaKey>(get_or(secret_access_key, of, derive));
}

Key KeyCache::verifying_key(const Secret& secret_access_key, const Authorization& authorization) {
    if (is_sigv4a(authorization.scheme)) return get_ecdsa(secret_access_key, authorization.key_id);
    return get(secret_access_key, authorization.scope);
}

void KeyCache::clear() {
    const std::lock_guard lock(mutex_);
    keys_.clear();
}

std::unique_ptr<ChunkSigner> chunk_signer(const Key& key, const std::string& date,
                                          const CredentialScope& scope,
                                          std::string seed_signature) {
    return std::make_unique<ChunkChain>(key, date, scope, std::move(seed_signature));
}

std::unique_ptr<ChunkVerifier> chunk_verifier(const Key& key, const Authorization& request) {
    return std::make_unique<ChunkChain>(key, request.date, request.scope, request.signature);
}

Result<Verified> verify(const http::RequestHead& head, const Authorization& authorization,
                        const Key& key, std::optional<crypto::Digest> body_sha256, WallNs now,
                        std::int64_t skew_s) {
    const std::int64_t limit = skew_s * kNsPerSecond;
    if (authorization.time < now - limit || authorization.time > now + limit) {
        return fail(ErrorCode::timeout,
                    "the request was signed at " + rfc3339(authorization.time) +
                        ", which is too far from the gateway's time; set the client's clock");
    }
    NARROWS_TRY(std::string payload, payload_of(head.headers, body_sha256));
    NARROWS_TRY(const std::string canonical,
                canonical_request(head, authorization.signed_headers, payload,
                                  path_style(authorization.scope.service)));
    const crypto::Digest digest = crypto::sha256(canonical);
    const std::string text =
        string_to_sign(algorithm_of(key), authorization.date, authorization.scope, digest);
    if (!holds_with(key, text, authorization.signature)) {
        return fail(ErrorCode::unauthenticated,
                    "the request's signature is not one that its credential makes; check the "
                    "secret access key and that nothing between changes the request");
    }
    return Verified{std::move(payload), digest};
}

Result<Signed> sign(const http::RequestHead& head, std::string_view payload,
                    const Credentials& credentials, std::string_view region,
                    std::string_view signing_name, WallNs now, KeyCache& keys,
                    Algorithm algorithm) {
    NARROWS_TRY(check_unsigned(head, payload));
    if (region.empty() || signing_name.empty()) {
        return fail(ErrorCode::invalid, "the request to sign has no region or no signing name");
    }
    const bool ecdsa = algorithm == Algorithm::ecdsa;
    std::string date = iso_basic(now);
    http::Headers added = {{"X-Amz-Date", date}};
    if (!credentials.session_token.empty()) {
        added.push_back({credentials.s3_session ? "X-Amz-S3session-Token" : "X-Amz-Security-Token",
                         std::string(credentials.session_token.text())});
    }
    if (ecdsa) added.push_back({"X-Amz-Region-Set", std::string(region)});
    http::RequestHead whole = head;
    whole.headers.insert(whole.headers.end(), added.begin(), added.end());
    const std::vector<std::string> names = headers_to_sign(whole.headers);
    NARROWS_TRY(const std::string canonical,
                canonical_request(whole, names, payload, path_style(signing_name)));
    const crypto::Digest digest = crypto::sha256(canonical);

    CredentialScope scope{date.substr(0, 8), ecdsa ? "" : std::string(region),
                          std::string(signing_name)};
    const Secret& secret = credentials.secret_access_key;
    Key key = ecdsa ? Key(keys.get_ecdsa(secret, credentials.access_key_id))
                    : Key(keys.get(secret, scope));
    std::string signature = sign_with(key, string_to_sign(algorithm, date, scope, digest));
    added.push_back({"Authorization", std::string(name_of(algorithm)) +
                                          " Credential=" + credentials.access_key_id + "/" +
                                          scope.text() + ", SignedHeaders=" + join(names) +
                                          ", Signature=" + signature});
    return Signed{std::move(added), digest,           std::move(signature),
                  std::move(date),  std::move(scope), std::move(key)};
}

}  // namespace narrows::sigv4
