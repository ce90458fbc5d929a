#include "protocols/aws/adapter/withheld_headers.h"

#include <algorithm>
#include <array>

#include "codec/text.h"
#include "crypto/hash.h"

namespace narrows::aws {
namespace {

constexpr std::array<std::string_view, 11> kSpeaksOfCredential = {
    "authorization", "token", "secret",     "password", "bearer", "cookie",
    "credential",    "mfa",   "session-id", "api-key",  "apikey"};

/// Customer-provided keys and their MD5 (x-amz-server-side-encryption-customer-key…).
constexpr std::string_view kCustomerKey = "customer-key";

constexpr std::array<std::string_view, 7> kSecretKeys = {
    "signature", "credential", "accesskeyid", "secret", "password", "apikey", "authorization"};

/// Keys that end in "token" and hold a place in a list or make a call safe to repeat. Lower case,
/// without '-', '_' and '.', as every key is compared.
constexpr std::array<std::string_view, 12> kHarmlessTokens = {
    "continuationtoken",  "nextcontinuationtoken", "nexttoken",   "nextpagetoken",
    "pagetoken",          "pagingtoken",           "clienttoken", "paginationtoken",
    "clientrequesttoken", "xamzclienttoken",       "markertoken", "idempotencytoken"};

constexpr std::array<std::string_view, 13> kHarmless = {
    "host",           "content-type", "content-length", "transfer-encoding",
    "connection",     "accept",       "user-agent",     "expect",
    "date",           "x-amz-date",   "range",          "x-amz-target",
    "accept-encoding"};

template <class Names>
bool has_part(std::string_view text, const Names& parts) {
    return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) {
        return text.find(part) != std::string_view::npos;
    });
}

std::string digest_text(std::string_view value, ByteView key) {
    return "withheld, hmac " + codec::hex(crypto::hmac_sha256(key, value));
}

bool is_body_digest(std::string_view name) {
    return name == "content-md5" || name == "x-amz-content-sha256" ||
           name.starts_with("x-amz-checksum-");
}

/// A part without '=' or with a bad escape may be all value: its text is looked at whole.
bool is_secret_key(std::string_view key) {
    const Result<std::string> decoded = codec::percent_decode(key);
    if (!decoded.has_value()) {
        return true;
    }
    std::string name = codec::lower(decoded.value());
    std::erase_if(name, [](char c) { return c == '-' || c == '_' || c == '.'; });
    const bool harmless =
        std::find(kHarmlessTokens.begin(), kHarmlessTokens.end(), name) != kHarmlessTokens.end();
    return has_part(name, kSecretKeys) || (!harmless && name.find("token") != std::string::npos);
}

std::string withheld_query(std::string_view query, ByteView key) {
    std::string out;
    for (const std::string_view pair : codec::split(query, '&')) {
        const std::size_t equals = pair.find('=');
        const std::string_view name = pair.substr(0, equals);
        out += out.empty() ? "" : "&";
        if (!is_secret_key(name)) {
            out += pair;
        } else if (equals == std::string_view::npos) {
            out += digest_text(pair, key);
        } else {
            out += std::string(name) + "=" + digest_text(pair.substr(equals + 1), key);
        }
    }
    return out;
}

std::string withheld_target(std::string_view target, ByteView key, bool secret) {
    const std::size_t mark = target.find('?');
    if (mark == std::string_view::npos) {
        return std::string(target);
    }
    const std::string_view query = target.substr(mark + 1);
    return std::string(target.substr(0, mark + 1)) +
           (secret ? digest_text(query, key) : withheld_query(query, key));
}

std::string withheld_line(std::string_view line, bool is_first, ByteView key) {
    if (is_first) {
        return withheld_target(line, key, true);
    }
    const std::size_t colon = line.find(':');
    const std::string name = codec::lower(codec::trim(line.substr(0, colon)));
    const bool harmless = colon != std::string_view::npos &&
                          std::find(kHarmless.begin(), kHarmless.end(), name) != kHarmless.end();
    if (harmless || line.empty()) {
        return std::string(line);
    }
    const std::string_view kept = colon == std::string_view::npos ? "" : line.substr(0, colon + 1);
    return std::string(kept) + " " + digest_text(line, key);
}

}  // namespace

http::RequestHead withheld_headers(const http::RequestHead& head, ByteView key, bool secret) {
    http::RequestHead kept = head;
    for (codec::Pair& field : kept.headers) {
        const std::string name = codec::lower(field.name);
        const bool credential =
            has_part(name, kSpeaksOfCredential) || name.find(kCustomerKey) != std::string::npos;
        if (credential || (secret && is_body_digest(name))) {
            field.value = digest_text(field.value, key);
        }
    }
    kept.target = withheld_target(head.target, key, secret);
    return kept;
}

std::string withheld_url(std::string_view url, ByteView key) {
    return withheld_target(url, key, false);
}

Bytes withheld_bytes(ByteView malformed, ByteView key) {
    std::string out;
    bool is_first = true;
    for (std::string_view line : codec::split(as_text(malformed), '\n')) {
        const bool has_return = line.ends_with('\r');
        line.remove_suffix(has_return ? 1 : 0);
        out += is_first ? "" : "\n";
        out += withheld_line(line, is_first, key);
        out += has_return ? "\r" : "";
        is_first = false;
    }
    return to_bytes(out);
}

}  // namespace narrows::aws
