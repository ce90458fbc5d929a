#include "reconcile/matcher.h"

#include <algorithm>
#include <array>

#include "codec/json.h"
#include "codec/text.h"
#include "crypto/hash.h"

namespace narrows::reconcile {
namespace {

/// See Difference: an event of another operation differs in nothing else.
constexpr const char* kOtherOperation = "operation";
constexpr const char* kAnothers = "another's";
constexpr std::int64_t kLongestNs = 24 * 3600 * kNsPerSecond;  ///< of one operation
/// As `narrows connection check` names itself (apps/client/connection_terms.cc).
constexpr std::string_view kConnectionCheck = "connection-check";

/// What the gateway does with its buckets (gateway/s3_store.cc) and its KMS key.
constexpr std::array kOwnCalls = std::to_array<std::string_view>(
    {"s3:AbortMultipartUpload", "s3:CompleteMultipartUpload", "s3:CreateMultipartUpload",
     "s3:GetObject", "s3:HeadObject", "s3:ListObjectVersions", "s3:ListObjects", "s3:PutObject",
     "s3:UploadPart", "kms:DescribeKey", "kms:GetPublicKey", "kms:Sign"});

/// Not the console, which is a person:
/// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference.html
bool is_of_service(std::string_view by) {
    const bool is_service = by.ends_with(".amazonaws.com") || by.ends_with(".amazonaws.com.cn");
    return (is_service && !by.starts_with("signin.")) || by == "AWS Internal";
}

/// An id of its own, for an event under whose id another one is known.
Event with_own_id(Event event, std::string_view text) {
    event.id += "~" + codec::hex(crypto::sha256(text)).substr(0, 16);
    return event;
}

std::string call_words(const Event& event) {
    return event.source.substr(0, event.source.find('.')) + ":" + event.name;
}

}  // namespace

Matcher::Matcher(Database& state, std::set<std::string> gateways, std::set<std::string> own)
    : state_(state),
      gateways_(std::move(gateways)),
      own_(std::move(own)),
      follower_(state),
      seen_(state.prepare("SELECT class, name, time, account, region, principal, key_id, "
                          "request_id, error FROM event WHERE id = ?")),
      keep_(state.prepare("INSERT OR IGNORE INTO event VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?)")),
      by_request_(state.prepare(
          "SELECT id, service, name, account, region, key_id, status, parameters, session, event, "
          "shared, part || '/' || op FROM operation WHERE request_id = ?")),
      by_key_(state.prepare(
          "SELECT id, service, name, account, region, key_id, status, parameters, session, event, "
          "shared, part || '/' || op FROM operation WHERE session = ? AND asked BETWEEN ? AND ? "
          "AND (length(request_id) = 0 OR attempts > 1) AND "
          "alike < max(attempts, 1) - (request_id <> '') AND "
          "(ended >= ? OR ended = 0) ORDER BY asked")),
      mark_(state.prepare("UPDATE operation SET event = ?, shared = ? WHERE id = ?")),
      alike_(state.prepare("UPDATE operation SET alike = alike + 1 WHERE id = ?")),
      settled_(state.prepare("DELETE FROM difference WHERE operation = ? AND field = ?")),
      demote_(state.prepare("UPDATE event SET class = 'more' WHERE id = ?")),
      mark_credential_(state.prepare("UPDATE credential SET event = ? WHERE request_id = ?")),
      difference_(state.prepare("INSERT OR IGNORE INTO difference VALUES(?,?,?,?,?,?)")),
      shown_(state.prepare(
          "INSERT INTO shown SELECT service, account, region, root, is_write, asked FROM operation "
          "WHERE id = ? ON CONFLICT DO UPDATE SET since = min(since, excluded.since)")),
      credential_request_(
          state.prepare("SELECT session FROM credential WHERE request_id = ? LIMIT 1")),
      key_(state.prepare("SELECT session FROM credential WHERE key_id = ?")),
      name_(state.prepare("SELECT session FROM credential WHERE session_name = ? AND role = ? AND "
                          "time <= ? ORDER BY time DESC LIMIT 1")),
      name_elsewhere_(state.prepare(
          "SELECT credential.session FROM credential JOIN principal ON principal.name = role AND "
          "why = 'connection' WHERE session_name = ? AND role LIKE ? || ':%' AND time <= ? "
          "ORDER BY time DESC LIMIT 1")),
      identity_(state.prepare("SELECT 1 FROM source_identity WHERE name = ? AND since <= ?")),
      principal_(state.prepare("SELECT why, since FROM principal WHERE name = ?")),
      add_principal_(state.prepare(
          "INSERT OR IGNORE INTO principal(name, why, session, op, since) VALUES(?,?,'',0,0)")),
      leak_(state.prepare("SELECT part, op, session FROM leak WHERE key_id = ? AND since <= ?")),
      stray_(state.prepare("SELECT id, text, file FROM event WHERE class = 'stray' AND id > ? "
                           "ORDER BY id LIMIT 1")),
      forget_(state.prepare("DELETE FROM event WHERE id = ?")),
      tally_(state.prepare("INSERT INTO tally VALUES(?,?) ON CONFLICT(name) DO UPDATE SET "
                           "count = count + excluded.count")) {}

Result<void> Matcher::take(const Event& event, std::string_view text, const std::string& file,
                           bool is_new) {
    tallies_["events"] += is_new ? 1 : 0;
    NARROWS_TRY(const std::string kind, known(event));
    if (kind != kAnothers) {
        return take_one(event, kind, text, file, is_new);
    }
    tallies_["ids"] += is_new ? 1 : 0;
    const Event own = with_own_id(event, text);
    NARROWS_TRY(const std::string own_kind, known(own));
    return take_one(own, own_kind, text, file, is_new);
}

/// The class that it has; "" if it was not seen, kAnothers if it is another event that was seen
/// under its id: who writes files into a trail could hide one event behind another.
Result<std::string> Matcher::known(const Event& event) {
    NARROWS_TRY(seen_.begin(event.id));
    NARROWS_TRY(const bool is_known, seen_.next());
    if (!is_known) {
        return std::string();
    }
    const bool is_same = seen_.text(1) == call_words(event) && seen_.number(2) == event.time &&
                         seen_.text(3) == event.account && seen_.text(4) == event.region &&
                         seen_.text(5) == event.principal && seen_.text(6) == event.key_id &&
                         seen_.text(7) == event.request_id && seen_.text(8) == event.error;
    std::string kind = is_same ? seen_.text(0) : kAnothers;
    seen_.reset();
    return kind;
}

Result<void> Matcher::take_one(const Event& event, const std::string& kind, std::string_view text,
                               const std::string& file, bool is_new) {
    NARROWS_TRY(follower_.note(event));
    if (!kind.empty()) {
        tallies_["duplicates"] += is_new ? 1 : 0;
        const bool is_settled = kind == "matched" || kind == "shared" || kind == "more";
        if (is_new || is_settled) {
            return ok();
        }
        // What it is of may not have been known when it came.
        NARROWS_TRY(forget_.run(event.id));
    }
    NARROWS_TRY(const bool is_operations, by_request(event, file));
    if (is_operations) {
        return ok();
    }
    NARROWS_TRY(const bool assumed, by_credential_request(event, file));
    if (assumed) {
        return ok();
    }
    return by_principal(event, text, file);
}

/// A row of `operation` as both queries select it.
Result<Matcher::Found> Matcher::found_in(const Query& row) {
    Found of;
    of.operation = row.number(0);
    of.call.service = row.text(1);
    of.call.name = row.text(2);
    of.call.account = row.text(3);
    of.call.region = row.text(4);
    of.call.key_id = row.text(5);
    of.call.status = row.number(6);
    NARROWS_TRY(of.call.parameters, codec::json_decode(row.text(7)));
    of.session = row.text(8);
    of.event = row.text(9);
    of.shared = row.text(10);
    of.record = row.text(11);
    return of;
}

Result<bool> Matcher::by_request(const Event& event, const std::string& file) {
    if (event.request_id.empty()) {
        return false;
    }
    NARROWS_TRY(by_request_.begin(event.request_id));
    NARROWS_TRY(const bool found, by_request_.next());
    if (!found) {
        return false;
    }
    NARROWS_TRY(const Found of, found_in(by_request_));
    by_request_.reset();
    return join(event, file, of);
}

Result<bool> Matcher::join(const Event& event, const std::string& file, const Found& found) {
    const bool is_copy = !event.shared_id.empty() && event.shared_id == found.shared;
    const bool is_others =
        !found.call.key_id.empty() && !event.key_id.empty() && event.key_id != found.call.key_id;
    if (is_others && !is_copy) {
        return false;
    }
    if (is_copy && !found.event.empty()) {
        NARROWS_TRY(keep(event, "shared", found.session, file, ""));
        return true;
    }
    const std::vector<Difference> differences = compare(found.call, event);
    if (!found.event.empty()) {
        NARROWS_TRY(join_further(event, file, found, differences));
        return true;
    }
    NARROWS_TRY(differ(event, file, found, differences));
    NARROWS_TRY(mark(event, file, found));
    return true;
}

/// Of an operation that has an event. Which one comes first says nothing: one of another operation
/// is one an object, or of what it set off, and gives way to its own; of its own none may differ.
Result<void> Matcher::join_further(const Event& event, const std::string& file, const Found& found,
                                   const std::vector<Difference>& differences) {
    const bool is_another = !differences.empty() && differences.front().field == kOtherOperation;
    if (is_another) {
        return keep(event, "more", found.session, file, "");
    }
    NARROWS_TRY(settled_.run(found.operation, kOtherOperation));
    const bool is_first_another = state_.changed() > 0;
    NARROWS_TRY(differ(event, file, found, differences));
    if (!is_first_another) {
        return keep(event, "more", found.session, file, "");
    }
    NARROWS_TRY(demote_.run(found.event));
    return mark(event, file, found);
}

Result<void> Matcher::differ(const Event& event, const std::string& file, const Found& found,
                             const std::vector<Difference>& differences) {
    for (const Difference& each : differences) {
        NARROWS_TRY(difference_.run(found.operation, event.id, each.field, each.recorded,
                                    each.logged, file));
    }
    return ok();
}

Result<void> Matcher::mark(const Event& event, const std::string& file, const Found& found) {
    NARROWS_TRY(mark_.run(event.id, event.shared_id, found.operation));
    if (event.is_data) {
        NARROWS_TRY(shown_.run(found.operation));
    }
    // What a session's own AssumeRole gave out has a CREDENTIAL record.
    if (event.error.empty() && event.assumed.empty()) {
        NARROWS_TRY(follower_.make(
            making_of(event),
            {.session = found.session, .record = found.record, .since = event.time}, ""));
    }
    return keep(event, "matched", found.session, file, "");
}

Result<bool> Matcher::by_credential_request(const Event& event, const std::string& file) {
    if (event.request_id.empty() || event.assumed.empty()) {
        return false;
    }
    NARROWS_TRY(credential_request_.begin(event.request_id));
    NARROWS_TRY(const bool found, credential_request_.next());
    if (!found) {
        return false;
    }
    const std::string session = credential_request_.text(0);
    credential_request_.reset();
    NARROWS_TRY(mark_credential_.run(event.id, event.request_id));
    NARROWS_TRY(keep(event, "matched", session, file, ""));
    return true;
}

/// Of an operation whose request id is not on record: one of the same session, under way at that
/// time, in which nothing differs.
Result<bool> Matcher::by_likeness(const Event& event, const std::string& file,
                                  const std::string& session) {
    NARROWS_TRY(by_key_.begin(session, event.time - kLongestNs, event.time + kSlackNs,
                              event.time - kSlackNs));
    for (;;) {
        NARROWS_TRY(const bool found, by_key_.next());
        if (!found) {
            return false;
        }
        NARROWS_TRY(const Found of, found_in(by_key_));
        if (compare(of.call, event).empty()) {
            by_key_.reset();
            NARROWS_TRY(alike_.run(of.operation));
            if (of.event.empty()) {
                return join(event, file, of);
            }
            NARROWS_TRY(keep(event, "more", of.session, file, ""));
            return true;
        }
    }
}

/// A service in the session's name: what it makes there is the session's doing too.
Result<bool> Matcher::by_service(const Event& event, const std::string& file,
                                 const std::string& session) {
    if (!is_of_service(event.invoked_by)) {
        return false;
    }
    NARROWS_TRY(keep(event, "consequence", session, file,
                     event.invoked_by + (session.empty() ? " acted in the gateway's name"
                                                         : " acted in the session's name")));
    if (event.error.empty() && !session.empty()) {
        NARROWS_TRY(follower_.make(making_of(event),
                                   {.session = session,
                                    .record = event.id,
                                    .since = event.time,
                                    .by = event.invoked_by + " in the session's name"},
                                   ""));
    }
    return true;
}

/// What no record is of by its request id: whose is it?
Result<void> Matcher::by_principal(const Event& event, std::string_view text,
                                   const std::string& file) {
    NARROWS_TRY(const std::string by_key, session_of_key(event.key_id));
    NARROWS_TRY(const std::string by_name, session_of_name(event));
    const std::string session = by_key.empty() ? by_name : by_key;
    if (!session.empty() || gateways_.contains(event.principal)) {
        NARROWS_TRY(const bool done, by_service(event, file, session));
        if (done) {
            return ok();
        }
    }
    if (session.empty()) {
        return by_standing(event, text, file);
    }
    NARROWS_TRY(const bool joined, by_likeness(event, file, session));
    if (joined) {
        return ok();
    }
    NARROWS_TRY(follow_stray(event, session));
    return keep(event, "stray", session, file,
                by_key.empty() ? "it was made as this session, and no record is of it"
                               : "it was signed with this session's key, and no record is of it",
                text);
}

/// What a call without a record made acts from now on, as what one on record made does.
Result<void> Matcher::follow_stray(const Event& event, const std::string& session) {
    if (!event.error.empty()) {
        return ok();
    }
    return follower_.make(making_of(event),
                          {.session = session,
                           .record = event.id,
                           .since = event.time,
                           .by = "a call without a record"},
                          "");
}

/// What is of no session by key or name: of a role, an identity that only sessions, or the gateway,
/// should have?
Result<void> Matcher::by_standing(const Event& event, std::string_view text,
                                  const std::string& file) {
    NARROWS_TRY(const Principal who, principal(event.principal));
    NARROWS_TRY(const Principal assumed, principal(event.assumed));
    NARROWS_TRY(const bool stated, is_source_identity(event));
    const bool is_connections = who.why == "connection";
    const bool is_gateways = gateways_.contains(event.principal);
    const bool assumes = assumed.why == "connection";
    const WallNs at = event.time + kSlackNs;
    if ((is_connections && at < who.since) || (assumes && at < assumed.since)) {
        return keep(event, "before", "", file, "");
    }
    if (is_gateways && is_own(event, assumed)) {
        return keep(event, "own", "", file, "");
    }
    if (is_connections || is_gateways || assumes) {
        return stray(event, text, file,
                     is_connections ? "the role is a connection's, and no credential on record has "
                                      "this key id"
                     : is_gateways
                         ? "the gateway's own identity made it, and no record is of it"
                         : "somebody assumed a connection's role, and no record is of it");
    }
    if (stated) {
        return by_source_identity(event, text, file);
    }
    NARROWS_TRY(const bool leaked, by_leaked_key(event, file));
    return leaked ? ok() : follow(event, file);
}

/// Some services hand a session's source identity on to what they run for it.
Result<void> Matcher::by_source_identity(const Event& event, std::string_view text,
                                         const std::string& file) {
    NARROWS_TRY(const auto followed, follower_.follow(event));
    if (followed.made != 0 && followed.rank != Follower::by_role) {
        return keep(event, "consequence", followed.session, file, "");
    }
    return stray(event, text, file,
                 "its source identity is a session's, and no credential on record has this key id");
}

Result<void> Matcher::stray(const Event& event, std::string_view text, const std::string& file,
                            std::string why) {
    NARROWS_TRY(const auto followed, follower_.follow(event));
    if (followed.made != 0) {
        why += (followed.is_certain ? "; it is " : "; it could be ") + followed.story;
    } else {
        NARROWS_TRY(follow_stray(event, ""));
    }
    return keep(event, "stray", followed.session, file, why, text);
}

Result<void> Matcher::follow(const Event& event, const std::string& file) {
    NARROWS_TRY(const auto followed, follower_.follow(event));
    return followed.made == 0 ? ok() : keep(event, "consequence", followed.session, file, "");
}

Result<bool> Matcher::by_leaked_key(const Event& event, const std::string& file) {
    if (event.key_id.empty()) {
        return false;
    }
    NARROWS_TRY(leak_.begin(event.key_id, event.time + kSlackNs));
    NARROWS_TRY(const bool found, leak_.next());
    if (!found) {
        return false;
    }
    const std::string where =
        std::to_string(leak_.number(0)) + "/" + std::to_string(leak_.number(1));
    const std::string session = leak_.text(2);
    leak_.reset();
    NARROWS_TRY(keep(event, "leaked", session, file,
                     "a key was used whose id stood in the answer to operation " + where));
    return true;
}

bool Matcher::is_own(const Event& event, const Principal& assumed) const {
    // Of a refused one CloudTrail may leave out which role it was.
    const bool is_unnamed =
        event.source == "sts.amazonaws.com" && event.name == "AssumeRole" && event.assumed.empty();
    const bool is_refused = (assumed.why == "connection" || is_unnamed) && !event.error.empty();
    // What is then done with the credentials is a bypass all the same.
    const bool is_check =
        assumed.why == "connection" && event.parameters.text("sourceIdentity") == kConnectionCheck;
    const bool is_bucket = event.source == "s3.amazonaws.com";
    const std::string used = event.parameters.text(is_bucket ? "bucketName" : "keyId");
    const bool is_its_way =
        std::find(kOwnCalls.begin(), kOwnCalls.end(), call_words(event)) != kOwnCalls.end();
    return is_refused || is_check || (is_its_way && own_.contains(used));
}

Result<void> Matcher::keep(const Event& event, const std::string& kind, const std::string& session,
                           const std::string& file, const std::string& why, std::string_view text) {
    return keep_.run(event.id, kind, call_words(event), event.time, event.account, event.region,
                     event.principal, event.key_id, event.request_id, event.error, session, file,
                     why, text);
}

Result<void> Matcher::retry_strays() {
    std::string after;
    for (;;) {
        NARROWS_TRY(stray_.begin(after));
        NARROWS_TRY(const bool found, stray_.next());
        if (!found) {
            return ok();
        }
        after = stray_.text(0);
        const std::string text = stray_.text(1);
        const std::string file = stray_.text(2);
        stray_.reset();
        const Result<Event> event = read_event(text);
        if (event.has_value()) {
            NARROWS_TRY(forget_.run(after));
            NARROWS_TRY(take(event.value(), text, file, false));
        }
    }
}

Result<bool> Matcher::learn_gateway(const Event& event) {
    if (event.assumed.empty() || event.request_id.empty() || event.principal.empty()) {
        return false;
    }
    // A session's own AssumeRole has a CREDENTIAL record too.
    NARROWS_TRY(const bool is_sessions, is_of_operation(event.request_id));
    if (is_sessions) {
        return false;
    }
    NARROWS_TRY(credential_request_.begin(event.request_id));
    NARROWS_TRY(const bool found, credential_request_.next());
    credential_request_.reset();
    if (!found) {
        return false;
    }
    gateways_.insert(event.principal);
    NARROWS_TRY(add_principal_.run(event.principal, "gateway"));
    return true;
}

Result<bool> Matcher::is_of_operation(const std::string& request_id) {
    NARROWS_TRY(by_request_.begin(request_id));
    NARROWS_TRY(const bool found, by_request_.next());
    by_request_.reset();
    return found;
}

Result<void> Matcher::save_tallies() {
    for (const auto& [name, count] : tallies_) {
        NARROWS_TRY(tally_.run(name, count));
    }
    tallies_.clear();
    return ok();
}

Result<std::string> Matcher::session_of_key(const std::string& key_id) {
    if (key_id.empty()) {
        return std::string();
    }
    NARROWS_TRY(key_.begin(key_id));
    NARROWS_TRY(const bool found, key_.next());
    std::string session = found ? key_.text(0) : std::string();
    key_.reset();
    return session;
}

/// Names alone are no proof. A connection's role is the gateway's to assume; in another role, which
/// a session assumed through it, others may have taken the same name: there it takes a missing key
/// id or a service in between, both of which leave nothing else to go by.
Result<std::string> Matcher::session_of_name(const Event& event) {
    if (event.session_name.empty()) {
        return std::string();
    }
    if (event.principal.empty()) {
        return session_elsewhere(event);
    }
    NARROWS_TRY(const Principal who, principal(event.principal));
    if (who.why != "connection" && !event.key_id.empty() && !is_of_service(event.invoked_by)) {
        return std::string();
    }
    NARROWS_TRY(name_.begin(event.session_name, event.principal, event.time + kSlackNs));
    NARROWS_TRY(const bool found, name_.next());
    std::string session = found ? name_.text(0) : std::string();
    name_.reset();
    return session;
}

/// Another account's trail tells neither role nor key of who called, but the caller's account and
/// the session's name, which is the gateway's own making in its connections' roles.
Result<std::string> Matcher::session_elsewhere(const Event& event) {
    NARROWS_TRY(name_elsewhere_.begin(event.session_name, event.account, event.time + kSlackNs));
    NARROWS_TRY(const bool found, name_elsewhere_.next());
    std::string session = found ? name_elsewhere_.text(0) : std::string();
    name_elsewhere_.reset();
    return session;
}

Result<bool> Matcher::is_source_identity(const Event& event) {
    if (event.source_identity.empty()) {
        return false;
    }
    NARROWS_TRY(identity_.begin(event.source_identity, event.time + kSlackNs));
    NARROWS_TRY(const bool found, identity_.next());
    identity_.reset();
    return found;
}

Result<Matcher::Principal> Matcher::principal(const std::string& name) {
    if (name.empty()) {
        return Principal();
    }
    NARROWS_TRY(principal_.begin(name));
    NARROWS_TRY(const bool found, principal_.next());
    Principal of = found ? Principal{principal_.text(0), principal_.number(1)} : Principal();
    principal_.reset();
    return of;
}

}  // namespace narrows::reconcile
