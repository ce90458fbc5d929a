#include "protocols/aws/decode/encode.h"

#include <algorithm>

#include "codec/text.h"
#include "protocols/aws/catalogue/path.h"
#include "protocols/aws/decode/where.h"
#include "protocols/aws/decode/wire.h"

namespace narrows::aws {
namespace {

constexpr std::size_t kHostLabelMax = 63;

/// RFC 1123: one label, so no dots.
bool is_host_label(std::string_view text) {
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-';
    };
    return !text.empty() && text.size() <= kHostLabelMax && text.front() != '-' &&
           text.back() != '-' && std::all_of(text.begin(), text.end(), fits);
}

/// Replaces each "{name}" of a template by what `filling` gives for it.
template <class Filling>
Result<std::string> fill_template(std::string_view text, Filling filling) {
    std::string out;
    while (!text.empty()) {
        const std::size_t open = std::min(text.find('{'), text.size());
        out += text.substr(0, open);
        text.remove_prefix(open);
        if (text.empty()) break;
        const std::size_t close = text.find('}');
        if (close == std::string_view::npos) {
            return fail(ErrorCode::corrupt, "a template of the catalogue has a brace left open");
        }
        NARROWS_TRY(const std::string filled, filling(text.substr(1, close - 1)));
        out += filled;
        text.remove_prefix(close + 1);
    }
    return out;
}

// ---- path and host

/// Outside S3 an escape has one spelling; in S3 the bytes that were sent name the key.
Result<std::string> label_text(const Incoming& request, std::string_view name) {
    const bool greedy = name.ends_with('+');
    if (greedy) name.remove_suffix(1);
    for (const Label& label : request.candidate.labels) {
        if (label.name != name) continue;
        if (request.candidate.operation.service().is_s3()) return label.value;
        NARROWS_TRY(const std::string decoded, codec::percent_decode(label.value));
        return codec::percent_encode(decoded, greedy ? "/" : "");
    }
    return fail(ErrorCode::invalid, "the request's path lacks the label " + quoted(name));
}

Result<std::string> path_of(const Incoming& request) {
    const Operation entry = request.candidate.operation;
    if (request.protocol == Protocol::rpc_v2_cbor) {
        return "/service/" + std::string(entry.service().target_prefix()) + "/operation/" +
               std::string(entry.name());
    }
    if (!is_rest(request.protocol)) return std::string("/");
    return fill_template(entry.uri(),
                         [&](std::string_view name) { return label_text(request, name); });
}

Result<std::string> host_prefix_of(Operation entry, const codec::Value& parameters) {
    const auto label = [&](std::string_view name) -> Result<std::string> {
        const auto values = values_at(parameters, name);
        if (values.size() != 1 || !is_host_label(values.front())) {
            return fail(ErrorCode::invalid,
                        "the value of " + std::string(name) + " cannot stand in a host name");
        }
        return values.front();
    };
    return fill_template(entry.host_prefix(), label);
}

// ---- query string

std::string joined(const std::vector<codec::Pair>& pairs) {
    std::string out;
    for (const codec::Pair& pair : pairs) {
        if (!out.empty()) out += '&';
        out += codec::percent_encode(pair.name) + "=" + codec::percent_encode(pair.value);
    }
    return out;
}

Result<std::string> query_for(const Incoming& request) {
    if (request.protocol == Protocol::query || request.protocol == Protocol::ec2) {
        if (query_of(request.head.target).empty()) return std::string();
        NARROWS_TRY(const auto pairs, form_pairs(request));
        return joined(pairs);
    }
    if (!is_rest(request.protocol)) return std::string();
    NARROWS_TRY(auto pairs, rest_query(request.head.target));
    std::erase_if(pairs, [&](const codec::Pair& pair) {
        const KeyUse use = query_key(request.candidate.operation, pair).use;
        return use == KeyUse::hint || use == KeyUse::undeclared;
    });
    return joined(pairs);
}

// ---- headers

/// The media type that makes AWS read the body in the protocol it was decoded in. REST services
/// have one protocol, and the header may be a parameter there: theirs is the client's.
std::string media_type(const Incoming& request) {
    switch (request.protocol) {
        case Protocol::json:
            return "application/x-amz-json-" +
                   std::string(request.candidate.operation.service().json_version());
        case Protocol::query:
        case Protocol::ec2:
            return "application/x-www-form-urlencoded; charset=utf-8";
        case Protocol::rpc_v2_cbor:
            return "application/cbor";
        case Protocol::rest_json:
        case Protocol::rest_xml:
            break;
    }
    return std::string(http::header(request.head.headers, "content-type"));
}

void add(http::Headers& headers, std::string_view name, std::string value) {
    if (!value.empty()) headers.push_back({std::string(name), std::move(value)});
}

http::Headers headers_for(const Incoming& request, std::string_view user_agent_suffix) {
    const Operation entry = request.candidate.operation;
    http::Headers headers;
    for (const codec::Pair& field : request.head.headers) {
        const std::string name = codec::lower(field.name);
        const HeaderUse use = header_use(request, name).use;
        const bool sent_on =
            use == HeaderUse::member || use == HeaderUse::map_entry || use == HeaderUse::carried;
        if (!sent_on || name == "content-type") continue;
        if (name == "content-encoding") {
            add(headers, name, without_chunking(field.value));
        } else {
            headers.push_back({name, field.value});
        }
    }
    const bool get_form = request.body.empty() && !request.streamed && !is_rest(request.protocol) &&
                          request.head.method == "GET";
    if (!get_form) add(headers, "content-type", media_type(request));
    if (request.protocol == Protocol::json) {
        add(headers, "x-amz-target",
            std::string(entry.service().target_prefix()) + "." + std::string(entry.name()));
    }
    if (request.protocol == Protocol::rpc_v2_cbor) add(headers, "smithy-protocol", "rpc-v2-cbor");
    // Answers are recorded and searched for secrets as they are: never compressed on the way.
    if (http::count(headers, "accept-encoding") == 0) add(headers, "accept-encoding", "identity");
    const std::string_view agent = http::header(request.head.headers, "user-agent");
    const std::string space = agent.empty() || user_agent_suffix.empty() ? "" : " ";
    add(headers, "user-agent", std::string(agent) + space + std::string(user_agent_suffix));
    return headers;
}

}  // namespace

Result<UpstreamRequest> encode_request(const Incoming& request, const codec::Value& parameters,
                                       std::string_view user_agent_suffix) {
    const Operation entry = request.candidate.operation;
    UpstreamRequest upstream;
    upstream.method = is_rest(request.protocol) ? std::string(entry.method()) : request.head.method;
    NARROWS_TRY(upstream.path, path_of(request));
    NARROWS_TRY(upstream.host_prefix, host_prefix_of(entry, parameters));
    NARROWS_TRY(upstream.query, query_for(request));
    upstream.headers = headers_for(request, user_agent_suffix);
    return upstream;
}

}  // namespace narrows::aws
