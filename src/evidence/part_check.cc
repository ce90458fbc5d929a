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

void PartCheck::add(const journal::Frame& frame, const Hash& leaf, const Result<ByteView>& plain,
                    const std::string& file) {
    reporter_.at(file, frame.location.offset, frame.sequence.value());
    take_place(frame, leaf);
    ++checked_.records;
    const std::optional<Payload> payload = payload_of(frame, plain);
    compare_header(frame, payload ? &*payload : nullptr);
    if (frame.sealed()) {
        check_seal(frame);
    }
    dispatch(frame, payload ? &*payload : nullptr);
}

std::optional<Payload> PartCheck::payload_of(const journal::Frame& frame,
                                             const Result<ByteView>& plain) {
    const std::uint64_t sequence = frame.sequence.value();
    const ErrorCode code = plain ? ErrorCode::not_found : plain.error().code;
    const bool is_key = code == ErrorCode::conflict;
    if (code == ErrorCode::corrupt || (is_key && faulty_keys_.insert(frame.key).second)) {
        reporter_.report(FindingKind::tampering, plain.error().what,
                         "The content is not what was recorded, or its key was exchanged.");
    }
    if (!plain && code != ErrorCode::invalid) {
        ++checked_.sealed;
        return std::nullopt;
    }
    Result<Payload> payload =
        plain ? decode_payload(frame.kind, plain.value()) : Result<Payload>(fail(plain.error()));
    if (!payload) {
        reporter_.report(FindingKind::disorder,
                         fmt::format("record {} ({}) cannot be decoded: {}", sequence,
                                     model::name_of(frame.kind), payload.error().what),
                         "It is as it was written, but no writer of this format wrote it.");
        return std::nullopt;
    }
    return std::move(payload.value());
}

/// Each kind under its own class's key, epochs that do not go back, and no GAP.
void PartCheck::check_seal(const journal::Frame& frame) {
    auto& epoch = epochs_.at(static_cast<std::size_t>(frame.key));
    const auto wrong = [&](const char* what) {
        reporter_.report(FindingKind::disorder,
                         fmt::format("record {} ({}) {}", frame.sequence.value(),
                                     model::name_of(frame.kind), what),
                         "No writer of this format seals so.");
    };
    if (frame.key != journal::key_class_of(frame.kind)) {
        wrong("is sealed under a key that is not for its kind");
    }
    if (epoch && frame.epoch < *epoch) {
        wrong("is sealed under an epoch that was over");
    }
    if (frame.kind == RecordKind::gap) {
        wrong("is sealed");
    }
    epoch = std::max(frame.epoch, epoch.value_or(0));
}

bool PartCheck::sealed_under(const PartEnvelopes& keys) const {
    return std::all_of(journal::kKeyClasses.begin(), journal::kKeyClasses.end(),
                       [&](journal::KeyClass key) {
                           return !epochs_.at(static_cast<std::size_t>(key)) ||
                                  keys.contains(journal::name_of(key));
                       });
}

/// What readers without a key are told is what readers with one see.
void PartCheck::compare_header(const journal::Frame& frame, const Payload* payload) {
    const bool names_one = has_operation(frame.kind);
    bool same = names_one || frame.op == 0;
    if (payload != nullptr) {
        const Value* decision = payload->observed().find("decision");
        const bool allowed = frame.kind == RecordKind::intent && decision != nullptr &&
                             decision->text("verdict") == "allow";
        const bool response =
            frame.kind == RecordKind::body && payload->value.text("dir") == "response";
        const auto says = [&](std::uint8_t flag) { return (frame.flags & flag) != 0; };
        same = same && (!names_one || operation_of(frame.kind, *payload) == frame.op) &&
               allowed == says(journal::kFlagAllowed) && response == says(journal::kFlagResponse);
    }
    if (!same) {
        reporter_.report(FindingKind::disorder,
                         fmt::format("the header of record {} ({}) says something else than its "
                                     "payload",
                                     frame.sequence.value(), model::name_of(frame.kind)),
                         "Readers without a key are shown another story.");
    }
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

void PartCheck::dispatch(const journal::Frame& frame, const Payload* payload) {
    const bool is_open = frame.kind == RecordKind::open;
    if (is_open != (frame.sequence.value() == 0)) {
        reporter_.report(
            FindingKind::disorder,
            is_open ? "an OPEN stands inside a part" : "the part does not begin with an OPEN",
            "Who acted, for whom and with what grants is not where it must be.");
    }
    if (frame.kind == RecordKind::close) {
        close(payload);
    } else {
        ++counts_[model::name_of(frame.kind)];
    }
    if (is_open) {
        open_leaf_ = last_leaf_;
        session_ =
            payload == nullptr ? std::nullopt : std::optional(payload->observed().text("session"));
    } else if (frame.kind == RecordKind::gap && payload != nullptr) {
        gap(*payload);
    } else if (has_operation(frame.kind)) {
        operations_.add(frame, payload);
    }
}

bool PartCheck::has_counts(const std::map<std::string, std::uint64_t>& stated) const {
    return stated.empty() || !holes_.empty() ||
           std::equal(stated.begin(), stated.end(), counts_.begin(), counts_.end());
}

void PartCheck::gap(const Payload& payload) {
    const auto first = count_member(payload.observed(), "first");
    const auto last = count_member(payload.observed(), "last");
    if (first && last && *first <= *last) {
        reporter_.declare({*first, *last}, codec::printable(payload.observed().text("why")));
    }
}

/// A CLOSE that cannot be read is sealed: its part ended in order.
void PartCheck::close(const Payload* payload) {
    closed_ = true;
    ended_ = payload == nullptr || payload->observed().text("reason") != "interrupted";
    if (payload == nullptr) {
        return;
    }
    const Value* counts = payload->observed().find("counts");
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
    checked_.parts_open += closed_ ? 0 : 1;
}

}  // namespace narrows::evidence
