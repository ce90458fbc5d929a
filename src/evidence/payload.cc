#include "evidence/payload.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "codec/cbor.h"
#include "codec/text.h"

namespace narrows::evidence {
namespace {

using codec::Value;
using model::RecordKind;

constexpr std::array<std::string_view, 5> kProvenance = {"observed", "verified", "attested",
                                                         "stated", "derived"};

const Value& null_value() {
    static const Value value;
    return value;
}

bool is_body(const Value& value) {
    const std::string direction = value.text("dir");
    const Value* bytes = value.find("bytes");
    return (direction == "request" || direction == "response") && count_member(value, "index") &&
           bytes != nullptr && bytes->as<Bytes>() != nullptr;
}

bool is_grouped(const Value& value) {
    const codec::Map* map = value.as<codec::Map>();
    return map != nullptr && std::all_of(map->begin(), map->end(), [](const auto& group) {
               const bool known = std::find(kProvenance.begin(), kProvenance.end(), group.first) !=
                                  kProvenance.end();
               return known && group.second.template as<codec::Map>() != nullptr;
           });
}

}  // namespace

const Value& Payload::group(std::string_view provenance) const {
    const Value* found = value.find(provenance);
    return found == nullptr ? null_value() : *found;
}

bool has_operation(RecordKind kind) {
    switch (kind) {
        case RecordKind::intent:
        case RecordKind::sent:
        case RecordKind::head:
        case RecordKind::body:
        case RecordKind::result:
        case RecordKind::not_sent:
        case RecordKind::unknown:
        case RecordKind::approval:
        case RecordKind::secrets:
            return true;
        default:
            return false;
    }
}

std::uint64_t operation_of(RecordKind kind, const Payload& payload) {
    const Value& fields = kind == RecordKind::body ? payload.value : payload.observed();
    return count_member(fields, "op").value_or(0);
}

Result<Payload> decode_payload(RecordKind kind, ByteView bytes) {
    NARROWS_TRY(Value value, codec::cbor_decode(bytes));
    Payload payload{std::move(value)};
    const bool body = kind == RecordKind::body;
    const bool shaped = body ? is_body(payload.value) : is_grouped(payload.value);
    const Value& fields = body ? payload.value : payload.observed();
    if (!shaped || (has_operation(kind) && !count_member(fields, "op"))) {
        return fail(ErrorCode::invalid,
                    fmt::format("the payload does not have the shape of a {} record",
                                model::name_of(kind)));
    }
    return payload;
}

std::optional<Bytes> digest_member(const Value& map, std::string_view name) {
    const Value* member = map.find(name);
    if (member == nullptr) {
        return std::nullopt;
    }
    if (const Bytes* bytes = member->as<Bytes>(); bytes != nullptr && bytes->size() == 32) {
        return *bytes;
    }
    const std::string* text = member->as<std::string>();
    if (text == nullptr || text->size() != 64) {
        return std::nullopt;
    }
    Result<Bytes> bytes = codec::unhex(*text);
    return bytes ? std::optional(std::move(bytes).value()) : std::nullopt;
}

std::optional<std::uint64_t> count_member(const Value& map, std::string_view name) {
    const Value* member = map.find(name);
    const std::int64_t* number = member == nullptr ? nullptr : member->as<std::int64_t>();
    return number == nullptr || *number < 0 ? std::nullopt
                                            : std::optional(static_cast<std::uint64_t>(*number));
}

}  // namespace narrows::evidence
