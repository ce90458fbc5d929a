#include "evidence/part_check.h"

#include <algorithm>

#include <fmt/format.h>

#include "codec/text.h"

namespace narrows::evidence {
namespace {

using codec::Value;
using model::RecordKind;

constexpr const char* kMeansCounts =
    "Records were removed or added after the part had been closed, or never written.";

}  // namespace

std::optional<Hash> PartCheck::root() const {
    return holes_.empty() ? std::optional(frontier_.root()) : std::nullopt;
}

void PartCheck::add(const journal::Frame& frame, const Hash& leaf, const std::string& file) {
    const std::uint64_t sequence = frame.sequence.value();
    reporter_.at(file, frame.location.offset, sequence);
    take_place(frame, leaf);
    ++checked_.records;
    if ((frame.flags & journal::kFlagSealed) != 0) {
        sealed_ = true;
        return;
    }
    const Result<Payload> payload = decode_payload(frame.kind, frame.payload);
    if (!payload) {
        reporter_.report(FindingKind::disorder,
                         fmt::format("record {} ({}) cannot be decoded: {}", sequence,
                                     model::name_of(frame.kind), payload.error().what),
                         "It is as it was written, but no writer of this format wrote it.");
        return;
    }
    dispatch(frame, payload.value());
}

void PartCheck::take_place(const journal::Frame& frame, const Hash& leaf) {
    const std::uint64_t sequence = frame.sequence.value();
    if (sequence != next_) {
        holes_.push_back({next_, sequence - 1});
        operations_.lost();
    }
    if (closed_) {
        reporter_.report(FindingKind::disorder,
                         fmt::format("record {} ({}) follows the part's CLOSE", sequence,
                                     model::name_of(frame.kind)),
                         "A closed part was written to.");
    }
    frontier_.append(leaf);
    last_leaf_ = leaf;
    next_ = sequence + 1;
}

void PartCheck::dispatch(const journal::Frame& frame, const Payload& payload) {
    const bool is_open = frame.kind == RecordKind::open;
    if (is_open != (frame.sequence.value() == 0)) {
        reporter_.report(
            FindingKind::disorder,
            is_open ? "an OPEN stands inside a part" : "the part does not begin with an OPEN",
            "Who acted, for whom and with what grants is not where it must be.");
    }
    if (frame.kind == RecordKind::close) {
        close(payload);
    }
    ++counts_[model::name_of(frame.kind)];
    if (is_open) {
        open(frame, payload);
    } else if (frame.kind == RecordKind::gap) {
        gap(payload);
    } else if (has_operation(frame.kind)) {
        operations_.add(frame.kind, frame.sequence.value(), payload);
    }
}

void PartCheck::open(const journal::Frame&, const Payload& payload) {
    session_ = payload.observed().text("session");
    open_leaf_ = last_leaf_;
}

void PartCheck::gap(const Payload& payload) {
    const auto first = count_member(payload.observed(), "first");
    const auto last = count_member(payload.observed(), "last");
    if (first && last && *first <= *last) {
        reporter_.declare({*first, *last}, codec::printable(payload.observed().text("why")));
    }
}

void PartCheck::close(const Payload& payload) {
    closed_ = true;
    ended_ = payload.observed().text("reason") != "interrupted";
    const Value* counts = payload.observed().find("counts");
    const codec::Map* stated = counts == nullptr ? nullptr : counts->as<codec::Map>();
    if (stated == nullptr && !ended_) {
        return;
    }
    codec::Map found;
    for (const auto& [kind, count] : counts_) {
        found.emplace(kind, count);
    }
    if (holes_.empty() && (stated == nullptr || *stated != found)) {
        reporter_.report(FindingKind::disorder, "the CLOSE counts other records than the part has",
                         kMeansCounts);
    }
}

/// Says of an undeclared hole what it is.
void PartCheck::judge(Stretch hole, bool not_yet) {
    reporter_.at({}, 0, hole.first);
    if (not_yet) {
        reporter_.excuse(hole);
        reporter_.report(FindingKind::note,
                         fmt::format("records {} to {} are not there (yet)", hole.first, hole.last),
                         "Nothing outside the journal vouches for them so far; a copy of a running "
                         "gateway has such holes.");
        return;
    }
    reporter_.report(
        FindingKind::truncation,
        fmt::format("records {} to {} are missing and no GAP declares them", hole.first, hole.last),
        "Records were removed, or lost without the recording saying so.");
}

void PartCheck::finish(std::optional<std::uint64_t> vouched) {
    operations_.finish(ended_);
    for (const Stretch& hole : holes_) {
        if (const auto at = reporter_.first_undeclared(hole)) {
            judge({*at, hole.last}, vouched && *at >= *vouched);
        }
    }
    reporter_.settle();
    if (sealed_) {
        reporter_.report(FindingKind::missing_key,
                         "the part's records are sealed and no key was given",
                         "Order and integrity were checked, contents were not.");
    }
    checked_.parts_open += closed_ ? 0 : 1;
}

}  // namespace narrows::evidence
