#include "recorder/recovery.h"

#include <future>

#include "codec/cbor.h"
#include "recording/part_log.h"

namespace narrows::recorder {
namespace {

using model::RecordKind;

bool is_outcome(RecordKind kind) {
    return kind == RecordKind::result || kind == RecordKind::not_sent ||
           kind == RecordKind::unknown;
}

codec::Map gap_fields(const journal::Range& range) {
    return {
        {"first", range.first.value()},
        {"last", range.last.value()},
        {"why",
         "not on disk when the gateway started: lost with a power cut within the last 50 ms, or "
         "never acknowledged"}};
}

codec::Map unknown_fields(std::uint64_t op) {
    return {{"op", op}, {"why", "the gateway stopped before the outcome was on record"}};
}

codec::Map close_fields(const std::map<std::string, std::uint64_t>& counts) {
    codec::Map per_kind;
    for (const auto& [kind, count] : counts) {
        per_kind.emplace(kind, count);
    }
    return {{"reason", "interrupted"}, {"by", "recovery"}, {"counts", std::move(per_kind)}};
}

Result<void> append(journal::Journal& journal, journal::Part& part, journal::Subject subject,
                    codec::Map fields) {
    NARROWS_TRY(journal.append(part, journal::Lane::control, subject,
                               codec::cbor_encode(recording::observed(std::move(fields))),
                               journal::Await::none, nullptr, journal::Use::closing));
    return ok();
}

/// Tells a thread that blocks.
class Told final : public journal::Waiter {
  public:
    void done(const Result<void>& outcome) noexcept override { promise_.set_value(outcome); }
    Result<void> wait() { return promise_.get_future().get(); }

  private:
    std::promise<Result<void>> promise_;
};

}  // namespace

codec::Map Found::fields() const {
    return {{"segments", segments},
            {"frames", frames},
            {"bytes", bytes},
            {"parts_interrupted", parts_interrupted},
            {"operations_unknown", operations_unknown},
            {"gaps", gaps}};
}

void Recovery::see(const journal::Frame& frame) {
    Left& part = parts_[frame.part.value()];
    if (frame.kind == RecordKind::close) {
        part = {};
        part.continues = (frame.flags & journal::kFlagContinues) != 0;
        return;
    }
    ++part.counts[model::name_of(frame.kind)];
    if (frame.kind == RecordKind::intent && (frame.flags & journal::kFlagAllowed) != 0) {
        part.unfinished.insert(frame.op);
    } else if (is_outcome(frame.kind)) {
        part.unfinished.erase(frame.op);
    }
}

Result<void> Recovery::close(journal::Journal& journal, const journal::PartReport& report,
                             Left& left) {
    const std::shared_ptr<journal::Part> part = journal.resume_part(report);
    for (const journal::Range& range : report.missing) {
        NARROWS_TRY(append(journal, *part, RecordKind::gap, gap_fields(range)));
        ++left.counts[model::name_of(RecordKind::gap)];
    }
    for (const std::uint64_t op : left.unfinished) {
        NARROWS_TRY(
            append(journal, *part, {RecordKind::unknown, model::Sequence(op)}, unknown_fields(op)));
        ++left.counts[model::name_of(RecordKind::unknown)];
    }
    return append(journal, *part, {RecordKind::close, model::Sequence(0), journal::kFlagContinues},
                  close_fields(left.counts));
}

Result<Found> Recovery::declare(journal::Journal& journal, const journal::RecoveryReport& report) {
    Found found;
    found.segments = report.segments;
    found.frames = report.frames;
    found.bytes = report.bytes;
    found.next_part = report.next_part;
    for (const journal::Gap& gap : report.gaps) {
        found.gaps.emplace_back(codec::Map{{"kind", journal::name_of(gap.kind)},
                                           {"file", gap.file},
                                           {"offset", gap.location.offset},
                                           {"bytes", gap.bytes},
                                           {"why", gap.why}});
    }
    for (const journal::PartReport& part : report.parts) {
        Left& left = parts_[part.part.value()];
        if (part.closed) {
            if (left.continues) {
                found.may_go_on.insert(part.part);
            }
            continue;
        }
        ++found.parts_interrupted;
        found.operations_unknown += left.unfinished.size();
        NARROWS_TRY(close(journal, part, left));
        found.may_go_on.insert(part.part);
    }
    Told told;
    NARROWS_TRY(journal.sync(journal::Lane::control, told));
    NARROWS_TRY(told.wait());
    parts_.clear();
    return found;
}

}  // namespace narrows::recorder
