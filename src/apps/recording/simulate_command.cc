#include <fmt/format.h>
#include <fmt/ostream.h>

#include "apps/recording/scope_history.h"
#include "codec/json.h"
#include "codec/text.h"
#include "policy/simulate.h"

namespace narrows::apps {
namespace {

using policy::Change;

codec::Value decision_json(const model::Decision& decision) {
    return codec::Map{{"verdict", model::name_of(decision.verdict)},
                      {"reason", model::name_of(decision.reason)},
                      {"statement", decision.statement},
                      {"why", decision.why}};
}

void print_change(const policy::Past& past, const policy::Again& again, std::ostream& out) {
    codec::Map line{{"type", "operation"},
                    {"change", policy::name_of(again.change)},
                    {"session", past.session},
                    {"part", past.part},
                    {"operation", past.number},
                    {"connection", past.connection},
                    {"name", past.operation.service + ":" + past.operation.name},
                    {"action", again.now.action},
                    {"resource", again.now.resource},
                    {"was", decision_json(past.decided)},
                    {"now", decision_json(again.now)}};
    if (!again.missing.empty()) line["missing"] = again.missing;
    out << codec::json_encode(line) << "\n";
}

/// A few of each change of each action, for people.
class Examples {
  public:
    explicit Examples(std::size_t most) : most_(most) {}
    void add(const policy::Past& past, const policy::Again& again) {
        std::vector<std::string>& kept = kept_[{again.change, again.now.action}];
        if (kept.size() < most_) {
            kept.push_back(fmt::format("{}#{}: {}", past.session, past.number,
                                       again.missing.empty() ? again.now.why : again.missing));
        }
    }
    void print(Change change, const std::string& action, std::ostream& out) const {
        const auto found = kept_.find({change, action});
        if (found == kept_.end()) return;
        for (const std::string& each : found->second) {
            fmt::print(out, "      {}\n", codec::printable(each));
        }
    }

  private:
    std::size_t most_;
    std::map<std::pair<Change, std::string>, std::vector<std::string>> kept_;
};

codec::Map counts_json(const policy::Simulation::Counts& counts) {
    codec::Map line;
    for (std::size_t i = 0; i < policy::kChanges; ++i) {
        line[policy::name_of(static_cast<Change>(i))] = counts[i];
    }
    return line;
}

void print_totals_json(const policy::Simulation& simulation, const PastReport& report,
                       std::ostream& out) {
    for (const auto& [action, counts] : simulation.by_action()) {
        codec::Map line = counts_json(counts);
        line["type"] = "action";
        line["action"] = action;
        out << codec::json_encode(line) << "\n";
    }
    codec::Map line = counts_json(simulation.total());
    const std::vector<std::string> sentences = unseen(report);
    line["type"] = "summary";
    line["operations"] = report.operations;
    line["sessions"] = std::uint64_t{report.sessions.size()};
    line["unseen"] = codec::List(sentences.begin(), sentences.end());
    out << codec::json_encode(line) << "\n";
}

void print_totals(const policy::Simulation& simulation, const Examples& examples,
                  const PastReport& report, std::ostream& out) {
    for (const auto& [action, counts] : simulation.by_action()) {
        for (const Change change : {Change::denied, Change::allowed, Change::undecidable}) {
            const std::uint64_t count = counts[static_cast<std::size_t>(change)];
            if (count == 0) continue;
            fmt::print(out, "{:>6} {:<18} {}\n", count, policy::name_of(change),
                       codec::printable(action));
            examples.print(change, action, out);
        }
    }
    const policy::Simulation::Counts total = simulation.total();
    fmt::print(out, "{} operations of {} sessions:", report.operations, report.sessions.size());
    for (std::size_t i = 0; i < policy::kChanges; ++i) {
        fmt::print(out, "{} {} {}", i == 0 ? "" : ",", total[i],
                   policy::name_of(static_cast<Change>(i)));
    }
    fmt::print(out, "\n");
    for (const std::string& each : unseen(report)) fmt::print(out, "  {}\n", each);
}

Result<int> simulate(const ScopeHistoryOptions& options, std::ostream& out) {
    NARROWS_TRY(const Bytes text, io::read_all(io::posix(), options.scope, policy::kScopeBytesMax));
    NARROWS_TRY(const policy::Scope scope, policy::Scope::parse(as_text(text)));
    NARROWS_TRY(const PastFilter filter, filter_of(options));
    NARROWS_TRY(const Opened recordings, open_recordings(options.from));
    policy::Simulation simulation;
    Examples examples(options.examples);
    Enforcement enforcement(scope);
    const auto take = [&](const policy::Past& past) -> Result<void> {
        const policy::Again again = policy::decide_again(scope, past, enforcement.of(past));
        simulation.add(again);
        if (again.change == Change::none) return ok();
        examples.add(past, again);
        if (options.from.json) print_change(past, again, out);
        return ok();
    };
    NARROWS_TRY(const PastReport report, read_past(recordings, filter, take));
    if (options.from.json) {
        print_totals_json(simulation, report, out);
    } else {
        print_totals(simulation, examples, report, out);
    }
    const policy::Simulation::Counts total = simulation.total();
    const auto count = [&](Change change) { return total[static_cast<std::size_t>(change)]; };
    if (count(Change::denied) + count(Change::allowed) > 0) return kExitWanting;
    const bool all_told = count(Change::undecidable) == 0 && unseen(report).empty();
    return all_told ? kExitHeld : kExitCannotTell;
}

}  // namespace

int run_scope_simulate(const ScopeHistoryOptions& options, std::ostream& out, std::ostream& err) {
    const Result<int> done = simulate(options, out);
    return done ? done.value() : failed(done.error(), err);
}

}  // namespace narrows::apps
