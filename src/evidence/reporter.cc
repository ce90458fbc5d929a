#include "evidence/reporter.h"

#include <algorithm>

#include <fmt/format.h>

namespace narrows::evidence {

void PartReporter::at(std::string file, std::uint64_t offset, std::uint64_t sequence) {
    place_.file = std::move(file);
    place_.offset = offset;
    place_.sequence = model::Sequence(sequence);
}

void PartReporter::report(FindingKind kind, std::string what, std::string means) {
    findings_.add({kind, std::move(what), std::move(means), place_});
}

void PartReporter::suspect(std::uint64_t sequence, std::string what, std::string means) {
    if (suspicions_.size() < Findings::kFindingsMax) {
        suspicions_.push_back(
            {sequence, {FindingKind::disorder, std::move(what), std::move(means), place_}});
    }
}

void PartReporter::declare(Stretch stretch, const std::string& why) {
    declared_.push_back(stretch);
    report(FindingKind::loss,
           fmt::format("records {} to {} are lost, and the recording says so: {}", stretch.first,
                       stretch.last, why),
           "What happened in that stretch is not known; that it happened is not hidden.");
}

bool PartReporter::is_declared(std::uint64_t sequence) const {
    return std::any_of(declared_.begin(), declared_.end(),
                       [&](const Stretch& stretch) { return stretch.holds(sequence); });
}

std::optional<std::uint64_t> PartReporter::first_undeclared(Stretch stretch) const {
    for (std::uint64_t at = stretch.first; at <= stretch.last;) {
        const auto holder = std::find_if(declared_.begin(), declared_.end(),
                                         [&](const Stretch& each) { return each.holds(at); });
        if (holder == declared_.end()) {
            return at;
        }
        if (holder->last >= stretch.last) {
            return std::nullopt;
        }
        at = holder->last + 1;
    }
    return std::nullopt;
}

void PartReporter::settle() {
    for (Suspicion& suspicion : suspicions_) {
        if (!is_declared(suspicion.sequence)) {
            findings_.add(std::move(suspicion.finding));
        }
    }
    suspicions_.clear();
}

}  // namespace narrows::evidence
