#include "reconcile/report.h"

#include <algorithm>

#include <fmt/format.h>

#include "reconcile/follower.h"

namespace narrows::reconcile {
namespace {

using codec::Map;
using codec::Value;

/// A log that is older than the newest digest by this much is in some digest, or should not be.
constexpr std::int64_t kListedWithinNs = 2 * 3600 * kNsPerSecond;
/// Digests come every hour, and the newest of a copy has no signature: what is younger than the
/// last proven one by more than this was cut off from its digests.
constexpr std::int64_t kUnprovenWithinNs = 4 * 3600 * kNsPerSecond;
/// CloudTrail delivers within minutes; a trail that ends earlier than this is old, or cut.
constexpr std::int64_t kLateNs = 24 * 3600 * kNsPerSecond;
/// Names of logs tell the minute of their delivery.
constexpr std::int64_t kNameMinuteNs = 60 * kNsPerSecond;
constexpr int kTooMany = 429;
constexpr int kServerFailed = 500;

std::string operation_id(std::int64_t part, std::int64_t op) {
    return fmt::format("{}/{}", part, op);
}

}  // namespace

Report::Report(Database& state, const Options& options, const RecordsRead& read, bool is_archived,
               const std::function<void(const Map&)>& tell)
    : state_(state), options_(options), read_(read), is_archived_(is_archived), tell_(tell) {}

Result<Outcome> Report::make(const std::string& trail) {
    out_.trail = trail;
    NARROWS_TRY(read_stretches());
    NARROWS_TRY(absent_regions());
    NARROWS_TRY(trail_findings());
    NARROWS_TRY(missing_files());
    NARROWS_TRY(unlisted_files());
    NARROWS_TRY(strays());
    NARROWS_TRY(leaked_keys());
    NARROWS_TRY(differences());
    NARROWS_TRY(unmatched_operations());
    NARROWS_TRY(unmatched_credentials());
    NARROWS_TRY(consequences());
    NARROWS_TRY(lives());
    NARROWS_TRY(followed());
    NARROWS_TRY(not_followed());
    for (const auto& [what, count] : not_covered_) {
        tell_({{"type", "not_covered"},
               {"operation", what.first},
               {"count", count},
               {"why", what.second}});
    }
    NARROWS_TRY(unseen_regions());
    NARROWS_TRY(proofs());
    NARROWS_TRY(notes());
    questions();
    NARROWS_TRY(tallies());
    const bool wanting = out_.bypasses + out_.missing + out_.differs + out_.trail_findings > 0;
    out_.verdict = wanting             ? Verdict::wanting
                   : out_.open.empty() ? Verdict::agreed
                                       : Verdict::unknown;
    return std::move(out_);
}

void Report::finding(const char* kind, Map fields, std::string why) {
    fields["type"] = "finding";
    fields["kind"] = kind;
    fields["why"] = std::move(why);
    tell_(fields);
}

Result<std::int64_t> Report::count(const char* sql) const {
    Query query = state_.prepare(sql);
    NARROWS_TRY(query.begin());
    NARROWS_TRY(const bool row, query.next());
    return row ? query.number(0) : 0;
}

Result<std::set<std::string>> Report::texts(const char* sql) const {
    Query query = state_.prepare(sql);
    NARROWS_TRY(query.begin());
    std::set<std::string> out;
    for (;;) {
        NARROWS_TRY(const bool row, query.next());
        if (!row) {
            return out;
        }
        out.insert(query.text(0));
    }
}

Result<void> Report::read_stretches() {
    Query query = state_.prepare(
        "SELECT account, region, coalesce(min(starts), min(time)), max(time), max(ends) FROM file "
        "LEFT JOIN digest ON digest.key = file.key AND proof IN (1, 2) GROUP BY account, region");
    NARROWS_TRY(query.begin());
    for (;;) {
        NARROWS_TRY(const bool row, query.next());
        if (!row) {
            break;
        }
        const WallNs end = std::min(query.number(3), options_.now);
        // Where there are digests, a file that none of them proves makes the trail no longer.
        const WallNs proven = query.is_null(4) ? end : query.number(4) + kUnprovenWithinNs;
        const Stretch stretch{query.number(2), std::min(end, proven)};
        stretches_[{query.text(0), query.text(1)}] = stretch;
        out_.from = out_.from == 0 ? stretch.from : std::min(out_.from, stretch.from);
        out_.to = std::max(out_.to, stretch.to - options_.settle_ns);
    }
    out_.from = std::max(out_.from, read_.first);
    out_.to = std::max(out_.from, std::min(out_.to, read_.last));
    if (stretches_.empty()) {
        out_.open.push_back(
            "no file of a trail is there: the path leads to a folder in which, or "
            "below which, CloudTrail's AWSLogs stands");
    }
    return ok();
}

// ---- the trail's files

/// Regions that the trail is said to log, and has no file of.
Result<void> Report::absent_regions() {
    NARROWS_TRY(const auto accounts,
                texts("SELECT DISTINCT account FROM operation WHERE account <> ''"));
    for (const std::string& account : accounts) {
        for (const std::string& region : options_.regions) {
            if (!stretches_.contains({account, region})) {
                ++out_.trail_findings;
                finding("region-missing",
                        {{"file", fmt::format("AWSLogs/{}/CloudTrail/{}", account, region)},
                         {"account", account},
                         {"region", region}},
                        "the trail is said to log this region, and has no file of it");
            }
        }
    }
    return ok();
}

/// Regions in which operations are on record, of which the trail has no file. Digests of a trail
/// end in its home region, so one of another region tells that the trail should have them all:
/// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-digest-file-structure.html
Result<void> Report::unseen_regions() {
    NARROWS_TRY(const auto far_digests,
                count("SELECT count(*) FROM file WHERE is_digest AND substr(replace(chain, "
                      "'_backfill', ''), -length(region) - 1) <> '_' || region"));
    Query query = state_.prepare(
        "SELECT account, region, count(*), min(asked), max(asked) FROM operation WHERE status > 0 "
        "AND account <> '' AND NOT EXISTS (SELECT 1 FROM file WHERE file.account = "
        "operation.account AND "
        "file.region = operation.region) GROUP BY account, region ORDER BY account, region");
    NARROWS_TRY(query.begin());
    for (;;) {
        NARROWS_TRY(const bool row, query.next());
        if (!row) {
            return ok();
        }
        const std::string where = fmt::format("{} of account {}", query.text(1), query.text(0));
        tell_({{"type", "note"},
               {"what", "region"},
               {"account", query.text(0)},
               {"region", query.text(1)},
               {"count", query.number(2)},
               {"first", rfc3339(query.number(3))},
               {"last", rfc3339(query.number(4))},
               {"why", "operations are of " + where + ", of which the trail has no file at all"}});
        if (far_digests > 0) {
            out_.open.push_back(fmt::format(
                "the trail is of many regions, and has no file at all of {}, in which {} "
                "operations are on record: they were taken out, or it logs others since later",
                where, query.number(2)));
        }
    }
}

Result<void> Report::trail_findings() {
    Query query = state_.prepare("SELECT kind, file, why FROM finding ORDER BY kind, file");
    NARROWS_TRY(query.begin());
    for (;;) {
        NARROWS_TRY(const bool row, query.next());
        if (!row) {
            return ok();
        }
        if (query.text(0) == "log-events") {
            out_.open.push_back(query.text(1) + ": " + query.text(2));
            continue;
        }
        ++out_.trail_findings;
        finding(query.text(0).c_str(), {{"file", query.text(1)}}, query.text(2));
    }
}

Result<void> Report::missing_files() {
    Query query = state_.prepare(
        "SELECT listed.key, min(listed.digest) FROM listed LEFT JOIN file USING(key) "
        "WHERE file.key IS NULL OR (file.run = 0 AND file.is_read = 0) GROUP BY listed.key "
        "ORDER BY listed.key");
    NARROWS_TRY(query.begin());
    for (;;) {
        NARROWS_TRY(const bool row, query.next());
        if (!row) {
            return ok();
        }
        ++out_.trail_findings;
        finding("log-missing", {{"file", query.text(0)}},
                "the digest " + query.text(1) + " lists it, and it is not here");
    }
}

/// Only where digests reach: before the first and after the last of them nothing is said of logs.
Result<void> Report::unlisted_files() {
    Query query = state_.prepare(
        "SELECT log.key, bounds.newest FROM file AS log JOIN (SELECT account, region, min(starts) "
        "AS oldest, max(ends) AS newest FROM digest JOIN file USING(key) WHERE proof IN (1, 2) "
        "GROUP BY account, region) AS bounds ON bounds.account = log.account AND bounds.region = "
        "log.region WHERE log.is_digest = 0 AND NOT EXISTS (SELECT 1 FROM listed WHERE listed.key "
        "= log.key) AND log.time >= bounds.oldest AND log.time + ? <= bounds.newest ORDER BY "
        "log.key");
    NARROWS_TRY(query.begin(kListedWithinNs));
    for (;;) {
        NARROWS_TRY(const bool row, query.next());
        if (!row) {
            return ok();
        }
        ++out_.trail_findings;
        finding("log-unlisted", {{"file", query.text(0)}},
                "no digest lists it, though digests reach to " + rfc3339(query.number(1)));
    }
}

/// How far the trail is proven.
Result<void> Report::proofs() {
    NARROWS_TRY(const auto digests, count("SELECT count(*) FROM digest"));
    if (stretches_.empty()) {
        return ok();
    }
    NARROWS_TRY(const auto without_keys, count("SELECT count(*) FROM digest WHERE proof = 2"));
    NARROWS_TRY(const auto unsigned_inside,
                count("SELECT count(*) FROM digest AS d WHERE proof = 3 AND EXISTS (SELECT 1 FROM "
                      "digest WHERE chain = d.chain AND ends > d.ends)"));
    if (digests == 0) {
        out_.open.push_back(
            "the trail has no digest files, so nothing proves it: switch on log "
            "file validation");
        return ok();
    }
    if (without_keys > 0) {
        out_.open.push_back(
            fmt::format("the signatures of {} digests were not checked: give the "
                        "public keys (--public-keys)",
                        without_keys));
        return ok();
    }
    if (unsigned_inside > 0) {
        out_.open.push_back(
            fmt::format("{} digests have no signature that is known", unsigned_inside));
    }
    return unproven_logs();
}

/// Logs of which no proven digest lists the bytes that were read. That is as it should be for those
/// since the last digest.
Result<void> Report::unproven_logs() {
    Query query = state_.prepare(
        "WITH bounds AS (SELECT account, region, min(starts) AS oldest, max(ends) AS newest FROM "
        "digest JOIN file USING(key) WHERE proof = 1 GROUP BY account, region) "
        "SELECT CASE WHEN newest IS NULL OR log.time < oldest THEN 0 WHEN log.time > newest + ?1 "
        "THEN 1 WHEN EXISTS (SELECT 1 FROM listed WHERE key = log.key) AND log.time < newest - ?2 "
        "THEN 2 ELSE 3 END AS kind, count(*), max(newest) FROM file AS log LEFT JOIN bounds "
        "ON bounds.account = log.account AND bounds.region = log.region WHERE log.is_digest = 0 "
        "AND NOT EXISTS (SELECT 1 FROM listed JOIN digest ON digest.key = listed.digest WHERE "
        "listed.key = log.key AND listed.sha256 = log.sha256 AND proof = 1) AND NOT EXISTS "
        "(SELECT 1 FROM finding WHERE finding.file = log.key AND kind = 'log') GROUP BY 1");
    NARROWS_TRY(query.begin(kUnprovenWithinNs, kNameMinuteNs));
    for (;;) {
        NARROWS_TRY(const bool row, query.next());
        if (!row) {
            return ok();
        }
        const std::int64_t logs = query.number(1);
        switch (query.number(0)) {
            case 0:
                out_.open.push_back(
                    fmt::format("{} logs are older than the digests or of a region that "
                                "has none: nothing proves them",
                                logs));
                break;
            case 1:
                out_.open.push_back(
                    fmt::format("{} logs are younger than the digests that are proven, which end "
                                "at {}: nothing proves them, and nothing that none is missing",
                                logs, rfc3339(query.number(2))));
                break;
            case 2:
                out_.open.push_back(
                    fmt::format("{} logs are listed only by digests that are not proven", logs));
                break;
            default:
                tell_({{"type", "note"},
                       {"what", "unproven"},
                       {"count", logs},
                       {"why",
                        "logs are of after the last digest that is proven: the next "
                        "digests will tell"}});
        }
    }
}

// ---- calls without a record

Result<void> Report::strays() {
    Query query = state_.prepare(
        "SELECT id, name, time, account, region, principal, key_id, request_id, error, session, "
        "event.file, why, EXISTS (SELECT 1 FROM file JOIN listed ON listed.key = file.key AND "
        "listed.sha256 = file.sha256 JOIN digest ON digest.key = listed.digest AND proof = 1 "
        "WHERE file.key = event.file) FROM event WHERE class = 'stray' ORDER BY time, id");
    NARROWS_TRY(query.begin());
    const bool is_whole = read_.sealed == 0 && !is_archived_;
    std::uint64_t unexplained = 0;
    for (;;) {
        NARROWS_TRY(const bool row, query.next());
        if (!row) {
            break;
        }
        Map fields{{"event", query.text(0)},      {"operation", query.text(1)},
                   {"account", query.text(3)},    {"region", query.text(4)},
                   {"principal", query.text(5)},  {"key_id", query.text(6)},
                   {"request_id", query.text(7)}, {"error", query.text(8)},
                   {"session", query.text(9)},    {"file", query.text(10)}};
        fields["time"] = rfc3339(query.number(2));
        const bool is_proven = query.number(12) != 0;
        const std::string why =
            query.text(11) + (is_proven ? "" : "; nothing proves the file that it stands in");
        fields["proven"] = is_proven;
        const bool is_later = query.number(2) > read_.last + kNsPerSecond;
        if (is_whole && !is_later) {
            ++out_.bypasses;
            finding("bypass", std::move(fields), why);
            continue;
        }
        ++unexplained;
        fields["type"] = "unexplained";
        fields["why"] = is_later ? "it is younger than what is on record here"
                                 : why + "; but not all records could be read";
        tell_(fields);
    }
    if (unexplained > 0) {
        out_.open.push_back(
            fmt::format("{} events may be of records that are not here", unexplained));
    }
    return ok();
}

/// Calls by others with a key that a session saw; one finding a key.
Result<void> Report::leaked_keys() {
    Query query = state_.prepare(
        "SELECT key_id, principal, session, why, count(*), min(time), max(time), min(id), file "
        "FROM "
        "event WHERE class = 'leaked' GROUP BY key_id ORDER BY min(time)");
    NARROWS_TRY(query.begin());
    for (;;) {
        NARROWS_TRY(const bool row, query.next());
        if (!row) {
            return ok();
        }
        ++out_.bypasses;
        finding("leaked-key",
                {{"key_id", query.text(0)},
                 {"principal", query.text(1)},
                 {"session", query.text(2)},
                 {"count", query.number(4)},
                 {"first", rfc3339(query.number(5))},
                 {"last", rfc3339(query.number(6))},
                 {"event", query.text(7)},
                 {"file", query.text(8)}},
                query.text(3));
    }
}

// ---- what differs

Result<void> Report::differences() {
    Query query = state_.prepare(
        "SELECT part, op, session, service, operation.name, asked, request_id, difference.event, "
        "field, recorded, logged, difference.file FROM difference JOIN operation ON operation.id "
        "= difference.operation ORDER BY asked, operation.id, field");
    NARROWS_TRY(query.begin());
    Map fields;
    codec::List list;
    std::string words;
    const auto flush = [&] {
        if (!list.empty()) {
            ++out_.differs;
            fields["differences"] = std::exchange(list, {});
            finding("differs", std::exchange(fields, {}), std::exchange(words, {}));
        }
    };
    for (;;) {
        NARROWS_TRY(const bool row, query.next());
        if (!row) {
            break;
        }
        const std::string id = operation_id(query.number(0), query.number(1));
        if (!list.empty() && fields["record"] != Value(id)) {
            flush();
        }
        fields["record"] = id;
        fields["session"] = query.text(2);
        fields["operation"] = query.text(3) + ":" + query.text(4);
        fields["time"] = rfc3339(query.number(5));
        fields["request_id"] = query.text(6);
        fields["event"] = query.text(7);
        fields["file"] = query.text(11);
        list.push_back(
            Map{{"field", query.text(8)}, {"recorded", query.text(9)}, {"logged", query.text(10)}});
        words +=
            (words.empty() ? "" : "; ") + fmt::format("{} is {} on record and {} in the trail",
                                                      query.text(8), query.text(9), query.text(10));
    }
    flush();
    return ok();
}

// ---- records without a call

Result<void> Report::unmatched_operations() {
    Query query = state_.prepare(
        "SELECT part, op, session, service, name, account, region, root, is_write, asked, ended, "
        "status, request_id FROM operation WHERE event IS NULL ORDER BY asked, id");
    NARROWS_TRY(query.begin());
    for (;;) {
        NARROWS_TRY(const bool row, query.next());
        if (!row) {
            return ok();
        }
        const Unmatched call{query.text(3),   query.text(4),    query.text(5),
                             query.text(6),   query.text(7),    query.number(8) != 0,
                             query.number(9), query.number(10), query.number(11)};
        NARROWS_TRY(const Judged judged, judge(call));
        add_missing(call, judged,
                    {{"record", operation_id(query.number(0), query.number(1))},
                     {"session", query.text(2)},
                     {"request_id", query.text(12)}});
    }
}

/// The gateway's own AssumeRoles, which the CREDENTIAL records tell of.
Result<void> Report::unmatched_credentials() {
    Query query = state_.prepare(
        "SELECT part, session, account, region, time, request_id, key_id FROM credential WHERE "
        "event IS NULL AND request_id <> '' ORDER BY time, key_id");
    NARROWS_TRY(query.begin());
    for (;;) {
        NARROWS_TRY(const bool row, query.next());
        if (!row) {
            return ok();
        }
        const Unmatched call{"sts", "AssumeRole", query.text(2),   query.text(3),
                             "",    true,         query.number(4), query.number(4),
                             200};
        NARROWS_TRY(const Judged judged, judge(call));
        add_missing(call, judged,
                    {{"record", fmt::format("{}/credential", query.number(0))},
                     {"session", query.text(1)},
                     {"key_id", query.text(6)},
                     {"request_id", query.text(5)}});
    }
}

void Report::add_missing(const Unmatched& call, const Judged& judged, Map fields) {
    const std::string operation = call.service + ":" + call.name;
    if (judged.standing == Standing::not_covered) {
        ++out_.not_covered;
        ++not_covered_[{operation, judged.why}];
    } else if (judged.standing == Standing::pending) {
        ++out_.pending;
        late_ += call.asked < options_.now - kLateNs - options_.settle_ns ? 1 : 0;
    } else {
        ++out_.missing;
        fields["operation"] = operation;
        fields["time"] = rfc3339(call.asked);
        fields["account"] = call.account;
        fields["region"] = call.region;
        finding("missing", std::move(fields),
                "AWS answered it, and the trail, which covers it, has no event of it");
    }
}

Result<Report::Judged> Report::judge(const Unmatched& call) {
    const auto not_covered = [](std::string why) {
        return Judged{Standing::not_covered, std::move(why)};
    };
    if (call.status == 0) {
        return not_covered("no answer is on record: whether AWS had it is not known");
    }
    if (call.status == kTooMany || call.status >= kServerFailed) {
        return not_covered("AWS was overloaded or failed, which it does not always log");
    }
    const auto stretch = stretches_.find({call.account, call.region});
    if (stretch == stretches_.end()) {
        return not_covered(
            fmt::format("nothing of the trail is of account {} in {}", call.account, call.region));
    }
    if (call.asked < stretch->second.from) {
        return not_covered("the trail begins later");
    }
    const Logged logged = logged_as(call.service, call.name);
    if (logged == Logged::never) {
        return not_covered("CloudTrail does not log this service");
    }
    NARROWS_TRY(const bool shown, is_shown(call));
    if (!options_.covers.has(logged, call.service) && !shown) {
        return not_covered(logged == Logged::data
                               ? "a data event, which trails log only where they select it"
                               : "a management event, which --covers does not name");
    }
    const bool is_young =
        std::max(call.asked, call.ended) > stretch->second.to - options_.settle_ns;
    return Judged{is_young ? Standing::pending : Standing::missing, ""};
}

/// Whether the trail has shown an event of the same kind and resource before.
Result<bool> Report::is_shown(const Unmatched& call) {
    Query query = state_.prepare(
        "SELECT 1 FROM shown WHERE service = ? AND account = ? AND region = ? AND root = ? AND "
        "is_write = ? AND since <= ?");
    NARROWS_TRY(
        query.begin(call.service, call.account, call.region, call.root, call.is_write, call.asked));
    return query.next();
}

// ---- what else is to be said

Result<void> Report::consequences() {
    Query query = state_.prepare(
        "SELECT principal, name, why, session, count(*), min(time), max(time), min(id) FROM event "
        "WHERE class = 'consequence' AND why <> '' GROUP BY principal, name, why, session ORDER BY "
        "min(time)");
    NARROWS_TRY(query.begin());
    for (;;) {
        NARROWS_TRY(const bool row, query.next());
        if (!row) {
            return ok();
        }
        tell_({{"type", "consequence"},
               {"principal", query.text(0)},
               {"operation", query.text(1)},
               {"why", query.text(2)},
               {"session", query.text(3)},
               {"count", query.number(4)},
               {"first", rfc3339(query.number(5))},
               {"last", rfc3339(query.number(6))},
               {"event", query.text(7)}});
    }
}

/// When each thing that was made ended; which were not made by what they seemed to be made by: it
/// had not begun, or had ended, or somebody else had taken its name; and of which that is certain.
/// All of it may have been read after what it is about.
Result<void> Report::lives() {
    NARROWS_TRY(state_.execute(
        "UPDATE made SET ends = (SELECT min(ended.time + grace) FROM ended WHERE ended.actor = "
        "made.actor AND ended.region = made.region AND ended.time > made.since AND ended.record <> "
        "made.record AND NOT EXISTS (SELECT 1 FROM event WHERE id = ended.record AND class = "
        "'matched'))"));
    // An event that had no record, and has one now, is told as the operation.
    NARROWS_TRY(
        state_.execute("UPDATE made SET valid = NOT EXISTS (SELECT 1 FROM event WHERE id = "
                       "made.record AND class IN ('matched', 'more', 'shared')) WHERE depth = 0"));
    Query check = state_.prepare(
        "UPDATE made SET (valid, certain) = (SELECT count(*) > 0, coalesce(max(by.certain AND "
        "(link.rank <= 3 OR (own.made IS NOT NULL AND NOT by.shared))), 0) FROM made AS by "
        "LEFT JOIN link ON link.event = made.record AND link.made = by.id "
        "LEFT JOIN event ON event.id = made.record "
        "LEFT JOIN issued AS own ON own.key_id = event.key_id AND own.made = by.id "
        "LEFT JOIN issued AS others ON others.key_id = event.key_id AND others.made = 0 "
        "WHERE by.id = made.parent AND by.valid AND by.since <= made.since + ? AND "
        "(by.ends IS NULL OR made.since < by.ends OR own.time < by.ends) AND "
        "(link.rank <> 4 OR others.made IS NULL OR own.made IS NOT NULL)) WHERE depth = ?");
    for (std::int64_t depth = 1; depth <= Follower::kDepthMax; ++depth) {
        NARROWS_TRY(check.run(kSlackNs, depth));
    }
    return ok();
}

/// What acted that sessions made, each event by what it is best taken for: of that thing's time,
/// and not with credentials that somebody else was given under its name. Credentials that were
/// given to it in its time are its own, and outlast it.
Result<void> Report::followed() {
    Query query = state_.prepare(
        "WITH told AS (SELECT link.event, made.id AS made, issued.made AS given, "
        "min(link.rank, CASE WHEN issued.made = made.id AND NOT made.shared THEN 2 ELSE link.rank "
        "END) AS rank, "
        "made.since, max(event.time, made.since) AS at, issued.time AS issue, made.ends "
        "FROM link JOIN made ON made.id = link.made JOIN event ON event.id = link.event AND "
        "event.class = 'consequence' LEFT JOIN issued ON issued.key_id = event.key_id AND "
        "(issued.made = made.id OR issued.made = 0) WHERE made.valid), "
        "best AS (SELECT *, row_number() OVER (PARTITION BY event ORDER BY rank, since DESC) AS n "
        "FROM told WHERE (rank <> 4 OR given IS NULL OR given <> 0) AND "
        "(ends IS NULL OR at < ends OR (given = made AND issue < ends))) "
        "SELECT event.principal, event.name, made.what, made.name, made.session, made.root, "
        "made.story, made.certain AND rank <= 3 AS certain, count(*), min(time), max(time), "
        "min(event.id), made.record, made.passed, EXISTS (SELECT 1 FROM event AS root WHERE "
        "root.id = made.root AND root.class = 'stray') FROM best JOIN event ON event.id = "
        "best.event "
        "JOIN made ON "
        "made.id = best.made WHERE n = 1 GROUP BY event.principal, event.name, made.id, 8 "
        "ORDER BY min(time), min(event.id)");
    NARROWS_TRY(query.begin());
    for (;;) {
        NARROWS_TRY(const bool row, query.next());
        if (!row) {
            return ok();
        }
        const bool is_certain = query.number(7) != 0;
        tell_({{"type", "consequence"},
               {"by", query.number(14) != 0   ? "what a call without a record created"
                      : query.number(13) != 0 ? "a role that the session passed on"
                                              : "what the session created"},
               {"principal", query.text(0)},
               {"operation", query.text(1)},
               {"what", query.text(2)},
               {"resource", query.text(3)},
               {"session", query.text(4)},
               {"record", query.text(5)},
               {"certain", is_certain},
               {"made_in", query.text(12)},
               {"why", (is_certain ? "it acted: " : "it could be: ") + query.text(6)},
               {"count", query.number(8)},
               {"first", rfc3339(query.number(9))},
               {"last", rfc3339(query.number(10))},
               {"event", query.text(11)}});
    }
}

/// What acts in a way that no trail leads back from.
Result<void> Report::not_followed() {
    Query query = state_.prepare(
        "SELECT operation, why, session, count(*), min(record), record = ? FROM unfollowed WHERE "
        "NOT EXISTS (SELECT 1 FROM made WHERE made.record = unfollowed.record AND passed = 0) AND "
        "(sets_off = '' OR NOT EXISTS (SELECT 1 FROM made WHERE thing = sets_off AND valid)) "
        "GROUP BY operation, why, session ORDER BY 1, 2, 3");
    NARROWS_TRY(query.begin(kUnfollowedLimit));
    for (;;) {
        NARROWS_TRY(const bool row, query.next());
        if (!row) {
            return ok();
        }
        if (query.number(5) != 0) {
            out_.open.push_back("of what sessions made: " + query.text(1));
            continue;
        }
        tell_({{"type", "not_followed"},
               {"operation", query.text(0)},
               {"why", query.text(1)},
               {"session", query.text(2)},
               {"count", query.number(3)},
               {"record", query.text(4)}});
    }
}

Result<void> Report::notes() {
    Query query = state_.prepare(
        "SELECT class, count(*) FROM event WHERE class IN ('shared', 'more', 'own', 'before') "
        "GROUP BY class UNION ALL SELECT name, count FROM tally WHERE name IN ('duplicates', "
        "'ids') AND count > 0 ORDER BY 1");
    const std::map<std::string, std::string> words{
        {"shared", "events are the same call in another account's trail"},
        {"more", "events are further ones of a call that has one"},
        {"own",
         "events are the gateway's own: its buckets, its key, AssumeRoles that AWS refused, and "
         "those of `narrows connection check`"},
        {"before", "events of connections' roles are older than the recordings"},
        {"duplicates", "events came twice and were counted once"},
        {"ids", "events have the id of another one: each was taken by itself"}};
    NARROWS_TRY(query.begin());
    for (;;) {
        NARROWS_TRY(const bool row, query.next());
        if (!row) {
            break;
        }
        const std::string name = query.text(0);
        tell_({{"type", "note"},
               {"what", name},
               {"count", query.number(1)},
               {"why", words.at(name)}});
    }
    return ok();
}

/// Why the answer is not whole.
void Report::questions() {
    if (late_ > 0) {
        out_.open.push_back(
            fmt::format("{} operations are older than a day and younger than what "
                        "the trail shows: it is an old copy, or it was cut",
                        late_));
    }
    if (read_.sealed > 0) {
        out_.open.push_back(
            fmt::format("no key opens {} records, so that what stands in them "
                        "cannot be compared: give a reviewer's key (--key)",
                        read_.sealed));
    }
    if (is_archived_) {
        out_.open.push_back(
            "records were archived away from here: narrows recording restore "
            "brings them back");
    }
    if (read_.lost > 0) {
        out_.open.push_back(
            fmt::format("{} stretches of records are missing or cannot be read: narrows recording "
                        "verify says more",
                        read_.lost));
    }
}

Result<void> Report::tallies() {
    NARROWS_TRY(const auto events, count("SELECT count FROM tally WHERE name = 'events'"));
    NARROWS_TRY(const auto operations, count("SELECT count(*) FROM operation"));
    NARROWS_TRY(const auto matched,
                count("SELECT count(*) FROM operation WHERE event IS NOT NULL"));
    out_.events = static_cast<std::uint64_t>(events);
    out_.operations = static_cast<std::uint64_t>(operations);
    out_.matched = static_cast<std::uint64_t>(matched);
    return ok();
}

}  // namespace narrows::reconcile
