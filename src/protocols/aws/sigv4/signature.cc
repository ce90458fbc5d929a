#include "protocols/aws/sigv4/signature.h"

#include "codec/text.h"
#include "protocols/aws/sigv4/canonical.h"

namespace narrows::sigv4 {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kEmptySha256 =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

std::string string_to_sign(std::string_view date, const CredentialScope& scope,
                           const crypto::Digest& canonical_sha256) {
    std::string out(kAlgorithm);
    out.append("\n").append(date).append("\n").append(scope.text()).append("\n");
    return out.append(codec::hex(canonical_sha256));
}

class KeyChunkSigner : public ChunkSigner {
  public:
    KeyChunkSigner(const SigningKey& key, const std::string& date, const CredentialScope& scope,
                   std::string seed)
        : key_(key),
          date_and_scope_(date + "\n" + scope.text() + "\n"),
          previous_(std::move(seed)) {}

    std::string sign_chunk(const crypto::Digest& data_sha256) override {
        std::string text = "AWS4-HMAC-SHA256-PAYLOAD\n" + date_and_scope_ + previous_ + "\n";
        text.append(kEmptySha256).append("\n").append(codec::hex(data_sha256));
        return previous_ = key_.sign(text);
    }
    std::string sign_trailer(const crypto::Digest& trailer_sha256) override {
        const std::string text = "AWS4-HMAC-SHA256-TRAILER\n" + date_and_scope_ + previous_ + "\n" +
                                 codec::hex(trailer_sha256);
        return previous_ = key_.sign(text);
    }

  private:
    SigningKey key_;
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
    for (const std::string_view name : {"authorization", "x-amz-date", "x-amz-security-token"}) {
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

SigningKey KeyCache::get(const Secret& secret_access_key, const CredentialScope& scope) {
    Bytes name = to_bytes(secret_access_key.view());
    append(name, "\n" + scope.text());
    const Secret wiped(std::move(name));
    const crypto::Digest id = crypto::sha256(wiped.view());
    {
        const std::lock_guard lock(mutex_);
        const auto found = keys_.find(id);
        if (found != keys_.end()) return found->second;
    }
    SigningKey key = SigningKey::derive(secret_access_key, scope);
    const std::lock_guard lock(mutex_);
    if (keys_.size() >= entries_max_) keys_.clear();
    keys_.emplace(id, key);
    return key;
}

void KeyCache::clear() {
    const std::lock_guard lock(mutex_);
    keys_.clear();
}

std::unique_ptr<ChunkSigner> chunk_signer(const SigningKey& key, const std::string& date,
                                          const CredentialScope& scope,
                                          std::string seed_signature) {
    return std::make_unique<KeyChunkSigner>(key, date, scope, std::move(seed_signature));
}

Result<Verified> verify(const http::RequestHead& head, const Authorization& authorization,
                        const SigningKey& key, std::optional<crypto::Digest> body_sha256,
                        WallNs now, std::int64_t skew_s) {
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
    const std::string expected =
        key.sign(string_to_sign(authorization.date, authorization.scope, digest));
    if (!crypto::equal_constant_time(expected, authorization.signature)) {
        return fail(ErrorCode::unauthenticated,
                    "the request's signature is not one that its credential makes; check the "
                    "secret access key and that nothing between changes the request");
    }
    return Verified{std::move(payload), digest};
}

Result<Signed> sign(const http::RequestHead& head, std::string_view payload,
                    const Credentials& credentials, std::string_view region,
                    std::string_view signing_name, WallNs now, KeyCache& keys) {
    NARROWS_TRY(check_unsigned(head, payload));
    if (region.empty() || signing_name.empty()) {
        return fail(ErrorCode::invalid, "the request to sign has no region or no signing name");
    }
    std::string date = iso_basic(now);
    http::Headers added = {{"X-Amz-Date", date}};
    if (!credentials.session_token.empty()) {
        added.push_back({"X-Amz-Security-Token", std::string(credentials.session_token.text())});
    }
    http::RequestHead whole = head;
    whole.headers.insert(whole.headers.end(), added.begin(), added.end());
    const std::vector<std::string> names = headers_to_sign(whole.headers);
    NARROWS_TRY(const std::string canonical,
                canonical_request(whole, names, payload, path_style(signing_name)));
    const crypto::Digest digest = crypto::sha256(canonical);

    CredentialScope scope{date.substr(0, 8), std::string(region), std::string(signing_name)};
    SigningKey key = keys.get(credentials.secret_access_key, scope);
    std::string signature = key.sign(string_to_sign(date, scope, digest));
    added.push_back({"Authorization", std::string(kAlgorithm) +
                                          " Credential=" + credentials.access_key_id + "/" +
                                          scope.text() + ", SignedHeaders=" + join(names) +
                                          ", Signature=" + signature});
    return Signed{std::move(added), digest,           std::move(signature),
                  std::move(date),  std::move(scope), key};
}

}  // namespace narrows::sigv4
