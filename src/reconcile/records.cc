#include "reconcile/records.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "codec/json.h"
#include "codec/text.h"
#include "evidence/logged_parts.h"
#include "protocols/aws/upstream/sts.h"
#include "reconcile/events.h"
#include "reconcile/follower.h"
#include "reconcile/inflate.h"
#include "reconcile/makers.h"
#include "review/export.h"
#include "review/recording.h"
#include "review/words.h"

namespace narrows::reconcile {
namespace {

using codec::Value;
using model::RecordKind;
using review::member;

constexpr std::size_t kParametersKeptMax = 16 * 1024;
constexpr std::uint64_t kAnswerBytesMax = std::uint64_t{1} << 20;

struct Connection {
    std::string account;
    std::string role;  ///< principal of
    std::string region;
};
struct Part {
    std::string session;
    std::map<std::string, Connection> connections;
    std::map<std::string, std::string> derived;  ///< accounts of assumed roles, by minted key id
};

/// What a resource is selected by in a trail: a bucket for its objects, else the resource itself.
std::string root_of(std::string_view arn) {
    const bool is_s3 = arn.starts_with("arn:") && arn.find(":s3:::") != arn.npos;
    return std::string(is_s3 ? arn.substr(0, arn.find('/')) : arn);
}

/// The region of "20261126/us-east-1/s3/aws4_request".
std::string region_of(const Value& intent) {
    const std::string scope = member(member(intent, "observed"), "signature").text("scope");
    const auto fields = codec::split(scope, '/');
    return fields.size() == 4 ? std::string(fields[1]) : std::string();
}

/// An answer as it is on record; fails with why it tells nothing.
Result<Value> answer_of(const review::OperationView& operation) {
    if (!operation.response.complete()) {
        return fail(ErrorCode::exhausted,
                    "its answer is larger than 1 MiB, and the trail does not tell what it made");
    }
    const Value& head = member(operation.head, "observed");
    if (!codec::iequals(review::header(head, "content-encoding"), "gzip")) {
        return read_answer(as_text(operation.response.bytes));
    }
    std::string text;
    Inflater inflater(kAnswerBytesMax, [&](ByteView bytes) -> Result<void> {
        text.append(as_text(bytes));
        return ok();
    });
    NARROWS_TRY(inflater.feed(operation.response.bytes));
    NARROWS_TRY(inflater.finish());
    return read_answer(text);
}

bool wants_answer(const review::OperationView& operation, bool is_request) {
    const Value& derived = member(operation.intent, "derived");
    return !is_request && answer_tells(derived.text("service"), derived.text("operation"));
}

class Recorder {
  public:
    explicit Recorder(Database& state)
        : state_(state),
          follower_(state),
          operation_(state.prepare(
              "INSERT INTO operation(part, op, session, account, region, service, name, "
              "request_id, key_id, asked, ended, status, attempts, is_write, root, parameters) "
              "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(part, op) DO UPDATE SET "
              "request_id = excluded.request_id, key_id = excluded.key_id, "
              "ended = excluded.ended, status = excluded.status, attempts = excluded.attempts "
              "WHERE event IS NULL")),
          credential_(state.prepare(
              "INSERT OR IGNORE INTO credential(key_id, part, session, role, session_name, "
              "request_id, account, region, time) VALUES(?,?,?,?,?,?,?,?,?)")),
          principal_(state.prepare(
              "INSERT INTO principal(name, why, session, op, since) VALUES(?,'connection',?,0,?) "
              "ON CONFLICT(name) DO UPDATE SET since = min(since, excluded.since), "
              "why = excluded.why WHERE since > excluded.since OR why <> excluded.why")),
          leak_(state.prepare("INSERT INTO leak(key_id, part, op, session, since) "
                              "VALUES(?,?,?,?,?) ON CONFLICT(key_id) DO UPDATE SET "
                              "since = excluded.since WHERE since > excluded.since")),
          identity_(state.prepare("INSERT INTO source_identity VALUES(?,?) ON CONFLICT(name) DO "
                                  "UPDATE SET since = min(since, excluded.since)")),
          of_part_(state.prepare("SELECT session FROM operation WHERE part = ? LIMIT 1")) {}

    void event(const review::EventView& event) {
        note(event.time);
        read_.sealed += event.sealed ? 1 : 0;
        if (event.kind == RecordKind::open) {
            keep(open(event));
        } else if (event.kind == RecordKind::credential) {
            keep(credential(event));
        }
    }

    void operation(const review::OperationView& operation) {
        note(operation.time);
        read_.sealed += operation.sealed;
        const bool reached = operation.allowed() && operation.outcome_kind != RecordKind::not_sent;
        const Value& derived = member(operation.intent, "derived");
        if (reached && !derived.is_null() && derived.text("service") != "net") {
            keep(call(operation, derived));
        }
    }

