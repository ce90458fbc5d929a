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
           kind == RecordKind::notice || is_outcome(kind);
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
        continued_.insert(static_cast<std::uint64_t>(observed->number("predecessor")));
        part.open = std::move(payload.value());
    } else if (frame.kind == RecordKind::close) {
        part.closed = true;
        part.close_reason = observed->text("reason");
        part.unfinished.clear();
    } else if (frame.kind == RecordKind::notice) {
        see_ending(frame.part.value(), *observed);
    } else if (frame.kind == RecordKind::intent && is_allowed(*observed)) {
        part.unfinished.insert(op);
    } else if (is_outcome(frame.kind)) {
        part.unfinished.erase(op);
    }
}

/// A NOTICE "ending" is about its own part, or about the one it names.
void Recovered::see_ending(std::uint64_t part, const codec::Value& observed) {
    if (observed.text("what") != "ending") {
        return;
    }
    const auto named = static_cast<std::uint64_t>(observed.number("part"));
    codec::Map ending = *observed.as<codec::Map>();
    ending.erase("what");
    parts_[named == 0 ? part : named].ending = std::move(ending);
}

bool Recovered::goes_on(std::uint64_t part) const {
    const auto at = parts_.find(part);
    if (at == parts_.end() || continued_.contains(part) || !at->second.ending.empty()) {
        return false;
    }
    const LeftPart& left = at->second;
    const codec::Value* observed = left.open.find("observed");
    const bool unended =
        !left.closed || left.close_reason == "drained" || left.close_reason == "interrupted";
    return observed != nullptr && observed->text("kind") == "session" && unended;
}

}  // namespace narrows::gateway
