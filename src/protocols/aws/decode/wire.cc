#include "protocols/aws/decode/wire.h"

#include <algorithm>
#include <array>

#include "protocols/aws/decode/where.h"

namespace narrows::aws {
namespace {

/// Of this hop alone. The signer and the transport make their own. x-amz-te asks S3 to put a digest
/// behind the object; clients read on without it, and what is on record is the object alone.
constexpr std::array<std::string_view, 25> kConsumed = {"host",
                                                        "authorization",
                                                        "x-amz-date",
                                                        "x-amz-security-token",
                                                        "x-amz-s3session-token",
                                                        "x-amz-region-set",
                                                        "x-amz-content-sha256",
                                                        "x-amz-decoded-content-length",
                                                        "x-amz-trailer",
                                                        "connection",
                                                        "keep-alive",
                                                        "transfer-encoding",
                                                        "content-length",
                                                        "expect",
                                                        "te",
                                                        "trailer",
                                                        "upgrade",
                                                        "date",
                                                        "user-agent",
                                                        "accept-encoding",
                                                        "proxy-authorization",
                                                        "proxy-connection",
                                                        "x-amz-target",
                                                        "smithy-protocol",
                                                        "x-amz-te"};

constexpr std::array<std::string_view, 10> kCarried = {"accept",
                                                       "content-md5",
                                                       "content-encoding",
                                                       "content-type",
                                                       "x-amz-user-agent",
                                                       "x-amzn-trace-id",
                                                       "traceparent",
                                                       "x-amz-sdk-checksum-algorithm",
                                                       "x-amzn-query-mode",
                                                       "x-amz-glacier-version"};

template <std::size_t N>
bool has(const std::array<std::string_view, N>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_map(Member member) {
    return member.shape().kind() == ShapeKind::map;
}

}  // namespace

bool is_rest(Protocol protocol) {
    return protocol == Protocol::rest_json || protocol == Protocol::rest_xml;
}

std::string_view query_of(std::string_view target) {
    const std::size_t mark = target.find('?');
    return mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
}

Result<std::vector<codec::Pair>> rest_query(std::string_view target) {
    const std::string_view query = query_of(target);
    if (query.find('+') != std::string_view::npos) {
        return fail(ErrorCode::invalid,
                    "the query string has a bare '+', which can mean a plus or a blank; "
                    "send %2B or %20");
    }
    NARROWS_TRY(auto pairs, codec::form_decode(query));
    for (const codec::Pair& pair : pairs) {
        if (!codec::is_utf8(pair.name) || !codec::is_utf8(pair.value)) {
            return fail(ErrorCode::invalid, "the query string holds text that is not UTF-8");
        }
    }
    return pairs;
}

Result<std::vector<codec::Pair>> form_pairs(const Incoming& request) {
    const std::string_view query = query_of(request.head.target);
    if (!query.empty() && !request.body.empty()) {
        return fail(ErrorCode::invalid,
                    "the request has a query string and a form body; send one of them");
    }
    return codec::form_decode(query.empty() ? as_text(request.body) : query);
}

std::string without_chunking(std::string_view codings) {
    std::string out;
    for (std::string_view coding : codec::split(codings, ',')) {
        coding = codec::trim(coding);
        if (coding.empty() || codec::iequals(coding, "aws-chunked")) continue;
        out += (out.empty() ? "" : ",") + std::string(coding);
    }
    return out;
}

Key query_key(Operation entry, const codec::Pair& pair) {
    std::optional<Member> rest;
    if (entry.has_input()) {
        for (const Member member : entry.input().members()) {
            if (member.location() != Location::querystring) continue;
            if (is_map(member)) {
                rest = member;
            } else if (member.wire_name() == pair.name) {
                return {KeyUse::member, member};
            }
        }
    }
    for (const Literal literal : entry.literals()) {
        const bool same = !literal.is_header() && literal.name() == pair.name;
        if (same && (literal.any_value() || literal.value() == pair.value)) {
            return {KeyUse::literal, std::nullopt};
        }
    }
    if (pair.name == "x-id" && pair.value == entry.name()) return {KeyUse::hint, std::nullopt};
    return rest ? Key{KeyUse::map_entry, rest} : Key{};
}

Header header_use(const Incoming& request, std::string_view name) {
    const Operation entry = request.candidate.operation;
    const bool consumed = has(kConsumed, name);
    std::optional<Member> rest;
    if (is_rest(request.protocol) && entry.has_input()) {
        for (const Member member : entry.input().members()) {
            const std::string_view wire = member.wire_name();
            if (member.location() == Location::header && codec::iequals(wire, name)) {
                const bool own = consumed && name != "accept-encoding";
                return {own ? HeaderUse::consumed : HeaderUse::member, member};
            }
            const bool prefixed = member.location() == Location::headers && !wire.empty() &&
                                  name.size() > wire.size() &&
                                  codec::iequals(wire, name.substr(0, wire.size()));
            if (prefixed) rest = member;
        }
    }
    if (rest) return {HeaderUse::map_entry, rest};
    if (name == "x-amz-target" && request.protocol != Protocol::json) return {};
    if (name == "smithy-protocol" && request.protocol != Protocol::rpc_v2_cbor) return {};
    if (consumed) return {HeaderUse::consumed, std::nullopt};
    const bool checksum = name.starts_with("x-amz-checksum-");
    if (has(kCarried, name) || checksum || name.starts_with("amz-sdk-")) {
        return {HeaderUse::carried, std::nullopt};
    }
    const bool reserved = name.starts_with("x-amz");
    return {reserved ? HeaderUse::undeclared : HeaderUse::ignored, std::nullopt};
}

}  // namespace narrows::aws
