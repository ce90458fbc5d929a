#include "journal/verify.h"

#include <algorithm>

#include <fmt/format.h>

#include "journal/reader.h"
#include "journal/scan.h"

namespace narrows::journal {
namespace {

/// Records that came before their predecessor, held per part until it comes. Beyond this many the
/// predecessor counts as absent, so that memory stays bounded.
constexpr std::size_t kWaitingMax = 65'536;

struct Link {
    crypto::Digest prev_leaf;
    crypto::Digest leaf;
    model::RecordKind kind;
    Location location;
};

struct PartChain {
    std::uint64_t next = 0;
    std::uint64_t frames = 0;
    crypto::Digest last_leaf{};
    std::map<std::uint64_t, Link> waiting;
};

class Verification {
  public:
    Verification(io::FileSystem& fs, const std::string& directory)
        : fs_(fs), directory_(directory) {}

    Result<ChainReport> run() {
        NARROWS_TRY(const Listing listing, list_segments(fs_, directory_));
        report_.segments = listing.segments[0].size() + listing.segments[1].size();
        Scan scan(fs_, directory_, listing);
        while (true) {
            NARROWS_TRY(const Step step, scan.next());
            if (std::holds_alternative<std::monostate>(step)) {
                break;
            }
            if (const Gap* gap = std::get_if<Gap>(&step)) {
                take(*gap);
            } else {
                const Batch& batch = std::get<Batch>(step);
                take(batch, scan.lane(batch.location.lane).tail().origin);
            }
        }
        finish();
        return std::move(report_);
    }

  private:
    void find(Finding finding) {
        ++report_.findings_total;
        if (report_.findings.size() < kFindingsMax) {
            report_.findings.push_back(std::move(finding));
        }
    }
    void take(const Gap& gap);
    void take(const Batch& batch, const std::string& origin);
    void take(const Frame& frame, const crypto::Digest& leaf, bool abandoned);
    void check_duplicate(const Frame& frame, const crypto::Digest& leaf);
    void advance(std::uint64_t number, PartChain& part);
    void follow(std::uint64_t number, PartChain& part, const Link& link);
    void skip_hole(std::uint64_t number, PartChain& part);
    void finish();

