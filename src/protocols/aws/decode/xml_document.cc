#include <optional>

#include "codec/text.h"
#include "protocols/aws/decode/document.h"
#include "protocols/aws/decode/scalar.h"

namespace narrows::aws {
namespace {

using codec::List;
using codec::Map;
using codec::Value;
using codec::XmlElement;

bool is_blank(std::string_view text) {
    return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

/// "xsi:type" → "type": the decoder drops prefixes too.
std::string_view local(std::string_view name) {
    const std::size_t colon = name.rfind(':');
    return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

bool repeats(Member member) {
    const ShapeKind kind = member.shape().kind();
    return member.flattened() && (kind == ShapeKind::list || kind == ShapeKind::map);
}

/// Where the model has a single member and its newer, repeated form under one name, the latter.
std::optional<Member> member_of(Shape shape, std::string_view name, bool attribute, Fields fields) {
    std::optional<Member> found;
    for (const Member member : shape.members()) {
        const bool here = fields == Fields::all || member.location() == Location::body;
        const bool same = member.xml_attribute() == attribute && local(member.wire_name()) == name;
        if (here && same && (!found || repeats(member))) found = member;
    }
    return found;
}

Result<Value> bind_element(Member member, const XmlElement& element, const Where& where);

Result<void> bind_entry(Shape shape, const XmlElement& element, Map& map, const Where& where) {
    const std::string_view key_name = shape.key().has_wire_name() ? shape.key().wire_name() : "key";
    const std::string_view value_name =
        shape.value().has_wire_name() ? shape.value().wire_name() : "value";
    const XmlElement* key = element.child(key_name);
    const XmlElement* value = element.child(value_name);
    if (element.children.size() != 2 || key == nullptr || value == nullptr || key == value ||
        !key->children.empty() || !element.attributes.empty() || !key->attributes.empty()) {
        return fail(misfit(where, "has an entry that is not one key and one value"));
    }
    NARROWS_TRY(Value bound, bind_element(shape.value(), *value, where));
    if (!map.emplace(key->text, std::move(bound)).second) {
        return fail(misfit(where, "has a key twice"));
    }
    return ok();
}

Result<Value> bind_list(Shape shape, const XmlElement& element, const Where& where) {
    const Member item = shape.element();
    const std::string_view name = item.has_wire_name() ? item.wire_name() : "member";
    if (!is_blank(element.text)) return fail(misfit(where, "is no list"));
    List list;
    for (const XmlElement& child : element.children) {
        if (child.name != name) return fail(undeclared(where, "list element", child.name));
        NARROWS_TRY(Value value, bind_element(item, child, where));
        list.push_back(std::move(value));
    }
    return Value(std::move(list));
}

Result<Value> bind_map(Shape shape, const XmlElement& element, const Where& where) {
    if (!is_blank(element.text)) return fail(misfit(where, "is no map"));
    Map map;
    for (const XmlElement& child : element.children) {
        if (child.name != "entry") return fail(undeclared(where, "map element", child.name));
        NARROWS_TRY(bind_entry(shape, child, map, where));
    }
    return Value(std::move(map));
}

Result<Value> bind_element(Member member, const XmlElement& element, const Where& where) {
    const Shape shape = member.shape();
    if (shape.kind() == ShapeKind::structure) return bind_xml(shape, element, where);
    if (!element.attributes.empty()) {
        return fail(undeclared(where, "attribute", element.attributes.front().name));
    }
    if (shape.kind() == ShapeKind::list) return bind_list(shape, element, where);
    if (shape.kind() == ShapeKind::map) return bind_map(shape, element, where);
    if (!element.children.empty()) return fail(misfit(where, "has elements inside"));
    return scalar_from_text(member, element.text, TimestampFormat::iso8601, where);
}

/// One more element of a flattened list or map, into what the ones before made.
Result<void> bind_repeated(Member member, const XmlElement& element, Value& whole,
                           const Where& where) {
    const Shape shape = member.shape();
    if (shape.kind() == ShapeKind::map) {
        if (whole.is_null()) whole = Map{};
        return bind_entry(shape, element, *whole.as<Map>(), where);
    }
    if (whole.is_null()) whole = List{};
    NARROWS_TRY(Value value, bind_element(shape.element(), element, where));
    whole.as<List>()->push_back(std::move(value));
    return ok();
}

Result<void> bind_attributes(Shape shape, const XmlElement& element, Map& bound,
                             const Where& where) {
    for (const codec::Pair& attribute : element.attributes) {
        const auto member = member_of(shape, attribute.name, true, Fields::all);
        if (!member) return fail(undeclared(where, "attribute", attribute.name));
        const Where inside{&where, member->name()};
        NARROWS_TRY(Value value,
                    scalar_from_text(*member, attribute.value, TimestampFormat::iso8601, inside));
        bound.emplace(member->name(), std::move(value));
    }
    return ok();
}

}  // namespace

Result<Value> bind_xml(Shape shape, const XmlElement& element, const Where& where, Fields fields) {
    if (!is_blank(element.text)) return fail(misfit(where, "is a text, not a structure"));
    Map bound;
    NARROWS_TRY(bind_attributes(shape, element, bound, where));
    for (const XmlElement& child : element.children) {
        const auto member = member_of(shape, child.name, false, fields);
        if (!member) return fail(undeclared(where, "element", child.name));
        const Where inside{&where, member->name()};
        if (repeats(*member)) {
            Value& whole = bound[std::string(member->name())];
            NARROWS_TRY(bind_repeated(*member, child, whole, inside));
            continue;
        }
        NARROWS_TRY(Value value, bind_element(*member, child, inside));
        if (!bound.emplace(member->name(), std::move(value)).second) {
            return fail(misfit(inside, "is given twice"));
        }
    }
    if (shape.is_union() && bound.size() > 1) {
        return fail(misfit(where, "sets several members of which one may be set"));
    }
    return Value(std::move(bound));
}

}  // namespace narrows::aws
