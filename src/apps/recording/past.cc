#include "apps/recording/past.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "codec/text.h"
#include "protocols/aws/decode/rebuild.h"
#include "protocols/aws/sigv4/s3_keys.h"
#include "review/export.h"
#include "review/recording.h"
#include "review/words.h"

namespace narrows::apps {
namespace {

using codec::Value;
using review::member;

/// What a part's OPEN says of its session.
struct PastSession {
    std::string session;
    policy::Facts facts;
    std::map<std::string, Value> connections;
};

template <class Enum, std::size_t N>
Enum named(const std::string& word, const std::array<Enum, N>& all, Enum otherwise) {
    const auto found =
        std::find_if(all.begin(), all.end(), [&](Enum e) { return model::name_of(e) == word; });
    return found == all.end() ? otherwise : *found;
}

model::EffectClass effect_named(const std::string& word) {
    using E = model::EffectClass;
    constexpr std::array all = {E::read,  E::write,      E::delegate,
                                E::grant, E::credential, E::by_reference};
    return named(word, all, E::credential);
}

model::Reason reason_named(const std::string& word) {
    using R = model::Reason;
    constexpr std::array all = {R::allowed, R::explicit_deny, R::implicit_deny, R::guardrail,
                                R::needs_approval};
    return named(word, all, R::not_recognised);
}

PastSession session_of(const Value& open) {
    PastSession made;
    made.session = member(open, "observed").text("session");
    made.facts.session_id = made.session;
    made.facts.agent = member(member(open, "verified"), "agent").text("id");
    const Value& stated = member(member(open, "stated"), "principal");
    if (const auto* text = stated.as<std::string>(); text != nullptr && *text != "none") {
        made.facts.principal = *text;
    }
    if (const Value* task = review::sourced(open, "task").value; task != nullptr) {
        made.facts.task_id = task->text("id");
    }
    const auto* connections = member(member(open, "observed"), "connections").as<codec::List>();
    for (const Value& each : connections == nullptr ? codec::List() : *connections) {
        made.connections[each.text("name")] = each;
    }
    return made;
}

std::vector<model::Access> accesses_of(const Value& derived, bool& cut) {
    constexpr std::size_t kAccessesRecorded = 16;
    std::vector<model::Access> accesses;
    const auto* list = member(derived, "access").as<codec::List>();
    for (const Value& each : list == nullptr ? codec::List() : *list) {
        model::Access access{each.text("action"), {}};
        const auto* resources = member(each, "resources").as<codec::List>();
        for (const Value& resource : resources == nullptr ? codec::List() : *resources) {
            const std::string arn = review::text_of(member(resource, "arn"));
            cut |= arn.ends_with("… (cut)");
            access.resources.push_back(
                {arn, resource.truth("exact"), resource.truth("alternative")});
        }
        cut |= static_cast<std::size_t>(each.number("resources_total")) > access.resources.size();
        accesses.push_back(std::move(access));
    }
    cut |= accesses.size() == kAccessesRecorded;
    return accesses;
}

std::vector<std::string> regions_of(const Value& connection) {
    std::vector<std::string> regions;
    const auto* list = member(connection, "regions").as<codec::List>();
    for (const Value& each : list == nullptr ? codec::List() : *list) {
        if (const auto* text = each.as<std::string>()) regions.push_back(*text);
    }
    return regions;
}

/// DATE/REGION/SERVICE/aws4_request, in SigV4A without the region; S3's older forms have none.
std::string signing_name_of(const Value& signature) {
    const std::string scope = signature.text("scope");
    const std::vector<std::string_view> parts = codec::split(scope, '/');
    return parts.size() < 3 ? "s3" : std::string(parts[parts.size() - 2]);
}

/// How old a presigned URL was no record says.
model::Context signature_keys(const Value& observed) {
    const Value& signature = member(observed, "signature");
    const std::string named = signature.text("scheme");
    const std::string payload = review::header(member(observed, "request"), "x-amz-content-sha256");
    for (int each = 0; each <= static_cast<int>(sigv4::Scheme::several); ++each) {
        const auto scheme = static_cast<sigv4::Scheme>(each);
        if (named == sigv4::name_of(scheme)) {
            return sigv4::s3_keys(signing_name_of(signature), {scheme, {}, payload});
        }
    }
    return {};
}

/// The keys that the gateway itself knew of the request.
model::Context known_of(const Value& observed, const std::string& region) {
    model::Context known;
    if (!region.empty()) known["aws:requestedregion"] = {region};
    std::string peer = observed.text("peer");
    peer = peer.substr(0, peer.rfind(':'));
    if (peer.starts_with('[') && peer.ends_with(']')) peer = peer.substr(1, peer.size() - 2);
    known["aws:sourceip"] = {peer};
    const std::string agent = review::header(member(observed, "request"), "user-agent");
    known["aws:useragent"] =
        agent.empty() ? std::vector<std::string>{} : std::vector<std::string>{agent};
    if (observed.text("mode") == "proxy") known["aws:securetransport"] = {"true"};
    known.merge(signature_keys(observed));
    return known;
}

/// Of the credential scope, DATE/REGION/SERVICE/aws4_request. SigV4A's has none; its set counts if
/// it is one region, and is not known here otherwise.
std::string region_of(const Value& observed) {
    const Value& signature = member(observed, "signature");
    const std::string set = signature.text("region_set");
    if (!set.empty()) return set.find_first_of(",*") == std::string::npos ? set : std::string();
    const std::string scope = signature.text("scope");
    const std::vector<std::string_view> parts = codec::split(scope, '/');
    return parts.size() == 4 ? std::string(parts[1]) : std::string();
}

void decide_whose(policy::Past& past, const Value& decision) {
    past.decided.verdict =
        decision.text("verdict") == "allow" ? model::Verdict::allow : model::Verdict::deny;
    past.decided.reason = reason_named(decision.text("reason"));
    past.decided.action = decision.text("action");
    past.decided.resource = review::text_of(member(decision, "resource"));
    past.decided.statement = decision.text("statement");
    past.decided.why = review::text_of(member(decision, "why"));
    // What the gateway allows of itself (GetCallerIdentity, tunnels) names no statement.
    past.by_scope =
        past.operation.protocol == "aws" && past.decided.reason != model::Reason::not_recognised &&
        (past.decided.reason != model::Reason::allowed || !past.decided.statement.empty());
}

/// Keys, and resources that the record cut off, out of the recorded parameters.
void complete(policy::Past& past, const Value& observed, const Value& derived,
              const std::string& region, const Value& connection) {
    bool cut = false;
    past.operation.accesses = accesses_of(derived, cut);
    const model::Context known = known_of(observed, region);
    const aws::RecordedOperation recorded{past.operation.service, past.operation.name,
                                          member(derived, "parameters"), past.operation.accesses,
                                          cut};
    const Result<aws::Rebuilt> rebuilt =
        aws::rebuild(aws::Catalogue::embedded(), recorded,
                     {past.target.account, connection.text("partition"), region,
                      codec::text_members(connection.find("partition_keys"))},
                     known);
    for (const char* key : {"aws:securetransport", "s3:signatureage"}) {
        if (!known.contains(key)) past.unrecorded.insert(key);
    }
    if (rebuilt) {
        past.operation.accesses = rebuilt.value().operation.accesses;
        past.operation.context = rebuilt.value().operation.context;
        past.unrecorded.merge(std::set<std::string>(rebuilt.value().unsure));
        return;
    }
    past.operation.context = known;
    past.keyless = rebuilt.error().what;
    if (cut) past.cut = "the record names the first of its resources only, and " + past.keyless;
}

void name_operation(model::Operation& operation, const Value& derived) {
    operation.service = derived.text("service");
    operation.name = derived.text("operation");
    operation.protocol = operation.service == "net" ? "net" : "aws";
    operation.effect = effect_named(derived.text("effect"));
}

void complete_carried(policy::Past& past, const Value& observed, const Value& carried,
                      const Value& connection) {
    policy::Past other = past;
    name_operation(other.operation, carried);
    complete(other, observed, carried, carried.text("region"), connection);
    past.carried = std::move(other.operation);
    past.unrecorded.merge(other.unrecorded);
    if (past.cut.empty()) past.cut = other.cut;
    if (past.keyless.empty()) past.keyless = other.keyless;
}

policy::Past past_of(const review::OperationView& view, const PastSession& session,
                     const Value& connection) {
    policy::Past past;
    past.session = session.session;
    past.part = view.part.value();
    past.number = view.op.value();
    past.connection = member(view.intent, "observed").text("connection");
    past.target = {connection.text("account"), regions_of(connection)};
    past.assumes_role = !connection.text("role_arn").empty();
    past.facts = session.facts;
    past.facts.now = view.time;
    past.facts.enforced_again = connection.truth("enforced_again");
    const Value& derived = member(view.intent, "derived");
    name_operation(past.operation, derived);
    decide_whose(past, view.decision());
    if (derived.is_null() || !past.by_scope) return past;
    const Value& observed = member(view.intent, "observed");
    complete(past, observed, derived, region_of(observed), connection);
    const Value& carried = member(derived, "carried");
    if (!carried.is_null()) complete_carried(past, observed, carried, connection);
    return past;
}

/// Sinks of one reading.
class PastReader {
  public:
    /// `chosen` has the parts of the sessions that were asked for.
    PastReader(const PastFilter& filter, std::set<model::PartNo> chosen,
               const std::function<Result<void>(const policy::Past&)>& take)
        : filter_(filter), chosen_(std::move(chosen)), take_(take) {}