    io::FileSystem& fs_;
    const std::string& directory_;
    ChainReport report_;
    std::map<std::uint64_t, PartChain> parts_;
    /// Leaves of records that a disk fault made the writer write twice.
    std::map<std::pair<std::uint64_t, std::uint64_t>, crypto::Digest> abandoned_;
};

void Verification::take(const Gap& gap) {
    find({.kind = Finding::Kind::gap,
          .what = fmt::format("{} at offset {}: {} ({} bytes)", gap.file, gap.location.offset,
                              gap.why, gap.bytes),
          .location = gap.location,
          .gap = gap.kind});
}

void Verification::take(const Batch& batch, const std::string& origin) {
    ++report_.batches;
    report_.bytes += size_on_disk(batch.header);
    if (report_.origin.empty()) {
        report_.origin = origin;
    } else if (report_.origin != origin) {
        find({.kind = Finding::Kind::origin,
              .what = fmt::format("segments of \"{}\" and \"{}\" stand in one directory",
                                  report_.origin, origin),
              .location = batch.location});
    }
    Bytes leaves;
    FrameCursor cursor(batch);
    while (true) {
        auto next = cursor.next();
        if (!next || !next.value()) {
            if (!next) {
                take(Gap{.file = segment_name(batch.location.lane, batch.location.segment),
                         .location = batch.location,
                         .bytes = batch.header.length,
                         .why = next.error().what});
            }
            break;
        }
        const crypto::Digest leaf = leaf_of(origin, *next.value());
        append(leaves, leaf);
        take(*next.value(), leaf, batch.abandoned);
    }
    if (chain_of(batch.header, leaves) != batch.header.chain) {
        find({.kind = Finding::Kind::batch,
              .what = fmt::format("batch {} of {} does not hash to its own chain value",
                                  batch.header.number,
                                  segment_name(batch.location.lane, batch.location.segment)),
              .location = batch.location});
    }
}

void Verification::take(const Frame& frame, const crypto::Digest& leaf, bool abandoned) {
    ++report_.frames;
    if (const auto why = why_invalid(frame)) {
        find({.kind = Finding::Kind::payload,
              .what = *why,
              .location = frame.location,
              .part = frame.part,
              .first = frame.sequence,
              .last = frame.sequence});
    }
    if (frame.part.value() == 0) {
        return;  // the journal's own word on a disk fault; it belongs to no chain of records
    }
    const std::uint64_t sequence = frame.sequence.value();
    PartChain& part = parts_[frame.part.value()];
    if (sequence < part.next || part.waiting.contains(sequence)) {
        check_duplicate(frame, leaf);
        return;
    }
    if (abandoned) {
        abandoned_[{frame.part.value(), sequence}] = leaf;
    }
    ++part.frames;
    part.waiting.emplace(sequence, Link{frame.prev_leaf, leaf, frame.kind, frame.location});
    advance(frame.part.value(), part);
    if (part.waiting.size() > kWaitingMax) {
        skip_hole(frame.part.value(), part);
    }
}

void Verification::check_duplicate(const Frame& frame, const crypto::Digest& leaf) {
    const auto known = abandoned_.find({frame.part.value(), frame.sequence.value()});
    if (known != abandoned_.end() && known->second == leaf) {
        return;
    }
    find({.kind = Finding::Kind::duplicate,
          .what = fmt::format("record {} of part {} stands here a second time, or comes too late",
                              frame.sequence.value(), frame.part.value()),
          .location = frame.location,
          .part = frame.part,
          .first = frame.sequence,
          .last = frame.sequence});
}

void Verification::follow(std::uint64_t number, PartChain& part, const Link& link) {
    const bool first = part.next == 0;
    const bool linked = link.prev_leaf == part.last_leaf;
    if (!linked || (first && link.kind != model::RecordKind::open)) {
        find({.kind = linked ? Finding::Kind::part : Finding::Kind::leaf,
              .what = linked ? fmt::format("part {} does not begin with OPEN", number)
                             : fmt::format("record {} of part {} does not continue the record "
                                           "before it",
                                           part.next, number),
              .location = link.location,
              .part = model::PartNo(number),
              .first = model::Sequence(part.next),
              .last = model::Sequence(part.next)});
    }
    ++part.next;
    part.last_leaf = link.leaf;
}

void Verification::advance(std::uint64_t number, PartChain& part) {
    while (!part.waiting.empty() && part.waiting.begin()->first == part.next) {
        follow(number, part, part.waiting.begin()->second);
        part.waiting.erase(part.waiting.begin());
    }
}

/// The records before the first one that waits are absent: says so and goes on behind the hole.
void Verification::skip_hole(std::uint64_t number, PartChain& part) {
    const auto& [sequence, link] = *part.waiting.begin();
    find({.kind = Finding::Kind::absent,
          .what = fmt::format("records {} to {} of part {} are not there", part.next, sequence - 1,
                              number),
          .location = link.location,
          .part = model::PartNo(number),
          .first = model::Sequence(part.next),
          .last = model::Sequence(sequence - 1)});
    part.next = sequence;
    part.last_leaf = link.prev_leaf;
    advance(number, part);
}

void Verification::finish() {
    std::uint64_t expected = 0;
    for (auto& [number, part] : parts_) {
        while (!part.waiting.empty()) {
            skip_hole(number, part);
        }
        if (expected != 0 && number != expected) {
            find({.kind = Finding::Kind::absent,
                  .what = fmt::format("no record of parts {} to {} is there", expected, number - 1),
                  .part = model::PartNo(expected)});
        }
        expected = number + 1;
        report_.parts[model::PartNo(number)] = {
            .frames = part.frames, .next = model::Sequence(part.next), .last_leaf = part.last_leaf};
    }
}

}  // namespace

const char* name_of(Finding::Kind kind) {
    switch (kind) {
        case Finding::Kind::gap:
            return "gap";
        case Finding::Kind::batch:
            return "batch";
        case Finding::Kind::payload:
            return "payload";
        case Finding::Kind::leaf:
            return "leaf";
        case Finding::Kind::absent:
            return "absent";
        case Finding::Kind::duplicate:
            return "duplicate";
        case Finding::Kind::part:
            return "part";
        case Finding::Kind::origin:
            return "origin";
    }
    return "gap";
}

Result<ChainReport> verify_chain(io::FileSystem& fs, const std::string& directory) {
    return Verification(fs, directory).run();
}

}  // namespace narrows::journal