    void lost() { ++read_.lost; }
    Result<RecordsRead> done() {
        if (const WallNs since = follower_.take_news(); since != 0) {
            note_news(since);
        }
        return failure_.has_value() ? Result<RecordsRead>(read_) : fail(failure_.error());
    }

  private:
    void keep(Result<void> done) {
        if (failure_.has_value() && !done.has_value()) {
            failure_ = std::move(done);
        }
    }
    void note(WallNs time) {
        read_.first = read_.first == 0 ? time : std::min(read_.first, time);
        read_.last = std::max(read_.last, time);
    }

    void note_news(WallNs since) {
        read_.news = read_.news == 0 ? since : std::min(read_.news, since);
    }
    /// After a statement that says whose events are.
    Result<void> noted(const Result<void>& done, WallNs since) {
        if (done.has_value() && state_.changed() > 0) {
            note_news(since);
        }
        return done;
    }

    /// Part numbers are a gateway's own: those of another one would be taken for its operations.
    Result<void> check_is_same(std::uint64_t part, const std::string& session) {
        NARROWS_TRY(of_part_.begin(part));
        NARROWS_TRY(const bool found, of_part_.next());
        const bool is_same = !found || session.empty() || of_part_.text(0) == session;
        of_part_.reset();
        return is_same ? ok()
                       : Result<void>(fail(ErrorCode::invalid,
                                           "the state is of another gateway's recordings: give "
                                           "each data directory a --state of its own"));
    }

    Result<void> open(const review::EventView& event) {
        const Value& observed = member(event.payload, "observed");
        Part& part = parts_[event.part.value()];
        part.session = observed.text("session");
        NARROWS_TRY(check_is_same(event.part.value(), part.session));
        const codec::List* connections = member(observed, "connections").as<codec::List>();
        if (connections == nullptr) {
            return ok();
        }
        for (const Value& each : *connections) {
            const std::string role = principal_of(each.text("role_arn"));
            const codec::List* regions = member(each, "regions").as<codec::List>();
            const std::string* region = regions == nullptr || regions->empty()
                                            ? nullptr
                                            : regions->front().as<std::string>();
            part.connections[each.text("name")] = {each.text("account"), role,
                                                   region == nullptr ? "us-east-1" : *region};
            if (!role.empty()) {
                NARROWS_TRY(noted(principal_.run(role, part.session, event.time), event.time));
            }
        }
        const std::string agent = member(member(event.payload, "verified"), "agent").text("id");
        const std::string principal = member(event.payload, "stated").text("principal");
        // As the gateway makes it of the same two (gateway/lifecycle.cc).
        return identity_.run(upstream::session_name_value(principal.empty() || principal == "none"
                                                              ? agent
                                                              : agent + "@" + principal),
                             event.time);
    }

    Result<void> credential(const review::EventView& event) {
        const Value& observed = member(event.payload, "observed");
        Part& part = parts_[event.part.value()];
        const auto found = part.connections.find(observed.text("connection"));
        const Connection of = found == part.connections.end() ? Connection() : found->second;
        const std::string minted = observed.text("minted_key_id");
        const std::string role = principal_of(observed.text("role_arn"));
        if (!minted.empty() && !role.empty()) {
            part.derived[minted] = role.substr(0, role.find(':'));
        }
        return noted(
            credential_.run(observed.text("key_id"), event.part.value(), part.session,
                            principal_of(observed.text("role_arn")),
                            observed.text("role_session_name"), observed.text("request_id"),
                            of.account, of.region, event.time),
            event.time);
    }

    Result<void> call(const review::OperationView& operation, const Value& derived) {
        const Value& observed = member(operation.intent, "observed");
        const Value& head = member(operation.head, "observed");
        const Value& outcome = member(operation.outcome, "observed");
        const Value& sent = member(operation.sent, "observed");
        const Part& part = parts_[operation.part.value()];
        const auto found = part.connections.find(observed.text("connection"));
        Connection of = found == part.connections.end() ? Connection() : found->second;
        const auto derived_of = part.derived.find(member(observed, "signature").text("key_id"));
        if (derived_of != part.derived.end()) {
            of.account = derived_of->second;
        }
        const auto resources = review::resources_of(operation.intent);
        std::string parameters = codec::json_encode(member(derived, "parameters"));
        if (parameters.size() > kParametersKeptMax) {
            parameters = "null";
        }
        const std::int64_t status =
            head.is_null() ? outcome.number("status") : head.number("status");
        ++read_.operations;
        NARROWS_TRY(operation_.run(
            operation.part.value(), operation.op.value(), part.session, of.account,
            region_of(operation.intent), derived.text("service"), derived.text("operation"),
            review::aws_request_id(operation), sent.text("upstream_key_id"), operation.time,
            operation.ended, status, sent.number("attempt"), derived.text("effect") != "read",
            resources.empty() ? std::string() : root_of(resources.front().arn), parameters));
        NARROWS_TRY(leaks(operation, derived.text("service"), part));
        const bool is_done = status >= 200 && status < 300;
        const Follower::Origin origin{
            .session = part.session,
            .record = fmt::format("{}/{}", operation.part.value(), operation.op.value()),
            .since = operation.time};
        if (is_done || status == 0) {  // of which no answer is on record may have been done
            NARROWS_TRY(passed(derived, origin));
        }
        return is_done ? consequences(operation, derived, of, origin) : ok();
    }

