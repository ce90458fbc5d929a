#include "journal/recovery.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/log.h"

namespace narrows::journal {
namespace {

struct PartProgress {
    SequenceSet seen;
    crypto::Digest last_leaf{};
    bool closed = false;
};

class Recovery {
  public:
    Recovery(io::FileSystem& fs, const Options& options) : fs_(fs), options_(options) {}

    Result<Recovered> run() {
        NARROWS_TRY(remove_spares());
        if (options_.accept_corruption) {
            NARROWS_TRY(quarantine_all());
        }
        NARROWS_TRY(const Listing listing, list_segments(fs_, options_.directory));
        Scan scan(fs_, options_.directory, listing);
        NARROWS_TRY(read_all(scan));
        NARROWS_TRY(finish(scan, listing));
        return std::move(out_);
    }

  private:
    std::string path_of(const std::string& name) const { return options_.directory + "/" + name; }

    Result<void> remove_spares() {
        NARROWS_TRY(const Listing listing, list_segments(fs_, options_.directory));
        for (const std::string& name : listing.spares) {
            NARROWS_TRY(fs_.remove(path_of(name)));
        }
        return ok();
    }
    Result<void> quarantine_all();
    Result<void> quarantine(const Gap& gap);
    Result<void> read_all(Scan& scan);
    Result<void> take_batch(const Batch& batch, const std::string& origin);
    Result<void> take_gap(Gap gap);
    Result<void> keep_torn(const Gap& gap);
    Result<void> cut(const std::string& name, std::uint64_t end);
    Result<void> finish(const Scan& scan, const Listing& listing);
    void report_parts();

