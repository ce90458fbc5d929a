#include "reconcile/follower.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "codec/text.h"
#include "reconcile/actors.h"
#include "reconcile/coverage.h"

namespace narrows::reconcile {
namespace {

/// A function that is under way goes on for at most this long when it is deleted:
/// https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html
constexpr std::int64_t kGraceNs = 15 * 60 * kNsPerSecond;
constexpr const char* kNoWayBack =
    "no name in the trail leads back from what it starts; calls of the role that it was given are "
    "told as the role's";
constexpr const char* kThereBefore =
    "it sets off what was there before, or what was not seen being made: in which role that acts "
    "is not known here";
constexpr const char* kNobody =
    "it lets in nobody by a provider of web identities: whom else it lets in is not followed";
constexpr const char* kNoRole =
    "it names no role: what acts for it acts in the session's own name, or in a role that it had "
    "before";
constexpr const char* kNoNames = "neither its answer on record nor the trail tells what it made";
constexpr const char* kMadeRow =
    "SELECT id, giver, name, what, region, role, session, root, story, depth, certain, passed, "
    "shared, since FROM made WHERE ";

std::string service_label(std::string_view source) {
    return std::string(source.substr(0, source.find('.')));
}

/// Whether an event's word for a service is that service.
bool is_service(std::string_view by, std::string_view service) {
    return !service.empty() && plain_service(by) == service;
}

/// Whether it is an ARN of the same kind of thing, whichever.
bool is_kind_of(std::string_view arn, std::string_view what) {
    const std::string kind = ":" + std::string(what);
    return arn.find(kind + ":") != arn.npos || arn.find(kind + "/") != arn.npos;
}

/// "arn:aws:lambda:us-east-1:123456789012:function:f" of "f".
bool is_arn_of(std::string_view arn, std::string_view name, std::string_view region,
               std::string_view account) {
    const auto fields = codec::split(arn, ':');
    const std::string_view before = arn.substr(0, arn.size() - std::min(arn.size(), name.size()));
    return fields.size() >= 6 && fields[4] == account && (region.empty() || fields[3] == region) &&
           arn.ends_with(name) && (before.ends_with(':') || before.ends_with('/'));
}

/// "training job" and "training-job", "state machine" and "stateMachine".
std::string plain_word(std::string_view word) {
    std::string out = codec::lower(word);
    std::erase_if(out, [](char c) { return c == ' ' || c == '-'; });
    return out;
}

/// What the ARN of such a thing in that account may call it: "m" of ":stateMachine:m", "s" and more
/// of ":stack/s/0f1e", "g/x" and "x" of ":schedule/g/x"; nothing if it is of something else.
std::vector<std::string> names_in(std::string_view arn, std::string_view what,
                                  std::string_view account) {
    const auto fields = codec::split(arn, ':');
    if (fields.size() < 6 || fields[4] != account) {
        return {};
    }
    const std::string_view rest =
        arn.substr(static_cast<std::size_t>(fields[5].data() - arn.data()));
    const std::size_t end = rest.find_first_of(":/");
    if (end == rest.npos || plain_word(rest.substr(0, end)) != plain_word(what)) {
        return {};
    }
    const std::string_view name = rest.substr(end + 1);
    return {std::string(name), std::string(name.substr(0, name.find_first_of(":/"))),
            std::string(name.substr(name.rfind('/') + 1))};
}

}  // namespace

Making making_of(const Event& event) {
    return {service_label(event.source),
            std::string(plain_event_name(event.name)),
            caller_account(event),
            event.region,
            event.parameters,
            event.response};
}

Follower::Follower(Database& state, std::int64_t made_max)
    : made_max_(made_max),
      state_(state),
      add_(state.prepare("INSERT OR IGNORE INTO made(actor, what, name, giver, region, role, "
                         "session, record, root, story, parent, depth, certain, passed, shared, "
                         "since, thing, valid) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,1)")),
      of_actor_(state.prepare(
          (std::string(kMadeRow) + "actor = ? AND since <= ? ORDER BY since DESC LIMIT 8")
              .c_str())),
      of_id_(state.prepare((std::string(kMadeRow) + "id = ?").c_str())),
      of_key_(state.prepare((std::string(kMadeRow) + "id IN (SELECT made FROM issued WHERE "
                                                     "key_id = ? AND made <> 0)")
                                .c_str())),
      passed_(state.prepare(
          "SELECT 1 FROM made WHERE actor = ? AND session = ? AND passed = 1 LIMIT 1")),
      known_(state.prepare("SELECT 1 FROM made WHERE actor = ? LIMIT 1")),
      end_(state.prepare("INSERT OR IGNORE INTO ended VALUES(?,?,?,?,?)")),
      issue_(state.prepare("INSERT OR IGNORE INTO issued VALUES(?,?,?)")),
      link_(state.prepare("INSERT OR IGNORE INTO link VALUES(?,?,?)")),
      lose_(state.prepare("INSERT OR IGNORE INTO unfollowed VALUES(?,?,?,?,?)")) {
    Query count = state.prepare("SELECT count(*) FROM made");
    const auto counted = count.next();
    count_ = counted.has_value() && counted.value() ? count.number(0) : 0;
}

Follower::Row Follower::row_of(const Query& query) {
    Row row;
    row.id = query.number(0);
    row.giver = query.text(1);
    row.name = query.text(2);
    row.what = query.text(3);
    row.region = query.text(4);
    row.role = query.text(5);
    row.session = query.text(6);
    row.root = query.text(7);
    row.story = query.text(8);
    row.depth = query.number(9);
    row.is_certain = query.number(10) != 0;
    row.is_passed = query.number(11) != 0;
    row.is_shared = query.number(12) != 0;
    row.since = query.number(13);
    return row;
}

/// Of a query that has begun.
template <class Take>
Result<void> Follower::each_row(Query& query, const Take& take) {
    for (;;) {
        NARROWS_TRY(const bool found, query.next());
        if (!found) {
            return ok();
        }
        NARROWS_TRY(take(row_of(query)));
    }
}

Result<void> Follower::make(const Making& making, const Origin& origin, const std::string& why) {
    if (makes_unnamed(making.service, making.operation)) {
        return lose(making, origin, sets_off(making).empty() ? kNoWayBack : kThereBefore);
    }
    if (!is_maker(making.service, making.operation)) {
        return ok();
    }
    const std::vector<Made> made = made_by(making);
    if (made.empty()) {
        return lose_unnamed(making, origin, why);
    }
    if (made.size() >= kMadeByOneMax) {
        return full();
    }
    for (const Made& each : made) {
        NARROWS_TRY(add(each, origin, false));
        // Some requests name it by a name that says no account to whoever decides on them.
        if (each.is_shared && !each.role.empty() && origin.parent == 0) {
            NARROWS_TRY(pass(each.role, origin));
        }
    }
    return ok();
}

Result<void> Follower::lose_unnamed(const Making& making, const Origin& origin,
                                    const std::string& why) {
    switch (without_role(making.service, making.operation)) {
        case Without::acts_in_none:
            return ok();
        case Without::in_callers_name:
            return lose(making, origin, kNoRole);
        case Without::lets_nobody_in:
            return lose(making, origin, kNobody);
        default:
            return lose(making, origin, why.empty() ? kNoNames : why);
    }
}

Result<void> Follower::pass(const std::string& role, const Origin& origin) {
    NARROWS_TRY(passed_.begin(role, origin.session));
    NARROWS_TRY(const bool is_known, passed_.next());
    passed_.reset();
    if (is_known) {
        return ok();
    }
    const Made passed{.what = "role",
                      .name = role.substr(role.rfind('/') + 1),
                      .verb = "passed on",
                      .actor = role};
    return add(passed, origin, true);
}

Result<void> Follower::add(const Made& made, const Origin& origin, bool is_passed) {
    Row parent;
    if (origin.parent != 0) {
        NARROWS_TRY(of_id_.begin(origin.parent));
        NARROWS_TRY(const bool found, of_id_.next());
        parent = found ? row_of(of_id_) : Row();
        of_id_.reset();
    }
    const std::int64_t depth = origin.parent == 0 ? 0 : parent.depth + 1;
    if (count_ >= made_max_ || depth > kDepthMax) {
        return full();
    }
    const std::string by = origin.by.empty() ? "the session" : origin.by;
    const std::string story =
        origin.parent == 0
            ? fmt::format("{} {}, which {} {} in {} {}", made.what, made.name, by, made.verb,
                          origin.by.empty() ? "operation" : "event", origin.record)
            : fmt::format("{} {}, which was {} in event {} by {}", made.what, made.name, made.verb,
                          origin.record, parent.story);
    NARROWS_TRY(add_.run(
        made.actor, made.what, made.name, made.giver, made.region, made.role, origin.session,
        origin.record, origin.parent == 0 ? origin.record : parent.root, story, origin.parent,
        depth, origin.is_certain, is_passed, made.is_shared, origin.since, made.thing));
    if (state_.changed() > 0) {
        ++count_;
        news_ = news_ == 0 ? origin.since : std::min(news_, origin.since);
    }
    return ok();
}

Result<void> Follower::lose(const Making& making, const Origin& origin, const std::string& why) {
    return lose_.run(origin.record, making.service + ":" + making.operation, origin.session, why,
                     sets_off(making));
}

Result<void> Follower::full() {
    return lose_.run(
        kUnfollowedLimit, "", "",
        fmt::format("there are more than {} things, or {} of one operation, or chains of "
                    "more than {}: what came after is not followed",
                    made_max_, kMadeByOneMax, kDepthMax),
        "");
}

Result<void> Follower::end(const Making& making, WallNs time, const std::string& record) {
    for (const Made& each : ended_by(making)) {
        NARROWS_TRY(end_.run(each.actor, each.region, time, kGraceNs, record));
    }
    for (const Made& each : made_by(making)) {
        if (each.verb == "created" && !each.is_shared) {
            NARROWS_TRY(end_.run(each.actor, each.region, time, 0, record));
        }
    }
    return ok();
}

Result<bool> Follower::is_known(const std::string& actor) {
    NARROWS_TRY(known_.begin(actor));
    NARROWS_TRY(const bool found, known_.next());
    known_.reset();
    return found;
}

Result<void> Follower::note(const Event& event) {
    if (!event.error.empty() || count_ == 0) {
        return ok();
    }
    if (!event.assumed.empty()) {
        return note_issue(event);
    }
    const Making making = making_of(event);
    const bool ends = is_ender(making.service, making.operation);
    if (!ends && !is_maker(making.service, making.operation)) {
        return ok();
    }
    for (const Made& each : ends ? ended_by(making) : made_by(making)) {
        NARROWS_TRY(const bool known, is_known(each.actor));
        if (known && (ends || (each.verb == "created" && !each.is_shared))) {
            NARROWS_TRY(end_.run(each.actor, each.region, event.time,
                                 ends ? kGraceNs : std::int64_t{0}, event.id));
        }
    }
    return ok();
}

Result<void> Follower::note_issue(const Event& event) {
    const auto keys = texts_at(event.response, "credentials.accessKeyId");
    if (keys.empty()) {
        return ok();
    }
    NARROWS_TRY(issue_to_named(event, keys.front()));
    for (const std::string& actor : receivers_of(event)) {
        NARROWS_TRY(issue_to(event, actor, keys.front()));
    }
    return ok();
}

/// Credentials that were given out under a name that something followed has: by the service that
/// gives it its own, or by somebody else. That the service gave them out under a name that many
/// have says nothing.
Result<void> Follower::issue_to_named(const Event& event, const std::string& key) {
    const std::string account = event.assumed.substr(0, event.assumed.find(':'));
    const auto names = texts_at(event.parameters, "roleSessionName");
    if (names.empty()) {
        return ok();
    }
    NARROWS_TRY(of_actor_.begin(session_actor(account, names.front()), event.time + kSlackNs));
    return each_row(of_actor_, [&](const Row& row) -> Result<void> {
        const bool is_own = event.is_service && is_service(event.invoked_by, row.giver) &&
                            (row.role.empty() || row.role == event.assumed);
        // Functions of other regions may have the same name, and the same role.
        const bool is_elsewhere = !row.region.empty() && row.region != event.region;
        if (!is_own || (!row.is_shared && !is_elsewhere)) {
            NARROWS_TRY(issue_.run(key, is_own ? row.id : std::int64_t{0}, event.time));
        }
        return ok();
    });
}

/// Their sessions have names that nobody knows before: the key is what they are known by.
Result<void> Follower::issue_to(const Event& event, const std::string& actor,
                                const std::string& key) {
    NARROWS_TRY(of_actor_.begin(actor, event.time + kSlackNs));
    return each_row(of_actor_, [&](const Row& row) -> Result<void> {
        NARROWS_TRY(issue_.run(key, row.id, event.time));
        const bool is_new = state_.changed() > 0;
        news_ = !is_new ? news_ : news_ == 0 ? event.time : std::min(news_, event.time);
        return ok();
    });
}

std::int64_t Follower::rank_of(const Event& event, const std::string& actor, const Row& row) {
    if (row.giver.empty()) {
        return actor.starts_with("key/") ? by_key : row.is_passed ? by_role : by_origin;
    }
    if (is_tag_actor(actor)) {
        return is_service(event.invoked_by, row.giver) ? std::int64_t{by_proof} : 0;
    }
    if (!row.role.empty() && row.role != event.principal) {
        return 0;
    }
    if (row.is_shared) {
        const auto names = names_in(event.source_arn, row.what, caller_account(event));
        const bool is_named = std::find(names.begin(), names.end(), row.name) != names.end();
        return is_named ? by_proof : names.empty() ? std::int64_t{by_name} : 0;
    }
    if (is_kind_of(event.issued_to, row.what)) {
        return is_arn_of(event.issued_to, row.name, row.region, caller_account(event)) ? by_proof
                                                                                       : 0;
    }
    return event.is_instance && row.what == "instance" ? by_proof : by_name;
}

Result<void> Follower::candidates(const Event& event, const std::string& actor, Followed& best) {
    NARROWS_TRY(of_actor_.begin(actor, event.time + kSlackNs));
    return each_row(of_actor_, [&](const Row& row) {
        const std::int64_t rank = rank_of(event, actor, row);
        return rank == 0 ? ok() : link(event, row, static_cast<Rank>(rank), best);
    });
}

/// By a key that was given out to it; or that may have been to another of its kind.
Result<void> Follower::issued(const Event& event, Followed& best) {
    NARROWS_TRY(of_key_.begin(event.key_id));
    return each_row(of_key_, [&](const Row& row) {
        const std::int64_t rank = row.is_shared ? rank_of(event, "", row) : std::int64_t{by_proof};
        return rank == 0 ? ok() : link(event, row, static_cast<Rank>(rank), best);
    });
}

/// The first rank of a thing is its best: they are looked for in this order.
Result<void> Follower::link(const Event& event, const Row& row, Rank rank, Followed& best) {
    NARROWS_TRY(link_.run(event.id, row.id, static_cast<std::int64_t>(rank)));
    if (best.made == 0 || rank < best.rank) {
        best = {row.id, rank, row.is_certain && rank <= by_origin, row.session, row.story};
    }
    return ok();
}

Result<Follower::Followed> Follower::follow(const Event& event) {
    Followed best;
    if (count_ == 0) {
        return best;
    }
    if (!event.key_id.empty()) {
        NARROWS_TRY(candidates(event, key_actor(event.key_id), best));
        NARROWS_TRY(issued(event, best));
    }
    if (!event.session_name.empty() && !event.principal.empty()) {
        NARROWS_TRY(
            candidates(event, session_actor(caller_account(event), event.session_name), best));
    }
    if (!event.principal.empty() && !event.invoked_by.empty()) {
        const std::string_view by = plain_service(event.invoked_by);
        NARROWS_TRY(candidates(event, service_actor(event.principal, by), best));
    }
    for (const std::string& actor : tag_actors_of(event)) {
        NARROWS_TRY(candidates(event, actor, best));
    }
    if (!event.principal.empty()) {
        NARROWS_TRY(candidates(event, event.principal, best));
    }
    // A role that was passed on may be shared: what it makes is not the session's doing.
    if (best.made != 0 && best.rank != by_role && event.error.empty()) {
        const Origin origin{.session = best.session,
                            .record = event.id,
                            .since = event.time,
                            .parent = best.made,
                            .is_certain = best.is_certain};
        NARROWS_TRY(make(making_of(event), origin, ""));
    }
    return best;
}

WallNs Follower::take_news() {
    return std::exchange(news_, 0);
}

}  // namespace narrows::reconcile