    /// Key ids that stood in an answer where they are no business of the operation.
    Result<void> leaks(const review::OperationView& operation, const std::string& service,
                       const Part& part) {
        const bool lists_keys = service == "iam" || service == "sts" || service == "cloudtrail";
        const codec::List* findings =
            member(member(operation.outcome, "observed"), "findings").as<codec::List>();
        for (const Value& each : findings == nullptr ? codec::List() : *findings) {
            const std::string key = each.text("key_id");
            if (!key.empty() && !lists_keys) {
                NARROWS_TRY(noted(leak_.run(key, operation.part.value(), operation.op.value(),
                                            part.session, operation.time),
                                  operation.time));
            }
        }
        return ok();
    }

    /// What acts by itself from now on: the session's doing.
    Result<void> consequences(const review::OperationView& operation, const Value& derived,
                              const Connection& of, const Follower::Origin& origin) {
        const std::string service = derived.text("service");
        const std::string name = derived.text("operation");
        if (service == "sts") {
            return ok();  // its CREDENTIAL tells what it gave out
        }
        const bool is_told = answer_tells(service, name);
        const Result<Value> answer = is_told ? answer_of(operation) : Result<Value>(Value());
        const Value none;
        const Making making{service,
                            name,
                            of.account,
                            region_of(operation.intent),
                            member(derived, "parameters"),
                            answer.has_value() ? answer.value() : none};
        NARROWS_TRY(follower_.make(making, origin, answer.has_value() ? "" : answer.error().what));
        return follower_.end(making, operation.time, origin.record);
    }

    Result<void> passed(const Value& derived, const Follower::Origin& origin) {
        const codec::List* access = member(derived, "access").as<codec::List>();
        for (const Value& each : access == nullptr ? codec::List() : *access) {
            const codec::List* resources = member(each, "resources").as<codec::List>();
            if (each.text("action") != "iam:PassRole" || resources == nullptr) {
                continue;
            }
            for (const Value& resource : *resources) {
                const std::string role = principal_of(resource.text("arn"));
                if (resource.truth("exact") && !role.empty()) {
                    NARROWS_TRY(follower_.pass(role, origin));
                }
            }
        }
        return ok();
    }

    Database& state_;
    Follower follower_;
    Query operation_;
    Query credential_;
    Query principal_;
    Query leak_;
    Query identity_;
    Query of_part_;
    std::map<std::uint64_t, Part> parts_;
    RecordsRead read_;
    Result<void> failure_ = ok();
};

/// A gateway that has nothing to record still says every ten seconds that it is there.
Result<WallNs> last_heartbeat(const review::Source& source) {
    WallNs last = 0;
    const auto look = [&last](ByteView bytes) {
        if (evidence::mentions(bytes, "HEARTBEAT")) {
            const auto entry = evidence::decode_entry(bytes);
            last = std::max(last, entry.has_value() ? entry.value().time : 0);
        }
        return false;  // none is kept: there are many
    };
    NARROWS_TRY(evidence::logged_entries(source.fs, source.data_dir, look));
    return last;
}

}  // namespace

Result<RecordsRead> read_records(const review::Source& source, Database& state) {
    Recorder recorder(state);
    review::ReadOptions options;
    options.in_order = false;
    options.body_bytes_max = kAnswerBytesMax;
    options.wants_body = wants_answer;
    const review::RecordingSink sink{
        [&](const review::EventView& event) { recorder.event(event); },
        [&](const review::OperationView& operation) { recorder.operation(operation); },
        [&](const review::LossView&) { recorder.lost(); }};
    NARROWS_TRY(review::read_everything(source, options, sink));
    NARROWS_TRY(RecordsRead read, recorder.done());
    if (const Result<WallNs> beat = last_heartbeat(source)) {
        read.last = std::max(read.last, beat.value());
    }
    NARROWS_TRY(state.commit());
    return read;
}

}  // namespace narrows::reconcile
