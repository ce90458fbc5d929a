#include "protocols/aws/decode/rest.h"

#include <set>

#include "codec/json.h"
#include "codec/text.h"
#include "codec/xml.h"
#include "protocols/aws/catalogue/uri_template.h"
#include "protocols/aws/decode/document.h"
#include "protocols/aws/decode/operation.h"
#include "protocols/aws/decode/scalar.h"
#include "protocols/aws/decode/wire.h"

namespace narrows::aws {
namespace {

using codec::List;
using codec::Map;
using codec::Value;

Result<void> put_once(Map& bound, Member member, Value value) {
    const Where where{nullptr, member.name()};
    if (!bound.emplace(member.name(), std::move(value)).second) {
        return fail(misfit(where, "is given twice"));
    }
    return ok();
}

// ---- labels

/// Outside S3 a path may be normalised on its way: what normalising would change is refused.
Result<void> check_segments(std::string_view decoded, bool greedy, const Where& where) {
    for (const std::string_view segment : codec::split(decoded, '/')) {
        const bool hollow = segment.empty() && greedy;
        if (segment == "." || segment == ".." || hollow) {
            return fail(misfit(where, "has a path segment that is empty, '.' or '..'"));
        }
    }
    return ok();
}

/// Whether the path, decoded before it is split, is one of an operation of the service: a server
/// that reads it so would run that one.
bool splits_otherwise(const Incoming& request) {
    const std::string_view target = request.head.target;
    const auto decoded = codec::percent_decode(target.substr(0, target.find('?')));
    if (!decoded) return true;
    const auto path = RequestPath::parse(codec::percent_encode(decoded.value(), "/"), {});
    if (!path) return true;
    for (const Operation other : request.candidate.operation.service().operations()) {
        const bool same_method = other.method() == request.head.method;
        if (same_method && match_template(other.uri(), path.value(), false)) return true;
    }
    return false;
}

/// A label that is one segment of the path. An ARN has slashes of its own, and so do names such as
/// an MQTT topic's.
Result<void> check_slashes(const Incoming& request, std::string_view decoded, const Where& where) {
    const bool whole = decoded.find('/') == std::string_view::npos || decoded.starts_with("arn:");
    if (whole || !splits_otherwise(request)) return ok();
    return fail(misfit(where, "has an encoded slash that makes the path another operation's"));
}

Result<void> check_label(const Incoming& request, const Label& label, std::string_view decoded,
                         const Where& where) {
    const Operation entry = request.candidate.operation;
    if (entry.service().is_s3()) {
        const bool point = label.from_host && decoded.starts_with("arn:");
        if (label.name != "Bucket" || point || is_bucket_name(decoded)) return ok();
        return fail(misfit(where, "holds other characters than letters, digits, '.', '_' and '-'"));
    }
    const std::string greedy = "{" + std::string(label.name) + "+}";
    const bool is_greedy = entry.uri().find(greedy) != std::string_view::npos;
    NARROWS_TRY(check_segments(decoded, is_greedy, where));
    return is_greedy ? ok() : check_slashes(request, decoded, where);
}

Result<void> bind_labels(const Incoming& request, Map& bound) {
    const Operation entry = request.candidate.operation;
    for (const Label& label : request.candidate.labels) {
        std::optional<Member> member;
        for (const Member each : entry.input().members()) {
            if (each.location() == Location::uri && each.wire_name() == label.name) member = each;
        }
        if (!member) return fail(undeclared(Where{}, "label", label.name));
        const Where where{nullptr, member->name()};
        const auto decoded = codec::percent_decode(label.value);
        if (!decoded) return fail(misfit(where, "has a '%' without two hexadecimal digits"));
        NARROWS_TRY(check_label(request, label, decoded.value(), where));
        NARROWS_TRY(Value value,
                    scalar_from_text(*member, decoded.value(), TimestampFormat::iso8601, where));
        NARROWS_TRY(put_once(bound, *member, std::move(value)));
    }
    return ok();
}

// ---- query string

/// A list takes each of its keys; a map of lists does so per key.
Result<void> append(Value& whole, Member element, std::string_view text, const Where& where) {
    if (whole.is_null()) whole = List{};
    NARROWS_TRY(Value value, scalar_from_text(element, text, TimestampFormat::iso8601, where));
    whole.as<List>()->push_back(std::move(value));
    return ok();
}

Result<void> bind_query_member(Member member, const codec::Pair& pair, Map& bound) {
    const Where where{nullptr, member.name()};
    if (member.shape().kind() == ShapeKind::list) {
        Value& whole = bound[std::string(member.name())];
        return append(whole, member.shape().element(), pair.value, where);
    }
    NARROWS_TRY(Value value, scalar_from_text(member, pair.value, TimestampFormat::iso8601, where));
    return put_once(bound, member, std::move(value));
}

Result<void> bind_query_entry(Member member, const codec::Pair& pair, Map& bound) {
    const Where where{nullptr, member.name()};
    Value& whole = bound[std::string(member.name())];
    if (whole.is_null()) whole = Map{};
    const Member item = member.shape().value();
    if (item.shape().kind() == ShapeKind::list) {
        return append((*whole.as<Map>())[pair.name], item.shape().element(), pair.value, where);
    }
    NARROWS_TRY(Value value, scalar_from_text(item, pair.value, TimestampFormat::iso8601, where));
    if (!whole.as<Map>()->emplace(pair.name, std::move(value)).second) {
        return fail(misfit(where, "has a key twice"));
    }
    return ok();
}

Result<void> bind_query_string(const Incoming& request, Map& bound) {
    NARROWS_TRY(const auto pairs, rest_query(request.head.target));
    std::set<std::string_view> seen;
    for (const codec::Pair& pair : pairs) {
        const Key key = query_key(request.candidate.operation, pair);
        if (key.use == KeyUse::undeclared) {
            return fail(undeclared(Where{}, "query key", pair.name));
        }
        if (key.use == KeyUse::member) {
            NARROWS_TRY(bind_query_member(*key.member, pair, bound));
        } else if (key.use == KeyUse::map_entry) {
            NARROWS_TRY(bind_query_entry(*key.member, pair, bound));
        } else if (!seen.insert(pair.name).second) {
            return fail(ErrorCode::invalid,
                        "the query string has the key " + quoted(pair.name) + " twice");
        }
    }
    return ok();
}

// ---- headers

/// "a, b" and "\"a,b\", c" (Smithy's httpHeader for lists).
Result<std::vector<std::string>> header_items(std::string_view text, const Where& where) {
    std::vector<std::string> items;
    for (text = codec::trim(text); !text.empty();) {
        std::string item;
        if (text.starts_with('"')) {
            std::size_t i = 1;
            for (; i < text.size() && text[i] != '"'; ++i) {
                if (text[i] == '\\') ++i;
                if (i < text.size()) item.push_back(text[i]);
            }
            if (i >= text.size()) return fail(misfit(where, "has a quote that does not end"));
            text = codec::trim(text.substr(i + 1));
        } else {
            const std::size_t comma = std::min(text.find(','), text.size());
            item = codec::trim(text.substr(0, comma));
            text.remove_prefix(comma);
        }
        if (!text.empty() && !text.starts_with(',')) {
            return fail(misfit(where, "is no list separated by commas"));
        }
        items.push_back(std::move(item));
        if (!text.empty()) text = codec::trim(text.substr(1));
    }
    return items;
}

Result<void> bind_header(Member member, std::string_view text, Map& bound) {
    const Where where{nullptr, member.name()};
    const auto format = TimestampFormat::rfc822;
    if (member.shape().kind() != ShapeKind::list) {
        NARROWS_TRY(Value value, scalar_from_text(member, text, format, where));
        return put_once(bound, member, std::move(value));
    }
    List list;
    NARROWS_TRY(const auto items, header_items(text, where));
    for (const std::string& item : items) {
        NARROWS_TRY(Value value, scalar_from_text(member.shape().element(), item, format, where));
        list.push_back(std::move(value));
    }
    return put_once(bound, member, Value(std::move(list)));
}

Result<void> bind_prefixed(Member member, std::string_view name, std::string_view text,
                           Map& bound) {
    const Where where{nullptr, member.name()};
    Value& whole = bound[std::string(member.name())];
    if (whole.is_null()) whole = Map{};
    const std::string key(name.substr(member.wire_name().size()));
    NARROWS_TRY(Value value,
                scalar_from_text(member.shape().value(), text, TimestampFormat::rfc822, where));
    whole.as<Map>()->emplace(key, std::move(value));
    return ok();
}

Result<void> bind_headers(const Incoming& request, Map& bound) {
    for (const codec::Pair& field : request.head.headers) {
        const std::string name = codec::lower(field.name);
        const Header header = header_use(request, name);
        if (header.use == HeaderUse::map_entry) {
            NARROWS_TRY(bind_prefixed(*header.member, name, field.value, bound));
        } else if (header.member) {
            NARROWS_TRY(bind_header(*header.member, field.value, bound));
        }
    }
    return ok();
}

// ---- body

/// What the root element of a document for this member or shape may be called.
bool is_root(const codec::XmlElement& root, Shape shape, std::string_view wire_name) {
    return root.name == wire_name || root.name == shape.xml_name() || root.name == shape.name();
}

Result<Value> bind_xml_body(const Incoming& request, Shape shape, std::string_view wire_name,
                            const Where& where, Fields fields) {
    NARROWS_TRY(const codec::XmlElement root, codec::xml_decode(as_text(request.body)));
    if (!is_root(root, shape, wire_name)) {
        return fail(undeclared(where, "root element", root.name));
    }
    return bind_xml(shape, root, where, fields);
}

Result<Value> payload_value(const Incoming& request, Member member) {
    const Where where{nullptr, member.name()};
    const ShapeKind kind = member.shape().kind();
    const std::string_view text = as_text(request.body);
    if (kind == ShapeKind::blob || request.streamed) {
        return request.streamed ? streamed_body() : Value(to_bytes(request.body));
    }
    if (kind == ShapeKind::string) {
        if (!codec::is_utf8(text)) return fail(misfit(where, "is not UTF-8"));
        return Value(text);
    }
    if (request.protocol == Protocol::rest_xml && kind == ShapeKind::structure) {
        return bind_xml_body(request, member.shape(), member.wire_name(), where, Fields::all);
    }
    if (request.protocol == Protocol::rest_xml) {
        return fail(misfit(where, "has a form of body that is not supported"));
    }
    NARROWS_TRY(const Value document, codec::json_decode(text));
    return bind_value(member, document, Dialect::json, where);
}

Result<void> bind_payload(const Incoming& request, Member member, Map& bound) {
    if (request.body.empty() && !request.streamed) return ok();
    NARROWS_TRY(Value value, payload_value(request, member));
    return put_once(bound, member, std::move(value));
}

Result<void> bind_document(const Incoming& request, Map& bound) {
    if (request.body.empty()) return ok();
    const Operation entry = request.candidate.operation;
    const Shape shape = entry.input();
    Value value;
    if (request.protocol == Protocol::rest_xml) {
        NARROWS_TRY(value, bind_xml_body(request, shape, {}, Where{}, Fields::in_body));
    } else {
        NARROWS_TRY(const Value document, codec::json_decode(as_text(request.body)));
        NARROWS_TRY(value,
                    bind_structure(shape, document, Dialect::json, Where{}, Fields::in_body));
    }
    bound.merge(*value.as<Map>());
    return ok();
}

}  // namespace

Result<void> check_headers(const Incoming& request) {
    std::set<std::string> seen;
    for (const codec::Pair& field : request.head.headers) {
        std::string name = codec::lower(field.name);
        const HeaderUse use = header_use(request, name).use;
        if (use == HeaderUse::undeclared) return fail(undeclared(Where{}, "header", name));
        const bool matters = use == HeaderUse::member || use == HeaderUse::map_entry ||
                             use == HeaderUse::carried || name.starts_with("x-amz");
        if (matters && !seen.insert(name).second) {
            return fail(ErrorCode::invalid,
                        "the request has the header " + quoted(name) + " twice; send it once");
        }
    }
    return ok();
}

Result<Value> bind_rest(const Incoming& request) {
    const Operation entry = request.candidate.operation;
    Map bound;
    if (entry.has_input()) {
        NARROWS_TRY(bind_labels(request, bound));
    }
    NARROWS_TRY(bind_query_string(request, bound));
    NARROWS_TRY(bind_headers(request, bound));
    if (entry.has_input()) {
        const auto payload = entry.input().payload();
        NARROWS_TRY(payload ? bind_payload(request, *payload, bound)
                            : bind_document(request, bound));
        return Value(std::move(bound));
    }
    const std::string_view text = as_text(request.body);
    const bool empty_object = request.protocol == Protocol::rest_json && text == "{}";
    if (!text.empty() && !empty_object) {
        return fail(ErrorCode::invalid, "the request has a body and the operation takes none");
    }
    return Value(std::move(bound));
}

}  // namespace narrows::aws
