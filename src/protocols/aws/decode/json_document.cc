#include <limits>
#include <optional>

#include "codec/text.h"
#include "protocols/aws/decode/document.h"
#include "protocols/aws/decode/scalar.h"

namespace narrows::aws {
namespace {

using codec::List;
using codec::Map;
using codec::Value;

std::optional<Member> member_named(Shape shape, std::string_view name, Dialect dialect,
                                   Fields fields) {
    for (const Member member : shape.members()) {
        const bool here = fields == Fields::all || member.location() == Location::body;
        const auto own = dialect == Dialect::cbor ? member.name() : member.wire_name();
        if (here && own == name) return member;
    }
    return std::nullopt;
}

Result<Value> bind_list(Shape shape, const Value& document, Dialect dialect, const Where& where) {
    const List* list = document.as<List>();
    if (list == nullptr) return fail(misfit(where, "is no list"));
    List bound;
    bound.reserve(list->size());
    for (const Value& item : *list) {
        NARROWS_TRY(Value value, bind_value(shape.element(), item, dialect, where));
        bound.push_back(std::move(value));
    }
    return Value(std::move(bound));
}

Result<Value> bind_map(Shape shape, const Value& document, Dialect dialect, const Where& where) {
    const Map* map = document.as<Map>();
    if (map == nullptr) return fail(misfit(where, "is no map"));
    Map bound;
    for (const auto& [key, item] : *map) {
        const Where inside{&where, "{}"};
        NARROWS_TRY(Value value, bind_value(shape.value(), item, dialect, inside));
        bound.emplace(key, std::move(value));
    }
    return Value(std::move(bound));
}

Result<Value> bind_integer(const Value& document, bool wide, const Where& where) {
    const auto* number = document.as<std::int64_t>();
    if (number == nullptr) return fail(misfit(where, "is no whole number"));
    using Narrow = std::numeric_limits<std::int32_t>;
    if (!wide && (*number < Narrow::min() || *number > Narrow::max())) {
        return fail(misfit(where, "does not fit in 32 bits"));
    }
    return document;
}

Result<Value> bind_real(const Value& document, Dialect dialect, const Where& where) {
    if (document.as<double>() != nullptr || document.as<std::int64_t>() != nullptr) return document;
    const std::string* text = document.as<std::string>();
    const bool named = text != nullptr && dialect == Dialect::json &&
                       (*text == "NaN" || *text == "Infinity" || *text == "-Infinity");
    if (!named) return fail(misfit(where, "is no number"));
    return document;
}

Result<Value> bind_blob(const Value& document, Dialect dialect, const Where& where) {
    if (dialect == Dialect::cbor) {
        if (document.as<Bytes>() == nullptr) return fail(misfit(where, "is no byte string"));
        return document;
    }
    const std::string* text = document.as<std::string>();
    if (text == nullptr) return fail(misfit(where, "is no base64 text"));
    auto bytes = codec::unbase64(*text);
    if (!bytes) return fail(misfit(where, "is no base64 text"));
    return Value(std::move(bytes.value()));
}

Result<Value> bind_timestamp(Member member, const Value& document, Dialect dialect,
                             const Where& where) {
    const auto format = member.timestamp_format();
    const bool number = document.as<double>() != nullptr || document.as<std::int64_t>() != nullptr;
    const bool seconds = dialect == Dialect::cbor || format == TimestampFormat::by_protocol ||
                         format == TimestampFormat::unix_seconds;
    if (number && seconds) return document;
    const std::string* text = document.as<std::string>();
    if (seconds || text == nullptr || !is_timestamp(*text, format)) {
        return fail(misfit(where, "is no timestamp in the form the model asks for"));
    }
    return document;
}

}  // namespace

Result<Value> bind_structure(Shape shape, const Value& document, Dialect dialect,
                             const Where& where, Fields fields) {
    const Map* map = document.as<Map>();
    if (map == nullptr) return fail(misfit(where, "is no object"));
    Map bound;
    for (const auto& [name, item] : *map) {
        const auto member = member_named(shape, name, dialect, fields);
        if (!member) return fail(undeclared(where, "member", name));
        if (item.is_null()) continue;
        const Where inside{&where, member->name()};
        NARROWS_TRY(Value value, bind_value(*member, item, dialect, inside));
        bound.emplace(member->name(), std::move(value));
    }
    if (shape.is_union() && bound.size() > 1) {
        return fail(misfit(where, "sets several members of which one may be set"));
    }
    return Value(std::move(bound));
}

Result<Value> bind_value(Member member, const Value& document, Dialect dialect,
                         const Where& where) {
    if (document.is_null()) return document;
    const Shape shape = member.shape();
    switch (shape.kind()) {
        case ShapeKind::structure:
            return bind_structure(shape, document, dialect, where);
        case ShapeKind::list:
            return bind_list(shape, document, dialect, where);
        case ShapeKind::map:
            return bind_map(shape, document, dialect, where);
        case ShapeKind::string:
            if (document.as<std::string>() == nullptr) return fail(misfit(where, "is no text"));
            return document;
        case ShapeKind::boolean:
            if (document.as<bool>() == nullptr) return fail(misfit(where, "is no boolean"));
            return document;
        case ShapeKind::integer:
            return bind_integer(document, false, where);
        case ShapeKind::long_integer:
            return bind_integer(document, true, where);
        case ShapeKind::float_number:
        case ShapeKind::double_number:
            return bind_real(document, dialect, where);
        case ShapeKind::blob:
            return bind_blob(document, dialect, where);
        case ShapeKind::timestamp:
            return bind_timestamp(member, document, dialect, where);
        case ShapeKind::document:
            return document;
    }
    return fail(misfit(where, "has a kind that is not known"));
}

}  // namespace narrows::aws
