#include "evidence/finding.h"

namespace narrows::evidence {

const char* name_of(FindingKind kind) {
    switch (kind) {
        case FindingKind::tampering:
            return "tampering";
        case FindingKind::truncation:
            return "truncation";
        case FindingKind::disorder:
            return "disorder";
        case FindingKind::loss:
            return "declared-loss";
        case FindingKind::missing_key:
            return "missing-key";
        case FindingKind::unreadable:
            return "unreadable";
        case FindingKind::note:
            return "note";
    }
    return "note";
}

bool is_wanting(FindingKind kind) {
    return kind == FindingKind::tampering || kind == FindingKind::truncation ||
           kind == FindingKind::disorder;
}

void Findings::add(Finding finding) {
    ++count_;
    wanting_ += is_wanting(finding.kind) ? 1 : 0;
    kinds_ |= 1u << static_cast<unsigned>(finding.kind);
    if (kept_.size() < kFindingsMax) {
        kept_.push_back(std::move(finding));
    }
}

bool Findings::has(FindingKind kind) const {
    return (kinds_ & 1u << static_cast<unsigned>(kind)) != 0;
}

}  // namespace narrows::evidence
