#include <map>
#include <optional>

#include "codec/text.h"
#include "protocols/aws/decode/document.h"
#include "protocols/aws/decode/scalar.h"

namespace narrows::aws {
namespace {

using codec::List;
using codec::Map;
using codec::Value;

/// "A.B.1=x" as a tree of names.
struct Node {
    std::optional<std::string> value;
    std::map<std::string, Node, std::less<>> children;
};

Result<void> plant(Node& root, const codec::Pair& pair) {
    const auto steps = codec::split(pair.name, '.');
    if (steps.size() > kQueryDepthMax) {
        return fail(ErrorCode::invalid, "a key of the form is nested too deeply");
    }
    Node* node = &root;
    for (const std::string_view step : steps) node = &node->children[std::string(step)];
    if (node->value) {
        return fail(ErrorCode::invalid,
                    "the form has the key " + quoted(pair.name) + " twice; send it once");
    }
    node->value = pair.value;
    return ok();
}

class Binder {
  public:
    explicit Binder(bool ec2) : ec2_(ec2) {}

    Result<Value> structure(Shape shape, const Node& node, const Where& where) const {
        if (node.value && !node.value->empty()) return fail(misfit(where, "is no structure"));
        Map bound;
        for (const auto& [name, child] : node.children) {
            const auto member = member_of(shape, name);
            if (!member) return fail(undeclared(where, "form key", name));
            const Where inside{&where, member->name()};
            NARROWS_TRY(Value value, any(*member, child, inside));
            if (!bound.emplace(member->name(), std::move(value)).second) {
                return fail(misfit(inside, "is given twice"));
            }
        }
        if (shape.is_union() && bound.size() > 1) {
            return fail(misfit(where, "sets several members of which one may be set"));
        }
        return Value(std::move(bound));
    }

  private:
    /// A flattened list travels under its element's name, if the model gives that one.
    std::string name_of(Member member) const {
        if (ec2_) return member.ec2_name();
        const bool flat_list = member.flattened() && member.shape().kind() == ShapeKind::list;
        if (flat_list && member.shape().element().has_wire_name()) {
            return std::string(member.shape().element().wire_name());
        }
        return std::string(member.query_name());
    }

    std::optional<Member> member_of(Shape shape, std::string_view name) const {
        for (const Member member : shape.members()) {
            if (name_of(member) == name) return member;
        }
        return std::nullopt;
    }

    Result<Value> any(Member member, const Node& node, const Where& where) const {
        switch (member.shape().kind()) {
            case ShapeKind::structure:
                return structure(member.shape(), node, where);
            case ShapeKind::list:
                return list(member, node, where);
            case ShapeKind::map:
                return map(member, node, where);
            default:
                break;
        }
        if (!node.value || !node.children.empty()) {
            return fail(misfit(where, "is not one text"));
        }
        return scalar_from_text(member, *node.value, TimestampFormat::iso8601, where);
    }

    /// The numbered nodes of a list or map: exactly 1…n. Null for an empty one ("Tags=").
    Result<const Node*> numbered(const Node& node, bool flat, std::string_view wrapper,
                                 const Where& where) const {
        if (node.value) {
            if (!node.value->empty() || !node.children.empty()) {
                return fail(misfit(where, "is given as a text and as a list"));
            }
            return nullptr;
        }
        if (flat) return &node;
        const auto inner = node.children.find(wrapper);
        if (node.children.size() != 1 || inner == node.children.end() || inner->second.value) {
            return fail(misfit(where, "does not have the form of a list"));
        }
        return &inner->second;
    }

    template <class Each>
    Result<void> for_each(const Node& items, const Where& where, Each each) const {
        for (std::size_t i = 1; i <= items.children.size(); ++i) {
            const auto item = items.children.find(std::to_string(i));
            if (item == items.children.end()) {
                return fail(misfit(where, "is not numbered 1, 2, 3 …"));
            }
            NARROWS_TRY(each(item->second));
        }
        return ok();
    }

    Result<Value> list(Member member, const Node& node, const Where& where) const {
        const Member element = member.shape().element();
        const std::string_view wrapper = element.has_wire_name() ? element.wire_name() : "member";
        NARROWS_TRY(const Node* items, numbered(node, ec2_ || member.flattened(), wrapper, where));
        List bound;
        if (items == nullptr) return Value(std::move(bound));
        NARROWS_TRY(for_each(*items, where, [&](const Node& item) -> Result<void> {
            NARROWS_TRY(Value value, any(element, item, where));
            bound.push_back(std::move(value));
            return ok();
        }));
        return Value(std::move(bound));
    }

    Result<void> entry(Shape shape, const Node& node, Map& bound, const Where& where) const {
        const std::string_view key_name =
            shape.key().has_wire_name() ? shape.key().wire_name() : "key";
        const std::string_view value_name =
            shape.value().has_wire_name() ? shape.value().wire_name() : "value";
        const auto key = node.children.find(key_name);
        const auto value = node.children.find(value_name);
        if (node.children.size() != 2 || node.value || key == node.children.end() ||
            value == node.children.end() || !key->second.value || !key->second.children.empty()) {
            return fail(misfit(where, "has an entry that is not one key and one value"));
        }
        NARROWS_TRY(Value item, any(shape.value(), value->second, where));
        if (!bound.emplace(*key->second.value, std::move(item)).second) {
            return fail(misfit(where, "has a key twice"));
        }
        return ok();
    }

    Result<Value> map(Member member, const Node& node, const Where& where) const {
        NARROWS_TRY(const Node* items, numbered(node, ec2_ || member.flattened(), "entry", where));
        Map bound;
        if (items == nullptr) return Value(std::move(bound));
        NARROWS_TRY(for_each(*items, where, [&](const Node& item) {
            return entry(member.shape(), item, bound, where);
        }));
        return Value(std::move(bound));
    }

    bool ec2_;
};

}  // namespace

Result<Value> bind_query(Shape shape, const std::vector<codec::Pair>& pairs, bool ec2) {
    Node root;
    for (const codec::Pair& pair : pairs) {
        if (!codec::is_utf8(pair.name) || !codec::is_utf8(pair.value)) {
            return fail(ErrorCode::invalid, "the form holds text that is not UTF-8");
        }
        NARROWS_TRY(plant(root, pair));
    }
    return Binder(ec2).structure(shape, root, Where{});
}

}  // namespace narrows::aws
