#include "protocols/aws/sigv4/authorization.h"

#include <algorithm>
#include <charconv>
#include <chrono>

#include "codec/text.h"
#include "crypto/hash.h"
#include "protocols/aws/sigv4/proof_parts.h"
#include "protocols/aws/sigv4/sigv4a.h"

namespace narrows::sigv4 {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kAlgorithmEcdsa = "AWS4-ECDSA-P256-SHA256";
constexpr std::size_t kKeyIdMax = 128;  // botocore's model of accessKeyIdType
constexpr std::size_t kScopePartMax = 64;
constexpr std::size_t kSignedHeadersMax = 100;

bool is_word(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

bool is_digits(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_scope_part(std::string_view text) {
    return !text.empty() && text.size() <= kScopePartMax &&
           std::ranges::all_of(text, [](char c) { return is_word(c) || c == '-' || c == '.'; });
}

bool is_lower_hex(std::string_view text) {
    return std::ranges::all_of(
        text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

/// The value of a query key whose name, decoded, is `name` in any case; nothing if absent.
std::optional<std::string> query_value(std::string_view query, std::string_view name) {
    for (const std::string_view field : codec::split(query, '&')) {
        const std::size_t equals = std::min(field.find('='), field.size());
        const auto key = codec::percent_decode(field.substr(0, equals));
        if (!key || !codec::iequals(key.value(), name)) continue;
        const auto value = codec::percent_decode(field.substr(std::min(equals + 1, field.size())));
        return value ? value.value() : std::string();
    }
    return std::nullopt;
}

Scheme header_scheme(std::string_view value) {
    const std::string_view word = value.substr(0, value.find_first_of(" \t"));
    if (word == kAlgorithm) return Scheme::sigv4_header;
    if (word == kAlgorithmEcdsa) return Scheme::sigv4a_header;
    if (word == "AWS") return Scheme::sigv2_header;
    if (codec::iequals(word, "bearer")) return Scheme::bearer;
    return Scheme::other;
}

/// The scheme that query keys speak of. `several` when V2's and V4's are mixed.
Scheme query_scheme(std::string_view query) {
    const auto algorithm = query_value(query, "X-Amz-Algorithm");
    const bool v4 = algorithm || query_value(query, "X-Amz-Signature") ||
                    query_value(query, "X-Amz-Credential");
    const bool v2 = query_value(query, "AWSAccessKeyId").has_value();
    if (v4 && v2) return Scheme::several;
    if (v2) return Scheme::sigv2_query;
    if (!v4) return Scheme::none;
    return algorithm && *algorithm == kAlgorithmEcdsa ? Scheme::sigv4a_query : Scheme::sigv4_query;
}

/// The text after "Credential=" up to a comma or blank; for classify, so nothing is refused.
std::string_view loose_credential(std::string_view authorization) {
    constexpr std::string_view kMark = "Credential=";
    const std::size_t at = authorization.find(kMark);
    if (at == std::string_view::npos) return {};
    const std::string_view rest = authorization.substr(at + kMark.size());
    return rest.substr(0, rest.find_first_of(", \t"));
}

void read_credential_loosely(std::string_view credential, Presented& presented) {
    const std::size_t slash = std::min(credential.find('/'), credential.size());
    if (is_key_id(credential.substr(0, slash))) presented.key_id = credential.substr(0, slash);
    const std::string_view scope = credential.substr(std::min(slash + 1, credential.size()));
    const auto parts = codec::split(scope, '/');
    if (parts.size() <= 5 && std::ranges::all_of(parts, is_scope_part)) presented.scope = scope;
}

void read_v2_header_loosely(std::string_view authorization, Presented& presented) {
    const std::string_view rest = codec::trim(authorization.substr(3));
    const std::string_view key_id = rest.substr(0, rest.find(':'));
    if (is_key_id(key_id)) presented.key_id = key_id;
}

void read_key_loosely(const http::RequestHead& head, Presented& presented) {
    const std::string_view query = query_of(head.target);
    const std::string_view authorization = http::header(head.headers, "authorization");
    switch (presented.scheme) {
        case Scheme::sigv4_header:
        case Scheme::sigv4a_header:
            return read_credential_loosely(loose_credential(authorization), presented);
        case Scheme::sigv4a_query:
        case Scheme::sigv4_query: {
            const auto value = query_value(query, "X-Amz-Credential");
            return read_credential_loosely(value ? std::string_view(*value) : std::string_view(),
                                           presented);
        }
        case Scheme::sigv2_header:
            return read_v2_header_loosely(authorization, presented);
        case Scheme::sigv2_query: {
            const auto value = query_value(query, "AWSAccessKeyId");
            if (value && is_key_id(*value)) presented.key_id = *value;
            return;
        }
        default:
            return;
    }
}

std::string fingerprint_of(const http::RequestHead& head, ByteView digest_key) {
    Bytes message;
    const auto add = [&](std::string_view name, std::string_view value) {
        append(message, name);
        append_le(message, static_cast<std::uint64_t>(value.size()));
        append(message, value);
    };
    for (const auto& field : head.headers) {
        for (const std::string_view name :
             {"authorization", "x-amz-security-token", "x-amz-s3session-token"}) {
            if (codec::iequals(field.name, name)) add(name, field.value);
        }
    }
    for (const std::string_view name : {"X-Amz-Credential", "X-Amz-Signature",
                                        "X-Amz-Security-Token", "AWSAccessKeyId", "Signature"}) {
        const auto value = query_value(query_of(head.target), name);
        if (value) add(name, *value);
    }
    if (message.empty()) return {};
    const Secret wiped(std::move(message));
    return codec::hex(crypto::hmac_sha256(digest_key, wiped.view()));
}

auto malformed(std::string what) {
    return fail(ErrorCode::invalid, "the signed request " + std::move(what));
}

}  // namespace

bool is_key_id(std::string_view text) {
    return !text.empty() && text.size() <= kKeyIdMax && std::ranges::all_of(text, is_word);
}

std::string_view query_of(std::string_view target) {
    const std::size_t mark = target.find('?');
    return mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
}

bool is_lower_name(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return (is_word(c) && !(c >= 'A' && c <= 'Z')) ||
               std::string_view("!#$%&'*+-.^`|~").find(c) != std::string_view::npos;
    });
}

Result<void> read_credential(std::string_view text, Authorization& out) {
    const auto parts = codec::split(text, '/');
    const std::size_t regions = is_sigv4a(out.scheme) ? 0 : 1;
    if (parts.size() != 4 + regions || parts.back() != "aws4_request") {
        return malformed(
            regions == 0 ? "has a Credential that is not KEYID/DATE/SERVICE/aws4_request"
                         : "has a Credential that is not KEYID/DATE/REGION/SERVICE/aws4_request");
    }
    if (!is_key_id(parts[0])) return malformed("has a Credential without a valid access key id");
    if (parts[1].size() != 8 || !is_digits(parts[1]) || !is_scope_part(parts[2]) ||
        !is_scope_part(parts[2 + regions])) {
        return malformed("has a credential scope with an invalid date, region or service");
    }
    out.key_id = parts[0];
    out.scope = {std::string(parts[1]), std::string(regions == 0 ? "" : parts[2]),
                 std::string(parts[2 + regions])};
    return ok();
}

/// Only a head that came over HTTP/2 has it, and there it is the host.
constexpr std::string_view kAuthority = ":authority";

Result<void> read_signed_headers(std::string_view text, Authorization& out) {
    for (const std::string_view name : codec::split(text, ';')) {
        // Some SDKs sign the host of HTTP/2 under the name that it has there.
        if (name != kAuthority && !is_lower_name(name))
            return malformed("names a signed header that is not lower case");
        if (!out.signed_headers.empty() && !(out.signed_headers.back() < name)) {
            return malformed("lists its signed headers out of order or twice");
        }
        if (out.signed_headers.size() == kSignedHeadersMax) {
            return malformed("lists more than 100 signed headers");
        }
        out.signed_headers.emplace_back(name);
    }
    return ok();
}

Result<void> read_signature(std::string_view text, Authorization& out) {
    if (is_sigv4a(out.scheme)) {
        NARROWS_TRY(read_ecdsa_signature(text));
    } else if (text.size() != 64 || !is_lower_hex(text)) {
        return malformed("has a Signature that is not 64 lower-case hex digits");
    }
    out.signature = text;
    return ok();
}

/// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html:
/// host and every x-amz-* header must be signed.
Result<void> check_coverage(const http::Headers& headers, const Authorization& auth) {
    const auto is_signed = [&](std::string_view name) {
        return std::ranges::binary_search(auth.signed_headers, name);
    };
    for (const std::string& name : auth.signed_headers) {
        if (http::count(headers, name) == 0) {
            return malformed("lists a signed header that it does not have");
        }
    }
    if (!is_signed("host") && !is_signed(kAuthority))
        return malformed("leaves the Host header unsigned");
    for (const auto& field : headers) {
        const std::string name = codec::lower(field.name);
        if (name.starts_with("x-amz-") && !is_signed(name)) {
            return malformed("leaves an x-amz-* header unsigned; every one must be signed");
        }
    }
    return ok();
}

Result<void> check_single(const http::Headers& headers) {
    for (const std::string_view name :
         {"authorization", "host", "x-amz-date", "date", "x-amz-security-token",
          "x-amz-s3session-token", "x-amz-content-sha256"}) {
        if (http::count(headers, name) > 1) {
            return fail(ErrorCode::invalid,
                        "the request has the header " + std::string(name) + " more than once");
        }
    }
    return ok();
}

namespace {

/// The three parts, each once, in any order, separated by commas with or without blanks.
Result<void> read_parts(std::string_view value, Authorization& out) {
    const std::string_view rest = value.substr(std::min(value.find_first_of(" \t"), value.size()));
    unsigned seen = 0;
    for (const std::string_view piece : codec::split(rest, ',')) {
        const std::string_view part = codec::trim(piece);
        const std::size_t equals = std::min(part.find('='), part.size());
        const std::string_view name = part.substr(0, equals);
        const std::string_view text = part.substr(std::min(equals + 1, part.size()));
        const unsigned bit = name == "Credential"      ? 1U
                             : name == "SignedHeaders" ? 2U
                             : name == "Signature"     ? 4U
                                                       : 0U;
        if (bit == 0 || (seen & bit) != 0) {
            return malformed("has a part that is unknown or stands twice");
        }
        seen |= bit;
        NARROWS_TRY(bit == 1   ? read_credential(text, out)
                    : bit == 2 ? read_signed_headers(text, out)
                               : read_signature(text, out));
    }
    if (seen != 7) return malformed("lacks Credential, SignedHeaders or Signature");
    return ok();
}

/// IMF-fixdate (RFC 9110 section 5.6.7) or the ISO basic form, as ISO basic.
std::optional<WallNs> parse_http_date(std::string_view text) {
    static constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
    if (text.size() != 29 || !text.ends_with(" GMT")) return std::nullopt;
    const std::size_t month = kMonths.find(text.substr(8, 3));
    if (month == std::string_view::npos || month % 3 != 0) return std::nullopt;
    const std::size_t number = month / 3 + 1;
    std::string iso(text.substr(12, 4));
    iso.append(number < 10 ? "0" : "").append(std::to_string(number)).append(text.substr(5, 2));
    iso.append("T").append(text.substr(17, 2)).append(text.substr(20, 2));
    iso.append(text.substr(23, 2)).append("Z");
    const auto time = parse_iso_basic(iso);
    // Comparing with what we would write checks the weekday and every separator.
    return time && imf_fixdate(*time) == text ? time : std::nullopt;
}

Result<void> read_date(const http::Headers& headers, Authorization& out) {
    const bool own = http::count(headers, "x-amz-date") > 0;
    const std::string_view text = http::header(headers, own ? "x-amz-date" : "date");
    auto time = parse_iso_basic(text);
    if (!time && !own) time = parse_http_date(text);
    if (!time) {
        return fail(ErrorCode::invalid,
                    "the signed request has no valid X-Amz-Date (or Date) header");
    }
    out.time = *time;
    out.date = iso_basic(*time);
    if (out.scope.date != out.date.substr(0, 8)) {
        return fail(ErrorCode::invalid,
                    "the date of the credential scope is not the date of the request");
    }
    return ok();
}

/// A date that counts must be signed, too.
Result<void> check_date_signed(const Authorization& auth) {
    for (const std::string_view name : {"x-amz-date", "date"}) {
        if (std::ranges::binary_search(auth.signed_headers, name)) return ok();
    }
    return malformed("leaves its date unsigned");
}

}  // namespace

const char* name_of(Scheme scheme) {
    switch (scheme) {
        case Scheme::none:
            return "none";
        case Scheme::sigv4_header:
            return "sigv4";
        case Scheme::sigv4_query:
            return "sigv4-query";
        case Scheme::sigv2_header:
            return "sigv2";
        case Scheme::sigv2_query:
            return "sigv2-query";
        case Scheme::sigv4_post:
            return "sigv4-post";
        case Scheme::sigv2_post:
            return "sigv2-post";
        case Scheme::sigv4a_header:
            return "sigv4a";
        case Scheme::sigv4a_query:
            return "sigv4a-query";
        case Scheme::bearer:
            return "bearer";
        case Scheme::other:
            return "other";
        case Scheme::several:
            return "several";
    }
    return "other";
}

std::string CredentialScope::text() const {
    return date + "/" + region + (region.empty() ? "" : "/") + service + "/aws4_request";
}

Presented classify(const http::RequestHead& head, ByteView digest_key) {
    Presented presented;
    const Scheme in_query = query_scheme(query_of(head.target));
    const std::size_t headers = http::count(head.headers, "authorization");
    if (headers == 0) {
        presented.scheme = in_query;
    } else if (headers > 1 || in_query != Scheme::none) {
        presented.scheme = Scheme::several;
    } else {
        presented.scheme = header_scheme(http::header(head.headers, "authorization"));
    }
    read_key_loosely(head, presented);
    const std::string_view payload = http::header(head.headers, "x-amz-content-sha256");
    presented.payload = codec::printable(payload.substr(0, 64));
    presented.fingerprint = fingerprint_of(head, digest_key);
    return presented;
}

Result<Authorization> read_authorization(const http::RequestHead& head) {
    NARROWS_TRY(check_single(head.headers));
    const std::string_view value = http::header(head.headers, "authorization");
    Authorization out;
    out.scheme = header_scheme(value);
    if (out.scheme != Scheme::sigv4_header && out.scheme != Scheme::sigv4a_header) {
        return malformed("has no AWS4-HMAC-SHA256 or AWS4-ECDSA-P256-SHA256 signature");
    }
    NARROWS_TRY(read_parts(value, out));
    NARROWS_TRY(read_date(head.headers, out));
    NARROWS_TRY(check_coverage(head.headers, out));
    NARROWS_TRY(check_date_signed(out));
    if (out.scheme == Scheme::sigv4a_header) {
        NARROWS_TRY(out.region_set, read_region_set(head.headers));
    }
    out.s3_session = http::count(head.headers, "x-amz-s3session-token") > 0;
    if (out.s3_session && http::count(head.headers, "x-amz-security-token") > 0) {
        return fail(ErrorCode::invalid, "the request has two session tokens");
    }
    const std::string_view token = http::header(
        head.headers, out.s3_session ? "x-amz-s3session-token" : "x-amz-security-token");
    if (token.size() > kTokenMax) {
        return fail(ErrorCode::invalid, "the session token is longer than 16 KiB");
    }
    out.session_token = Secret(token);
    return out;
}

std::optional<WallNs> parse_iso_basic(std::string_view text) {
    if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return std::nullopt;
    const auto number = [&](std::size_t at, std::size_t size) {
        int value = -1;
        const std::string_view digits = text.substr(at, size);
        if (is_digits(digits)) std::from_chars(digits.data(), digits.data() + size, value);
        return value;
    };
    using std::chrono::day, std::chrono::month, std::chrono::year;
    const int month_number = number(4, 2);
    const int day_number = number(6, 2);
    const int hour = number(9, 2);
    const int minute = number(11, 2);
    const int second = number(13, 2);
    // Nanoseconds in 64 bits end in 2262.
    if (number(0, 4) < 1970 || number(0, 4) > 2261 || month_number < 1 || day_number < 1 ||
        hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) {
        return std::nullopt;
    }
    const std::chrono::year_month_day date(year(number(0, 4)),
                                           month(static_cast<unsigned>(month_number)),
                                           day(static_cast<unsigned>(day_number)));
    if (!date.ok()) return std::nullopt;
    const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
    return (((days * 24 + hour) * 60 + minute) * 60 + second) * kNsPerSecond;
}

}  // namespace narrows::sigv4
