#include "review/findings.h"

#include <algorithm>

#include <fmt/format.h>

#include "review/words.h"

namespace narrows::review {

void Findings::add(const OperationView& operation) {
    const bool is_result = operation.outcome_kind == model::RecordKind::result;
    sealed_ += is_result && operation.outcome.is_null() ? 1 : 0;
    const codec::Value& observed = member(operation.outcome, "observed");
    const codec::List* list = member(observed, "findings").as<codec::List>();
    if (list == nullptr) {
        return;
    }
    const auto listed = static_cast<std::int64_t>(list->size());
    total_ +=
        static_cast<std::uint64_t>(std::max(listed, observed.number("findings_total", listed)));
    for (const codec::Value& each : *list) {
        if (kept_.size() < kFindingsKeptMax) {
            kept_.push_back({operation.part, operation.op, operation_name(operation.intent),
                             each.text("kind"), each.text("key_id"), each.number("at")});
        }
    }
}

codec::Value json_of(const Findings& findings) {
    codec::List list;
    for (const Findings::Finding& each : findings.kept()) {
        codec::Map entry{{"part", each.part.value()},
                         {"op", each.op.value()},
                         {"operation", each.operation},
                         {"kind", each.kind},
                         {"at", each.at}};
        if (!each.key_id.empty()) {
            entry.emplace("key_id", each.key_id);
        }
        list.emplace_back(std::move(entry));
    }
    return codec::Map{{"type", "findings"},
                      {"count", findings.total()},
                      {"sealed", findings.sealed()},
                      {"findings", std::move(list)}};
}

std::vector<std::string> lines_of(const Findings& findings) {
    std::vector<std::string> lines;
    lines.push_back(fmt::format("{} in its answers", findings.total()));
    for (const Findings::Finding& each : findings.kept()) {
        lines.push_back(fmt::format("#{} {}: {}{}{}, at byte {} of the answer", each.op.value(),
                                    each.operation, each.kind, each.key_id.empty() ? "" : " ",
                                    each.key_id, each.at));
    }
    if (findings.total() > findings.kept().size()) {
        lines.push_back(fmt::format("and {} more, which are counted and not listed",
                                    findings.total() - findings.kept().size()));
    }
    if (findings.sealed() > 0) {
        lines.push_back(
            fmt::format("not known of {} answers, which no key given here opens "
                        "(--key FILE)",
                        findings.sealed()));
    }
    return lines;
}

}  // namespace narrows::review
