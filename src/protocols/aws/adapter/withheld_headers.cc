#include "protocols/aws/adapter/withheld_headers.h"

#include <algorithm>
#include <array>

#include "codec/text.h"
#include "crypto/hash.h"

namespace narrows::aws {
namespace {

constexpr std::array<std::string_view, 8> kSecretHeaders = {
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-amz-security-token",
    "x-amz-s3session-token",
    "x-amz-server-side-encryption-customer-key",
    "x-amz-copy-source-server-side-encryption-customer-key",
    "x-amz-mfa",
};

constexpr std::array<std::string_view, 5> kSecretQueries = {
    "x-amz-security-token", "x-amz-signature", "signature", "x-amz-credential", "awsaccesskeyid"};

std::string digest_text(std::string_view value, ByteView key) {
    return "withheld, hmac " + codec::hex(crypto::hmac_sha256(key, value));
}

bool has_secret_query(std::string_view query) {
    const std::string lower = codec::lower(query);
    return std::any_of(kSecretQueries.begin(), kSecretQueries.end(), [&](std::string_view name) {
        return lower.find(name) != std::string::npos;
    });
}

}  // namespace

http::RequestHead withheld_headers(const http::RequestHead& head, ByteView key, bool query_secret) {
    http::RequestHead kept = head;
    for (codec::Pair& field : kept.headers) {
        const std::string name = codec::lower(field.name);
        if (std::find(kSecretHeaders.begin(), kSecretHeaders.end(), name) != kSecretHeaders.end()) {
            field.value = digest_text(field.value, key);
        }
    }
    const std::size_t mark = kept.target.find('?');
    if (mark != std::string::npos &&
        (query_secret || has_secret_query(std::string_view(kept.target).substr(mark)))) {
        const std::string query = kept.target.substr(mark + 1);
        kept.target = kept.target.substr(0, mark + 1) + digest_text(query, key);
    }
    return kept;
}

}  // namespace narrows::aws
