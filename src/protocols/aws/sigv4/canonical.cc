#include "protocols/aws/sigv4/canonical.h"

#include <algorithm>
#include <array>

#include "codec/text.h"

namespace narrows::sigv4 {
namespace {

/// Printable ASCII without blank and '#': what an origin-form target may hold at most (RFC 9112).
bool is_target_byte(char c) {
    return c > 0x20 && c < 0x7f && c != '#';
}

/// Dot segments and empty segments out; a trailing slash stays (RFC 3986 section 5.2.4 with
/// repeated slashes collapsed, as AWS and its SDKs do).
std::string normalise_path(std::string_view path) {
    std::vector<std::string_view> kept;
    for (const std::string_view segment : codec::split(path, '/')) {
        if (segment.empty() || segment == ".") continue;
        if (segment != "..") {
            kept.push_back(segment);
        } else if (!kept.empty()) {
            kept.pop_back();
        }
    }
    std::string out;
    for (const std::string_view segment : kept) out.append("/").append(segment);
    if (out.empty() || path.ends_with('/')) out.push_back('/');
    return out;
}

/// `?a=b` fields decoded and encoded again, so that each has one spelling, then sorted.
Result<std::string> canonical_query(std::string_view query) {
    std::vector<std::pair<std::string, std::string>> fields;
    for (const std::string_view field : codec::split(query, '&')) {
        if (field.empty()) continue;
        const std::size_t equals = std::min(field.find('='), field.size());
        NARROWS_TRY(const std::string name, codec::percent_decode(field.substr(0, equals)));
        NARROWS_TRY(const std::string value,
                    codec::percent_decode(field.substr(std::min(equals + 1, field.size()))));
        fields.emplace_back(codec::percent_encode(name), codec::percent_encode(value));
    }
    std::ranges::sort(fields);
    std::string out;
    for (const auto& [name, value] : fields) {
        if (!out.empty()) out.push_back('&');
        out.append(name).append("=").append(value);
    }
    return out;
}

void append_collapsed(std::string& out, std::string_view value) {
    bool blank = false;
    for (const char c : codec::trim(value)) {
        const bool is_blank = c == ' ' || c == '\t';
        if (blank && !is_blank) out.push_back(' ');
        if (!is_blank) out.push_back(c);
        blank = is_blank;
    }
}

Result<void> append_header(std::string& out, const http::Headers& headers, std::string_view name) {
    out.append(name).push_back(':');
    bool found = false;
    for (const auto& field : headers) {
        if (!codec::iequals(field.name, name)) continue;
        if (found) out.push_back(',');
        append_collapsed(out, field.value);
        found = true;
    }
    if (!found) {
        return fail(ErrorCode::invalid,
                    "a header named as signed is absent: " + codec::printable(name));
    }
    out.push_back('\n');
    return ok();
}

constexpr std::array<std::string_view, 19> kNeverSigned = {"authorization",
                                                           "cache-control",
                                                           "connection",
                                                           "expect",
                                                           "from",
                                                           "keep-alive",
                                                           "max-forwards",
                                                           "pragma",
                                                           "proxy-authenticate",
                                                           "proxy-authorization",
                                                           "proxy-connection",
                                                           "referer",
                                                           "te",
                                                           "trailer",
                                                           "transfer-encoding",
                                                           "upgrade",
                                                           "user-agent",
                                                           "via",
                                                           "x-amzn-trace-id"};

}  // namespace

PathStyle path_style(std::string_view signing_name) {
    // The services whose endpoint rulesets say disableDoubleEncoding.
    static constexpr std::array<std::string_view, 4> kAsSent = {"s3", "s3express", "s3-outposts",
                                                                "s3-object-lambda"};
    return std::ranges::find(kAsSent, signing_name) != kAsSent.end() ? PathStyle::as_sent
                                                                     : PathStyle::normalised;
}

Result<std::string> canonical_request(const http::RequestHead& head,
                                      std::span<const std::string> signed_headers,
                                      std::string_view payload, PathStyle style) {
    if (!head.target.starts_with('/') || !std::ranges::all_of(head.target, is_target_byte)) {
        return fail(ErrorCode::invalid,
                    "the request target is no path or holds a byte that must be percent-encoded");
    }
    const std::string_view target = head.target;
    const std::size_t mark = std::min(target.find('?'), target.size());
    const std::string_view path = target.substr(0, mark);
    NARROWS_TRY(const std::string query,
                canonical_query(target.substr(std::min(mark + 1, target.size()))));

    std::string out = head.method + "\n";
    out.append(style == PathStyle::as_sent ? std::string(path)
                                           : codec::percent_encode(normalise_path(path), "/"));
    out.append("\n").append(query).append("\n");
    for (const std::string& name : signed_headers) {
        NARROWS_TRY(append_header(out, head.headers, name));
    }
    out.push_back('\n');
    for (std::size_t i = 0; i < signed_headers.size(); ++i) {
        out.append(i == 0 ? "" : ";").append(signed_headers[i]);
    }
    out.append("\n").append(payload);
    return out;
}

std::vector<std::string> headers_to_sign(const http::Headers& headers) {
    std::vector<std::string> names;
    for (const auto& field : headers) {
        std::string name = codec::lower(field.name);
        if (std::ranges::find(kNeverSigned, name) == kNeverSigned.end()) {
            names.push_back(std::move(name));
        }
    }
    std::ranges::sort(names);
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

Result<crypto::Digest> request_digest(const http::RequestHead& head, std::string_view payload,
                                      std::string_view signing_name) {
    std::vector<std::string> names = headers_to_sign(head.headers);
    std::erase_if(names, [](const std::string& name) {
        return name == "x-amz-date" || name == "x-amz-security-token" ||
               name == "x-amz-s3session-token";
    });
    NARROWS_TRY(const std::string canonical,
                canonical_request(head, names, payload, path_style(signing_name)));
    return crypto::sha256(canonical);
}

}  // namespace narrows::sigv4