    io::FileSystem& fs_;
    const Options& options_;
    Recovered out_;
    std::map<std::uint64_t, PartProgress> parts_;
};

/// A pass of its own, so that what is reported afterwards is what readers will find.
Result<void> Recovery::quarantine_all() {
    NARROWS_TRY(const Listing listing, list_segments(fs_, options_.directory));
    Scan scan(fs_, options_.directory, listing);
    std::map<std::string, Gap> bad;
    while (true) {
        NARROWS_TRY(const Step step, scan.next());
        if (std::holds_alternative<std::monostate>(step)) {
            break;
        }
        const Gap* gap = std::get_if<Gap>(&step);
        if (gap != nullptr &&
            (gap->kind == Gap::Kind::corrupt || gap->kind == Gap::Kind::missing)) {
            bad.emplace(gap->file, *gap);
        }
    }
    for (const auto& [name, gap] : bad) {
        NARROWS_TRY(quarantine(gap));
    }
    return ok();
}

/// A segment that is not there gets a tombstone, so that the loss is declared only once.
Result<void> Recovery::quarantine(const Gap& gap) {
    const std::string aside = path_of(gap.file) + std::string(kQuarantineSuffix);
    log::error("journal: {} is put into quarantine: {}", gap.file, gap.why);
    if (gap.kind == Gap::Kind::missing) {
        NARROWS_TRY(io::durable_write(fs_, aside, as_bytes(gap.why)));
    } else {
        NARROWS_TRY(fs_.rename(path_of(gap.file), aside));
        NARROWS_TRY(fs_.sync_directory(options_.directory));
    }
    out_.report.gaps.push_back(gap);
    out_.report.gaps.back().kind = Gap::Kind::quarantined;
    return ok();
}

Result<void> Recovery::take_gap(Gap gap) {
    if (gap.kind == Gap::Kind::torn_tail) {
        NARROWS_TRY(keep_torn(gap));
        out_.report.gaps.push_back(std::move(gap));
        return ok();
    }
    if (gap.kind == Gap::Kind::quarantined) {
        return ok();  // declared when it was put aside
    }
    return fail(ErrorCode::corrupt,
                fmt::format("{} at offset {}: {}. The journal in {} is not what was written. Keep "
                            "a copy, find out why, then open it with corruption accepted: the "
                            "segment goes into quarantine and the loss is declared",
                            gap.file, gap.location.offset, gap.why, options_.directory));
}

Result<void> Recovery::keep_torn(const Gap& gap) {
    NARROWS_TRY(const auto file, fs_.open(path_of(gap.file), io::Mode::read));
    Bytes bytes(gap.bytes);
    NARROWS_TRY(const std::size_t got, file->pread(bytes, gap.location.offset));
    bytes.resize(got);
    log::warn("journal: {} bytes at the end of {} were never whole; kept aside", got, gap.file);
    return io::durable_write(fs_, path_of(gap.file) + std::string(kTornSuffix), bytes);
}

Result<void> Recovery::take_batch(const Batch& batch, const std::string& origin) {
    if (!origin.empty() && origin != options_.origin) {
        return fail(ErrorCode::conflict,
                    fmt::format("the journal in {} belongs to gateway \"{}\", not to \"{}\"; give "
                                "this gateway a directory of its own",
                                options_.directory, origin, options_.origin));
    }
    FrameCursor cursor(batch);
    while (true) {
        auto next = cursor.next();
        if (!next) {
            return take_gap({.kind = Gap::Kind::corrupt,
                             .file = segment_name(batch.location.lane, batch.location.segment),
                             .location = batch.location,
                             .bytes = size_on_disk(batch.header),
                             .why = next.error().what});
        }
        if (!next.value()) {
            return ok();
        }
        const Frame& frame = *next.value();
        ++out_.report.frames;
        if (frame.part.value() == 0) {
            continue;
        }
        PartProgress& part = parts_[frame.part.value()];
        if (part.seen.contains(frame.sequence.value())) {
            continue;  // written again after a disk fault
        }
        part.seen.add(frame.sequence.value());
        if (part.seen.next() == frame.sequence.value() + 1) {
            part.last_leaf = leaf_of(options_.origin, frame);
        }
        part.closed |= frame.kind == model::RecordKind::close;
        if (options_.on_recovered) {
            options_.on_recovered(frame);
        }
    }
}

Result<void> Recovery::read_all(Scan& scan) {
    while (true) {
        NARROWS_TRY(Step step, scan.next());
        if (std::holds_alternative<std::monostate>(step)) {
            return ok();
        }
        if (Gap* gap = std::get_if<Gap>(&step)) {
            NARROWS_TRY(take_gap(std::move(*gap)));
            continue;
        }
        const Batch& batch = std::get<Batch>(step);
        out_.report.bytes += size_on_disk(batch.header);
        NARROWS_TRY(take_batch(batch, scan.lane(batch.location.lane).tail().origin));
    }
}

/// Synced even if there is nothing to cut: the next segment's header says that what is there is
/// durable, and whoever wrote it, or cut before, may have died before the sync.
Result<void> Recovery::cut(const std::string& name, std::uint64_t end) {
    NARROWS_TRY(const auto file, fs_.open(path_of(name), io::Mode::write));
    NARROWS_TRY(const std::uint64_t size, file->size());
    if (size > end) {
        NARROWS_TRY(file->truncate(end));
    }
    return file->datasync();
}

Result<void> Recovery::finish(const Scan& scan, const Listing& listing) {
    for (const Gap& gap : out_.report.gaps) {
        if (gap.kind == Gap::Kind::torn_tail) {
            NARROWS_TRY(cut(gap.file, gap.location.offset));
        }
    }
    for (const Lane lane : kLanes) {
        const auto index = static_cast<std::size_t>(lane);
        LaneScanner::Tail& tail = out_.tails[index];
        tail = scan.lane(lane).tail();
        if (tail.number != 0) {
            NARROWS_TRY(cut(segment_name(lane, tail.number), tail.end));
        }
        const auto& aside = listing.quarantined[index];
        if (!aside.empty() && aside.back() > tail.number) {
            tail = {};
            tail.number = aside.back();
        }
        out_.report.segments += listing.segments[index].size();
    }
    report_parts();
    return ok();
}

void Recovery::report_parts() {
    for (const auto& [number, part] : parts_) {
        out_.report.parts.push_back({.part = model::PartNo(number),
                                     .next = model::Sequence(part.seen.next()),
                                     .last_leaf = part.last_leaf,
                                     .closed = part.closed,
                                     .missing = part.seen.missing()});
        out_.report.next_part = model::PartNo(number + 1);
    }
}

}  // namespace

void SequenceSet::add(std::uint64_t number) {
    if (number < dense_) {
        return;
    }
    if (number == dense_) {
        ++dense_;
    } else {
        auto after = islands_.upper_bound(number);
        if (after != islands_.begin() && std::prev(after)->second > number) {
            return;
        }
        if (after != islands_.begin() && std::prev(after)->second == number) {
            after = std::prev(after);
            ++after->second;
        } else {
            after = islands_.emplace(number, number + 1).first;
        }
        const auto next = std::next(after);
        if (next != islands_.end() && next->first == after->second) {
            after->second = next->second;
            islands_.erase(next);
        }
    }
    if (!islands_.empty() && islands_.begin()->first == dense_) {
        dense_ = islands_.begin()->second;
        islands_.erase(islands_.begin());
    }
}

bool SequenceSet::contains(std::uint64_t number) const {
    const auto after = islands_.upper_bound(number);
    return number < dense_ || (after != islands_.begin() && std::prev(after)->second > number);
}

std::uint64_t SequenceSet::next() const {
    return islands_.empty() ? dense_ : islands_.rbegin()->second;
}

std::vector<Range> SequenceSet::missing() const {
    std::vector<Range> out;
    std::uint64_t expected = dense_;
    for (const auto& [first, end] : islands_) {
        out.push_back({model::Sequence(expected), model::Sequence(first - 1)});
        expected = end;
    }
    return out;
}

Result<Recovered> recover(io::FileSystem& fs, const Options& options) {
    return Recovery(fs, options).run();
}

}  // namespace narrows::journal
