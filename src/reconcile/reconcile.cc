#include "reconcile/reconcile.h"

#include "reconcile/events.h"
#include "reconcile/matcher.h"
#include "reconcile/records.h"
#include "reconcile/report.h"
#include "reconcile/state.h"
#include "reconcile/trail_reader.h"

namespace narrows::reconcile {
namespace {

Result<std::set<std::string>> principals_of(const std::set<std::string>& arns) {
    std::set<std::string> out;
    for (const std::string& arn : arns) {
        const std::string principal = principal_of(arn);
        if (principal.empty()) {
            return fail(ErrorCode::invalid, arn + " is no ARN of a role or user");
        }
        out.insert(principal);
    }
    return out;
}

/// With those that an earlier run learned.
Result<std::set<std::string>> known_gateways(Database& state, const Options& options) {
    NARROWS_TRY(std::set<std::string> known, principals_of(options.gateways));
    Query query = state.prepare("SELECT name FROM principal WHERE why = 'gateway'");
    NARROWS_TRY(query.begin());
    for (;;) {
        NARROWS_TRY(const bool row, query.next());
        if (!row) {
            return known;
        }
        known.insert(query.text(0));
    }
}

}  // namespace

const char* name_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::agreed:
            return "agreed";
        case Verdict::wanting:
            return "wanting";
        default:
            return "unknown";
    }
}

codec::Map Outcome::map() const {
    return {{"verdict", name_of(verdict)},
            {"trail", trail},
            {"from", rfc3339(from)},
            {"to", rfc3339(to)},
            {"operations", operations},
            {"events", events},
            {"matched", matched},
            {"bypasses", bypasses},
            {"missing", missing},
            {"differs", differs},
            {"pending", pending},
            {"not_covered", not_covered},
            {"trail_findings", trail_findings},
            {"open", codec::List(open.begin(), open.end())}};
}

Result<Outcome> reconcile(const review::Source& source, const archive::Away& away, Trail& trail,
                          const Options& options,
                          const std::function<void(const codec::Map&)>& tell) {
    NARROWS_TRY(Database state, Database::open(options.state));
    if (options.progress) {
        options.progress("the recordings");
    }
    NARROWS_TRY(const RecordsRead read, read_records(source, state));
    NARROWS_TRY(std::set<std::string> gateways, known_gateways(state, options));
    Matcher matcher(state, std::move(gateways), options.own);
    TrailReader reader(state, trail, options.keys, {options.again, options.progress});
    NARROWS_TRY(matcher.retry_strays());
    NARROWS_TRY(reader.read_digests());
    NARROWS_TRY(reader.learn_gateway(matcher));
    if (read.news != 0) {
        NARROWS_TRY(reader.look_again(read.news));
    }
    NARROWS_TRY(reader.read_logs(matcher));
    NARROWS_TRY(reader.check_files());
    Report report(state, options, read, away.segments != 0, tell);
    return report.make(trail.name());
}

}  // namespace narrows::reconcile