    review::RecordingSink sink() {
        return {[this](const review::EventView& event) { this->event(event); },
                [this](const review::OperationView& view) { operation(view); },
                [this](const review::LossView& loss) {
                    if (!loss.part || chosen_.contains(*loss.part)) ++report_.losses;
                }};
    }
    Result<PastReport> finish() {
        NARROWS_TRY(std::move(failure_));
        return std::move(report_);
    }

  private:
    void event(const review::EventView& event) {
        if (!chosen_.contains(event.part)) return;
        if (event.kind == model::RecordKind::gap) ++report_.losses;
        if (event.kind != model::RecordKind::open) return;
        PastSession session = session_of(event.payload);
        const policy::Facts& facts = session.facts;
        const bool wanted = !session.session.empty() &&
                            (filter_.agent.empty() || filter_.agent == facts.agent) &&
                            (filter_.task.empty() || filter_.task == facts.task_id);
        if (wanted) parts_.emplace(event.part, std::move(session));
        if (event.sealed) sealed_.insert(event.part);
    }

    void operation(const review::OperationView& view) {
        const auto part = parts_.find(view.part);
        const bool outside = (filter_.since && view.time < *filter_.since) ||
                             (filter_.until && view.time >= *filter_.until);
        if (view.intent.is_null() && (part != parts_.end() || sealed_.contains(view.part))) {
            ++report_.sealed;
        }
        if (part == parts_.end() || outside || view.intent.is_null() || !failure_) return;
        const PastSession& session = part->second;
        const std::string name = member(view.intent, "observed").text("connection");
        const auto connection = session.connections.find(name);
        if (connection == session.connections.end()) return;
        if (!filter_.connection.empty() && filter_.connection != name) return;
        ++report_.operations;
        report_.sessions.insert(session.session);
        report_.scopes[name] = connection->second.text("scope");
        failure_ = report_.scopes.size() > 1 ? several()
                                             : take_(past_of(view, session, connection->second));
    }

