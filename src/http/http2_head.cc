#include "http/http2_head.h"

#include <algorithm>
#include <array>

#include <nghttp2/nghttp2.h>

namespace narrows::http {
namespace {

/// They speak of one connection of HTTP/1.1 (RFC 9113 section 8.2.2).
constexpr std::array<std::string_view, 6> kOfConnection = {"connection", "proxy-connection",
                                                           "keep-alive", "transfer-encoding",
                                                           "upgrade",    "http2-settings"};

bool is_of_connection(std::string_view name) {
    return std::find(kOfConnection.begin(), kOfConnection.end(), name) != kOfConnection.end();
}

const std::uint8_t* octets(std::string_view text) {
    return reinterpret_cast<const std::uint8_t*>(text.data());
}

/// Why a field may not stand in a head, or nullptr.
const char* why_refused(const codec::Pair& field) {
    if (nghttp2_check_header_name(octets(field.name), field.name.size()) == 0) {
        return "a field's name is no token in lower case";
    }
    if (nghttp2_check_header_value_rfc9113(octets(field.value), field.value.size()) == 0) {
        return "a field's value has control characters or outer blanks";
    }
    if (is_of_connection(field.name)) {
        return "a field that belongs to a connection of HTTP/1.1";
    }
    if (field.name == "te" && field.value != "trailers") {
        return "TE says something else than trailers";
    }
    return nullptr;
}

/// The pseudo-header fields of a request; those that did not come are empty.
struct Pseudo {
    std::string method, scheme, authority, path;

    std::string* place_of(std::string_view name) {
        return name == ":method"      ? &method
               : name == ":scheme"    ? &scheme
               : name == ":authority" ? &authority
               : name == ":path"      ? &path
                                      : nullptr;
    }
    const char* why_refused() const {
        if (method == "CONNECT") {
            return "CONNECT is spoken over HTTP/1.1 only";
        }
        if (nghttp2_check_method(octets(method), method.size()) == 0) {
            return ":method is missing or no token";
        }
        if (scheme != "http" && scheme != "https") {
            return ":scheme is neither http nor https";
        }
        if (!path.starts_with('/') || nghttp2_check_path(octets(path), path.size()) == 0) {
            return ":path is missing or no path";
        }
        return nghttp2_check_authority(octets(authority), authority.size()) == 0
                   ? ":authority is no host"
                   : nullptr;
    }
};

/// Where there is :authority, it is the host.
const char* merge_host(Headers& headers, const std::string& authority) {
    const std::string host(header(headers, "host"));
    if (count(headers, "host") > 1 || (host.empty() && authority.empty())) {
        return "there is not one host";
    }
    if (!host.empty() && !authority.empty() && !codec::iequals(host, authority)) {
        return "host and :authority differ";
    }
    remove(headers, "host");
    if (!authority.empty()) {
        headers.insert(headers.begin(), {":authority", authority});
    }
    headers.insert(headers.begin(), {"host", authority.empty() ? host : authority});
    return nullptr;
}

const char* split_fields(const Headers& fields, Pseudo& pseudo, Headers& headers) {
    for (const codec::Pair& field : fields) {
        const char* why = why_refused(field);
        if (why != nullptr) {
            return why;
        }
        if (!field.name.starts_with(':')) {
            headers.push_back(field);
            continue;
        }
        std::string* place = pseudo.place_of(field.name);
        if (place == nullptr || !place->empty() || field.value.empty() || !headers.empty()) {
            return "a pseudo-header field is unknown, empty, twice there or out of place";
        }
        *place = field.value;
    }
    return pseudo.why_refused();
}

void append_regular(Headers& fields, const Headers& headers) {
    for (const codec::Pair& field : headers) {
        std::string name = codec::lower(field.name);
        if (!is_of_connection(name) && name != "host") {
            fields.push_back({std::move(name), field.value});
        }
    }
}

}  // namespace

Result<RequestHead> read_http2_request(const Headers& fields, bool ended) {
    Pseudo pseudo;
    RequestHead head;
    const char* why = split_fields(fields, pseudo, head.headers);
    if (why == nullptr) {
        why = merge_host(head.headers, pseudo.authority);
    }
    if (why == nullptr) {
        why = why_ambiguous(head.headers, true);
    }
    const std::string_view length = header(head.headers, "content-length");
    if (why == nullptr && ended && length.find_first_not_of('0') != length.npos) {
        why = "Content-Length announces a body that does not follow";
    }
    if (why != nullptr) {
        return fail(ErrorCode::invalid, std::string("not well-formed HTTP/2: ") + why);
    }
    head.method = std::move(pseudo.method);
    head.target = std::move(pseudo.path);
    return head;
}

Result<ResponseHead> read_http2_response(const Headers& fields) {
    ResponseHead head;
    const std::string status = fields.empty() ? std::string() : fields.front().value;
    const bool is_status = !fields.empty() && fields.front().name == ":status" &&
                           status.size() == 3 &&
                           status.find_first_not_of("0123456789") == status.npos;
    const char* why = is_status ? nullptr : "there is no :status";
    for (std::size_t i = 1; i < fields.size() && why == nullptr; ++i) {
        why = fields[i].name.starts_with(':') ? "a pseudo-header field is out of place"
                                              : why_refused(fields[i]);
        head.headers.push_back(fields[i]);
    }
    if (why == nullptr) {
        why = why_ambiguous(head.headers, false);
    }
    if (why != nullptr) {
        return fail(ErrorCode::invalid,
                    std::string("the answer is not well-formed HTTP/2: ") + why);
    }
    head.status = std::stoi(status);
    return head;
}

Headers http2_fields(const RequestHead& head, std::string_view scheme) {
    Headers fields = {{":method", head.method},
                      {":scheme", std::string(scheme)},
                      {":authority", std::string(header(head.headers, "host"))},
                      {":path", head.target}};
    append_regular(fields, head.headers);
    return fields;
}

Headers http2_fields(const ResponseHead& head) {
    Headers fields = {{":status", std::to_string(head.status)}};
    append_regular(fields, head.headers);
    return fields;
}

Bytes http2_text(const Headers& fields, std::size_t size_max) {
    std::string text;
    const auto value_of = [&](std::string_view name) { return std::string(header(fields, name)); };
    text = value_of(":method") + " " + value_of(":path") + " HTTP/2\r\n";
    for (const codec::Pair& field : fields) {
        text += field.name + ": " + field.value + "\r\n";
    }
    text.resize(std::min(text.size(), size_max));
    return to_bytes(text);
}

}  // namespace narrows::http
