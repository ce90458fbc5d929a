#include "protocols/aws/sigv4/query_proof.h"

#include <algorithm>
#include <set>

#include "codec/text.h"
#include "protocols/aws/sigv4/proof_parts.h"

namespace narrows::sigv4 {
namespace {

auto not_in_form(std::string what) {
    return fail(ErrorCode::invalid, "the presigned URL " + std::move(what));
}

/// What no header field's value may hold (RFC 9110 section 5.5).
bool is_control(char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
}

/// Puts a value where the client took it from.
Result<void> set_header(http::Headers& headers, const std::string& name, const std::string& value) {
    if (!is_lower_name(name) || std::ranges::any_of(value, is_control)) {
        return not_in_form("has a parameter that stands for a header and can be none: " +
                           codec::printable(name));
    }
    if (http::count(headers, name) == 0) {
        headers.push_back({name, std::string(codec::trim(value))});
    } else if (codec::trim(value) != http::header(headers, name)) {
        return not_in_form("and a header disagree about " + codec::printable(name));
    }
    return ok();
}

}  // namespace

Result<QueryProof> QueryProof::read(std::string_view target,
                                    std::span<const std::string_view> names) {
    QueryProof out;
    for (const std::string_view raw : codec::split(query_of(target), '&')) {
        if (raw.empty()) continue;
        const std::size_t equals = std::min(raw.find('='), raw.size());
        NARROWS_TRY(std::string name, codec::percent_decode(raw.substr(0, equals)));
        NARROWS_TRY(std::string value,
                    codec::percent_decode(raw.substr(std::min(equals + 1, raw.size()))));
        const auto same = [&](std::string_view each) { return codec::iequals(each, name); };
        const auto known = std::ranges::find_if(names, same);
        if (known == names.end()) {
            out.others_.push_back({std::move(name), std::move(value), std::string(raw)});
        } else if (*known != name || !out.proof_.emplace(*known, std::move(value)).second) {
            return not_in_form("has " + std::string(*known) + " twice or in another spelling");
        }
    }
    return out;
}

std::string QueryProof::text(std::string_view name) const {
    const auto found = proof_.find(name);
    return found == proof_.end() ? std::string() : found->second;
}

Result<std::string> QueryProof::value(std::string_view name) const {
    std::string text = this->text(name);
    if (text.empty()) {
        return not_in_form("has no " + std::string(name));
    }
    return text;
}

Result<http::RequestHead> QueryProof::without(const http::RequestHead& head,
                                              bool (*is_header)(std::string_view)) const {
    http::RequestHead request{head.method, head.target.substr(0, head.target.find('?')),
                              head.headers};
    std::set<std::string> seen;
    char separator = '?';
    for (const Field& field : others_) {
        const std::string name = codec::lower(field.name);
        if (!is_header(name)) {
            request.target.append(1, separator).append(field.raw);
            separator = '&';
            continue;
        }
        if (!seen.insert(name).second) {
            return not_in_form("has " + codec::printable(name) + " twice");
        }
        NARROWS_TRY(set_header(request.headers, name, field.value));
    }
    return request;
}

}  // namespace narrows::sigv4
