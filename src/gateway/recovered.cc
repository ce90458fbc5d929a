#include "gateway/recovered.h"

#include "codec/cbor.h"

namespace narrows::gateway {
namespace {

using model::RecordKind;

bool is_outcome(RecordKind kind) {
    return kind == RecordKind::result || kind == RecordKind::not_sent ||
           kind == RecordKind::unknown;
}

/// Kinds whose payload must be looked into; bodies are many and are not.
bool is_telling(RecordKind kind) {
    return kind == RecordKind::open || kind == RecordKind::intent || kind == RecordKind::close ||
           is_outcome(kind);
}

bool is_allowed(const codec::Value& observed) {
    const codec::Value* decision = observed.find("decision");
    return decision != nullptr && decision->text("verdict") == "allow";
}

}  // namespace

void Recovered::see(const journal::Frame& frame) {
    LeftPart& part = parts_[frame.part.value()];
    ++part.counts[model::name_of(frame.kind)];
    if (!is_telling(frame.kind)) {
        return;
    }
    Result<codec::Value> payload = codec::cbor_decode(frame.payload);
    const codec::Value* observed = payload.has_value() ? payload.value().find("observed") : nullptr;
    if (observed == nullptr) {
        return;
    }
    const auto op = static_cast<std::uint64_t>(observed->number("op"));
    if (frame.kind == RecordKind::open) {
        part.open = std::move(payload.value());
    } else if (frame.kind == RecordKind::close) {
        part.closed = true;
        part.close_reason = observed->text("reason");
        part.unfinished.clear();
    } else if (frame.kind == RecordKind::intent && is_allowed(*observed)) {
        part.unfinished.insert(op);
    } else if (is_outcome(frame.kind)) {
        part.unfinished.erase(op);
    }
}

}  // namespace narrows::gateway