    Result<void> several() const {
        return fail(ErrorCode::invalid,
                    fmt::format("a scope is of one connection, and these recordings are of {} and "
                                "{}: say --connection",
                                report_.scopes.begin()->first, report_.scopes.rbegin()->first));
    }

    const PastFilter& filter_;
    std::set<model::PartNo> chosen_;
    const std::function<Result<void>(const policy::Past&)>& take_;
    std::map<model::PartNo, PastSession> parts_;
    std::set<model::PartNo> sealed_;
    PastReport report_;
    Result<void> failure_ = ok();
};

}  // namespace

Result<PastReport> read_past(const Opened& recordings, const PastFilter& filter,
                             const std::function<Result<void>(const policy::Past&)>& take) {
    const review::Source source = recordings.source();
    NARROWS_TRY(const std::vector<review::SessionSummary> sessions, review::list_sessions(source));
    std::set<model::PartNo> chosen;
    for (const std::string& wanted : filter.sessions) {
        NARROWS_TRY(const review::SessionSummary found, review::find_session(sessions, wanted));
        chosen.insert(found.parts.begin(), found.parts.end());
    }
    for (const review::SessionSummary& each : sessions) {
        if (filter.sessions.empty()) chosen.insert(each.parts.begin(), each.parts.end());
    }
    PastReader reader(filter, std::move(chosen), take);
    const review::ReadOptions options{
        .in_order = false, .body_bytes_max = 0, .only = {}, .body = {}};
    NARROWS_TRY(review::read_everything(source, options, reader.sink()));
    return reader.finish();
}

}  // namespace narrows::apps
