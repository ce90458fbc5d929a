#include "evidence/disclosure.h"

#include <algorithm>

#include "codec/cbor.h"

namespace narrows::evidence {
namespace {

using codec::List;
using codec::Map;
using codec::Value;

constexpr std::size_t kPathMax = kFieldDepth + 1;  ///< a block's number too

auto not_fields() {
    return fail(ErrorCode::invalid, "the fields of a record are not those of a payload");
}

bool is_path(const List& path) {
    return path.size() <= kPathMax && std::all_of(path.begin(), path.end(), [](const Value& each) {
               return each.as<std::string>() != nullptr || each.as<std::int64_t>() != nullptr;
           });
}

bool is_block(const List& path) {
    const auto* last = path.empty() ? nullptr : path.back().as<std::int64_t>();
    return last != nullptr && *last < 0;
}

Result<std::variant<DisclosedField, WithheldField>> field_of(const Value& value) {
    const auto* pair = value.as<List>();
    const Bytes* first = pair == nullptr || pair->size() != 2 ? nullptr : (*pair)[0].as<Bytes>();
    if (first == nullptr) {
        return not_fields();
    }
    if (const Bytes* field = (*pair)[1].as<Bytes>();
        field && first->size() == crypto::Salt().size()) {
        DisclosedField shown{{}, *field};
        std::copy(first->begin(), first->end(), shown.salt.begin());
        return std::variant<DisclosedField, WithheldField>(std::move(shown));
    }
    const auto* path = (*pair)[1].as<List>();
    if (path == nullptr || !is_path(*path) || first->size() != Hash().size()) {
        return not_fields();
    }
    WithheldField withheld{{}, *path};
    std::copy(first->begin(), first->end(), withheld.commitment.begin());
    return std::variant<DisclosedField, WithheldField>(std::move(withheld));
}

/// The place of `element` in `holder`, made if it is new.
Value* enter(Value& holder, const Value& element) {
    if (const auto* name = element.as<std::string>()) {
        if (holder.is_null()) {
            holder = Map{};
        }
        Map* map = holder.as<Map>();
        return map == nullptr ? nullptr : &(*map)[*name];
    }
    if (holder.is_null()) {
        holder = List{};
    }
    List* list = holder.as<List>();
    const auto index = static_cast<std::uint64_t>(*element.as<std::int64_t>());
    if (list == nullptr || index > list->size()) {
        return nullptr;
    }
    if (index == list->size()) {
        list->emplace_back();
    }
    return &(*list)[static_cast<std::size_t>(index)];
}

bool put_block(Value& to, const Value& value) {
    if (to.is_null()) {
        to = Bytes{};
    }
    Bytes* bytes = to.as<Bytes>();
    const Bytes* block = value.as<Bytes>();
    if (bytes == nullptr || block == nullptr) {
        return false;
    }
    append(*bytes, *block);
    return true;
}

bool put_field(Value& root, const List& path, const Value& value) {
    const bool block = is_block(path);
    Value* at = &root;
    for (std::size_t i = 0; i < path.size() - (block ? 1 : 0); ++i) {
        at = enter(*at, path[i]);
        if (at == nullptr) {
            return false;
        }
    }
    if (block) {
        return put_block(*at, value);
    }
    const bool is_new = at->is_null();
    *at = value;
    return is_new;
}

}  // namespace

Value value_of(const Disclosure& disclosure) {
    List list;
    for (const auto& each : disclosure) {
        if (const auto* shown = std::get_if<DisclosedField>(&each)) {
            list.push_back(List{to_bytes(ByteView(shown->salt)), shown->field});
        } else {
            const auto& withheld = std::get<WithheldField>(each);
            list.push_back(List{to_bytes(ByteView(withheld.commitment)), withheld.path});
        }
    }
    return list;
}

Result<Disclosure> disclosure_of(const Value& value) {
    const auto* list = value.as<List>();
    if (list == nullptr || list->empty()) {
        return not_fields();
    }
    Disclosure disclosure;
    for (const Value& each : *list) {
        NARROWS_TRY(auto field, field_of(each));
        disclosure.push_back(std::move(field));
    }
    return disclosure;
}

Hash commitment_of(const Disclosure& disclosure) {
    Frontier tree;
    for (const auto& each : disclosure) {
        const auto* shown = std::get_if<DisclosedField>(&each);
        tree.append(shown != nullptr ? field_commitment(shown->salt, shown->field)
                                     : std::get<WithheldField>(each).commitment);
    }
    return tree.root();
}

Result<Bytes> payload_of(const Disclosure& disclosure) {
    Value root;
    for (const auto& each : disclosure) {
        const auto* shown = std::get_if<DisclosedField>(&each);
        if (shown == nullptr) {
            return fail(ErrorCode::not_found, "fields of the record are withheld");
        }
        NARROWS_TRY(const Value field, codec::cbor_decode(shown->field));
        const auto* pair = field.as<List>();
        const auto* path = pair == nullptr || pair->size() != 2 ? nullptr : (*pair)[0].as<List>();
        if (path == nullptr || !is_path(*path) || !put_field(root, *path, (*pair)[1])) {
            return not_fields();
        }
    }
    return codec::cbor_encode(root);
}

std::vector<std::string> withheld_paths(const Disclosure& disclosure) {
    std::vector<std::string> paths;
    for (const auto& each : disclosure) {
        const auto* withheld = std::get_if<WithheldField>(&each);
        if (withheld == nullptr) {
            continue;
        }
        List path = withheld->path;
        if (is_block(path)) {
            path.pop_back();
        }
        std::string text = path_text(path);
        if (paths.empty() || paths.back() != text) {
            paths.push_back(std::move(text));
        }
    }
    return paths;
}

std::string path_text(const List& path) {
    std::string text;
    for (const Value& each : path) {
        text += text.empty() ? "" : "/";
        const auto* name = each.as<std::string>();
        for (const char byte : name != nullptr ? *name : std::to_string(*each.as<std::int64_t>())) {
            text += byte == '~' ? "~0" : byte == '/' ? "~1" : std::string(1, byte);
        }
    }
    return text;
}

Result<List> path_of(ByteView cbor) {
    NARROWS_TRY(Value value, codec::cbor_decode(cbor));
    List* path = value.as<List>();
    if (path == nullptr || !is_path(*path)) {
        return not_fields();
    }
    return std::move(*path);
}

bool leads_to(std::string_view text, const List& path) {
    const std::string whole = path_text(path);
    return whole.starts_with(text) && (whole.size() == text.size() || whole[text.size()] == '/');
}

}  // namespace narrows::evidence
