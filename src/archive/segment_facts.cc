#include "archive/segment_facts.h"

#include <algorithm>
#include <map>

#include "evidence/archived.h"
#include "journal/scan.h"

namespace narrows::archive {
namespace {

using evidence::SegmentPart;

Result<void> add_batch(const journal::Batch& batch, std::map<std::uint64_t, SegmentPart>& parts,
                       WallNs& newest) {
    journal::FrameCursor cursor(batch);
    while (true) {
        NARROWS_TRY(const std::optional<journal::Frame> frame, cursor.next());
        if (!frame) {
            return ok();
        }
        newest = std::max(newest, frame->time);
        if (frame->part.value() == 0) {
            continue;
        }
        const std::uint64_t sequence = frame->sequence.value();
        const auto [at, is_new] = parts.try_emplace(
            frame->part.value(), SegmentPart{frame->part, sequence, sequence, 0, 0});
        SegmentPart& part = at->second;
        part.first = std::min(part.first, sequence);
        part.last = std::max(part.last, sequence);
        ++part.records;
        part.lost += evidence::declared_lost(*frame);
    }
}

}  // namespace

Result<SegmentFacts> read_segment(io::FileSystem& fs, const std::string& directory,
                                  const journal::SegmentName& name) {
    NARROWS_TRY(const auto scanner, journal::SegmentScanner::open(fs, directory, name));
    SegmentFacts facts;
    facts.created = facts.newest = scanner->header().created;
    std::map<std::uint64_t, SegmentPart> parts;
    while (true) {
        NARROWS_TRY(const journal::Step step, scanner->next());
        if (std::holds_alternative<std::monostate>(step)) {
            break;
        }
        const auto* gap = std::get_if<journal::Gap>(&step);
        if (gap != nullptr && gap->kind != journal::Gap::Kind::torn_tail) {
            return fail(ErrorCode::corrupt, gap->file + " is damaged: " + gap->why);
        }
        if (gap == nullptr) {
            NARROWS_TRY(add_batch(std::get<journal::Batch>(step), parts, facts.newest));
        }
    }
    facts.bytes = scanner->end();
    for (const auto& [number, part] : parts) {
        facts.parts.push_back(part);
        facts.part_max = number;
    }
    return facts;
}

}  // namespace narrows::archive
