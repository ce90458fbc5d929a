#include "session/admission.h"

#include <fmt/format.h>

#include "session/intent_record.h"

namespace narrows::session {

using model::Decision;
using model::Reason;
using model::Verdict;
using recording::Await;

namespace {

Decision refusal(Reason reason, std::string why) {
    Decision decision;
    decision.verdict = Verdict::deny;
    decision.reason = reason;
    decision.why = std::move(why);
    return decision;
}

policy::Facts facts_of(const Terms& terms, const Connection& connection, WallNs now) {
    policy::Facts facts;
    facts.agent = terms.agent;
    if (!terms.principal.empty()) {
        facts.principal = terms.principal;
    }
    facts.task_id = terms.task_id;
    facts.session_id = terms.id.value();
    facts.now = now;
    facts.enforced_again = connection.enforced_again;
    return facts;
}

/// Of several regions each must be allowed, and the first that is not decides.
Decision decide_in_regions(const policy::Scope& scope, const Asked& asked,
                           const policy::Facts& facts) {
    if (asked.regions.empty()) {
        return policy::decide(scope, *asked.operation, facts);
    }
    model::Operation operation = *asked.operation;
    Decision decision;
    for (const std::string& region : asked.regions) {
        operation.context["aws:requestedregion"] = {region};
        decision = policy::decide(scope, operation, facts);
        if (!decision.allowed()) {
            break;
        }
    }
    return decision;
}

/// The scope's word; what is carried along must be allowed as if it had been asked by itself.
Decision decide_by_scope(const Session& session, const Connection& connection, const Asked& asked,
                         WallNs now) {
    const policy::Facts facts = facts_of(session.terms(), connection, now);
    Decision decision = decide_in_regions(connection.scope, asked, facts);
    if (!asked.carried || !decision.allowed()) {
        return decision;
    }
    Decision other = policy::decide(connection.scope, asked.carried->operation, facts);
    const std::string of = fmt::format("Of the URL in {}: {}", asked.carried->parameter, other.why);
    if (!other.allowed()) {
        other.why = of;
        return other;
    }
    decision.why += " " + of;
    return decision;
}

/// What IAM has no action for no Allow is meant for: its name in the connection stands for one. A
/// Deny of the scope, and an approval that it asks for, go before it.
Decision decide_by_name(const Connection& connection, Decision by_scope) {
    if (by_scope.reason != Reason::implicit_deny && by_scope.reason != Reason::guardrail) {
        return by_scope;
    }
    by_scope.verdict = Verdict::allow;
    by_scope.reason = Reason::allowed;
    by_scope.statement.clear();
    by_scope.why = fmt::format("{} is allowed by connection {}, which names it in unsigned.",
                               by_scope.action, connection.name);
    return by_scope;
}

/// State first, then what the adapter decided (refusals, egress), then the scope.
Decision decide(Session& session, const Connection& connection, const Asked& asked,
                const Clock& clock) {
    const std::optional<std::string> over = session.over(clock);
    if (over) {
        return refusal(Reason::session_over, *over);
    }
    if (asked.decided) {
        return *asked.decided;
    }
    if (!asked.operation) {
        return refusal(Reason::not_recognised, "the request is no operation that is known here");
    }
    Decision decision = decide_by_scope(session, connection, asked, clock.wall());
    if (asked.allowed_by_name) {
        decision = decide_by_name(connection, std::move(decision));
    }
    if (decision.verdict == Verdict::hold) {
        decision.verdict = Verdict::deny;
        decision.why += " This gateway has no reviewer to ask yet, so it is refused.";
    }
    return decision;
}

/// About what the record of a refused attempt takes; told before it is written.
std::uint64_t cost_of(const Asked& asked) {
    constexpr std::uint64_t kRecordItself = 512;
    std::uint64_t bytes = kRecordItself + asked.seen.head.target.size() + asked.seen.body.size();
    for (const codec::Pair& field : asked.seen.head.headers) {
        bytes += field.name.size() + field.value.size();
    }
    return bytes;
}

/// Of an operation that the end of its session cut, the sockets only know that they were closed.
void name_the_end(const Session& session, codec::Map& observed) {
    const auto why = observed.find("why");
    if (session.is_active() || why == observed.end()) {
        return;
    }
    const std::string* text = why->second.as<std::string>();
    why->second = fmt::format("the session was over ({}): {}", session.ending().reason,
                              text == nullptr ? std::string() : *text);
}

std::string record_name(const std::string& of, recording::Sequence op) {
    return fmt::format("{}#{}", of, op.value());
}

}  // namespace

bool Gate::enter() {
    if (inside_.fetch_add(1) < most_) {
        return true;
    }
    inside_.fetch_sub(1);
    return false;
}

Permit::Permit(SessionPtr session, std::size_t connection, Gate& gate,
               recording::PartLog::Intent intent)
    : session_(std::move(session)), connection_(connection), gate_(&gate), intent_(intent) {}

Permit::Permit(Permit&& other) noexcept
    : session_(std::move(other.session_)),
      connection_(other.connection_),
      gate_(other.gate_),
      intent_(other.intent_),
      concluded_(other.concluded_) {
    other.gate_ = nullptr;
}

Permit::~Permit() {
    if (gate_ == nullptr) {
        return;
    }
    if (!concluded_) {
        codec::Map fields;
        fields.emplace("why", "the operation was given up before its outcome was known");
        session_->log().outcome_unawaited(recording::RecordKind::unknown, intent_.op,
                                          std::move(fields));
    }
    session_->usage(connection_).end();
    gate_->leave();
}

const Connection& Permit::connection() const {
    return session_->terms().connections[connection_];
}

bool Permit::spend(std::uint64_t bytes) {
    return session_->usage(connection_).spend(connection().budget, bytes);
}

net::Task<Result<void>> Permit::conclude(recording::RecordKind kind, codec::Map observed,
                                         Await await) {
    name_the_end(*session_, observed);
    Result<void> recorded = co_await log().outcome(kind, op(), std::move(observed), await);
    concluded_ = recorded.has_value();
    co_return recorded;
}

net::Task<Result<void>> Permit::result(codec::Map observed, Await await) {
    co_return co_await conclude(recording::RecordKind::result, std::move(observed), await);
}
net::Task<Result<void>> Permit::not_sent(codec::Map observed) {
    co_return co_await conclude(recording::RecordKind::not_sent, std::move(observed), Await::held);
}
net::Task<Result<void>> Permit::unknown(codec::Map observed) {
    co_return co_await conclude(recording::RecordKind::unknown, std::move(observed), Await::held);
}

net::Task<Result<Admission>> admit(SessionPtr session, std::size_t connection, Gate& gate,
                                   const Clock& clock, Asked asked,
                                   recording::PartLog::Placed placed) {
    const Connection& granted = session->terms().connections[connection];
    Usage& usage = session->usage(connection);
    Decision decision = decide(*session, granted, asked, clock);
    if (decision.allowed() && !session->log().has_room_for(asked.seen.body_size.value_or(0))) {
        decision = refusal(Reason::cannot_record,
                           "it could not be recorded whole: the journal's disk is full");
    }
    if (decision.allowed() && gate.halted()) {
        decision = refusal(Reason::cannot_record,
                           "the record of it would rest on this gateway alone: its evidence has "
                           "not been anchored outside for too long, which its operator demands");
    }
    const std::optional<std::string> spent = usage.attempt(granted.budget, clock.mono());
    if (decision.allowed() && spent) {
        decision = refusal(Reason::budget, *spent);
    }
    if (decision.allowed() && !gate.enter()) {
        decision =
            refusal(Reason::budget, "the gateway has as many operations in flight as it may");
    } else if (decision.allowed()) {
        const std::optional<std::string> over = usage.begin(granted.budget);
        if (over) {
            gate.leave();
            decision = refusal(Reason::budget, *over);
        }
    }
    auto payload = [&](recording::Sequence op) {
        return intent_payload(op, granted.name, granted.scope.digest_hex(), asked, decision);
    };
    const Result<recording::PartLog::Intent> intent = co_await session->log().intent(
        payload, asked.request_digest, decision.allowed(), std::move(placed));
    if (!intent.has_value()) {
        if (decision.allowed()) {
            usage.end();
            gate.leave();
        }
        co_return fail(intent.error());
    }
    Admission admission;
    admission.decision = decision;
    admission.op = intent.value().op;
    admission.record = record_name(session->terms().id.value(), admission.op);
    if (decision.allowed()) {
        admission.permit.emplace(session, connection, gate, intent.value());
    }
    const bool in_records = asked.seen.body.size() > kInlineBodyMax;
    usage.spend(granted.budget, intent.value().size + (in_records ? asked.seen.body.size() : 0));
    if (!decision.allowed() && usage.exhausted(granted.budget)) {
        session->end({"budget", "gateway", std::nullopt});
    }
    if (asked.seen.body.size() > kInlineBodyMax) {
        const Result<void> kept = co_await session->log().body(
            admission.op, recording::Direction::request, 0, asked.seen.body, Await::durable);
        if (!kept.has_value() && admission.permit) {
            codec::Map fields;
            fields.emplace("why", "its body could not be recorded: " + kept.error().what);
            (void)co_await admission.permit->not_sent(std::move(fields));
        }
        if (!kept.has_value()) {
            co_return fail(kept.error());
        }
    }
    co_return admission;
}

net::Task<Result<Admission>> Lobby::refuse(Asked asked) {
    Admission admission;
    admission.decision =
        asked.decided ? *asked.decided
                      : refusal(Reason::not_authenticated, "no session can be charged for this");
    const std::shared_ptr<recording::PartLog> log = this->log();
    const std::string part = fmt::format("lobby-{}", log->no().value());
    const std::uint64_t cost = cost_of(asked);
    if (spent_.fetch_add(cost) + cost > bytes_max_) {
        spent_.fetch_sub(cost);
        counted_.fetch_add(1);
        admission.record = part + "#-";
        co_return admission;
    }
    auto payload = [&](recording::Sequence op) {
        return intent_payload(op, "", "", asked, admission.decision);
    };
    const Result<recording::PartLog::Intent> intent =
        co_await log->intent(payload, crypto::Digest(), false);
    if (!intent.has_value()) {
        co_return fail(intent.error());
    }
    admission.op = intent.value().op;
    admission.record = record_name(part, admission.op);
    if (asked.seen.body.size() > kInlineBodyMax) {
        const Result<void> kept = co_await log->body(admission.op, recording::Direction::request, 0,
                                                     asked.seen.body, Await::durable);
        if (!kept.has_value()) {
            co_return fail(kept.error());
        }
    }
    co_return admission;
}

net::Task<void> Lobby::record_counted() {
    const std::uint64_t counted = counted_;
    if (counted == recorded_count_) {
        co_return;
    }
    const std::shared_ptr<recording::PartLog> log = this->log();
    codec::Map fields;
    fields.emplace("what", "attempts beyond the lobby's budget, counted only");
    fields.emplace("count", counted);
    codec::Value payload = recording::observed(std::move(fields));
    const Result<void> written = co_await log->control(
        recording::RecordKind::notice, std::move(payload), Await::durable, journal::Use::normal);
    if (written.has_value()) {
        recorded_count_ = counted;
    }
}

}  // namespace narrows::session
