#include "evidence/archived.h"

#include <algorithm>

#include "evidence/payload.h"

namespace narrows::evidence {

bool Archived::add(SegmentEntry entry) {
    const auto name = journal::parse_segment_name(entry.name);
    if (!name) {
        return false;
    }
    const std::vector<SegmentPart> parts = std::exchange(entry.parts, {});
    const auto [at, is_new] =
        segments_.try_emplace({name.value().lane, name.value().number}, Segment{entry, {}});
    Segment& segment = at->second;
    const bool same = segment.entry.sha256 == entry.sha256 && segment.entry.bytes == entry.bytes;
    const bool fits = std::all_of(parts.begin(), parts.end(), [&](const SegmentPart& part) {
        const auto known = segment.parts.find(part.part.value());
        return known == segment.parts.end() || known->second == part;
    });
    if (!same || !fits) {
        return false;
    }
    for (const SegmentPart& part : parts) {
        segment.parts.emplace(part.part.value(), part);
    }
    return true;
}

const Archived::Segment* Archived::find(journal::Lane lane, std::uint64_t number) const {
    const auto at = segments_.find({lane, number});
    return at == segments_.end() ? nullptr : &at->second;
}

void Archived::add_absent(const Segment& segment, AbsentParts& to) {
    for (const auto& [number, part] : segment.parts) {
        AbsentPart& absent = to[number];
        absent.stretches.push_back({part.first, part.last});
        absent.records += part.records;
        absent.lost += part.lost;
    }
}

std::uint64_t declared_lost(const journal::Frame& frame) {
    if (frame.kind != model::RecordKind::gap || (frame.flags & journal::kFlagSealed) != 0) {
        return 0;
    }
    const Result<Payload> payload = decode_payload(frame.kind, frame.payload);
    if (!payload) {
        return 0;
    }
    const auto first = count_member(payload.value().observed(), "first");
    const auto last = count_member(payload.value().observed(), "last");
    return first && last && *first <= *last ? *last - *first + 1 : 0;
}

}  // namespace narrows::evidence
