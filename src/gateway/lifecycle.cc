#include "gateway/lifecycle.h"

#include <fmt/format.h>

#include "base/log.h"
#include "codec/text.h"
#include "gateway/bearer.h"
#include "gateway/open_record.h"
#include "policy/session_policy.h"

namespace narrows::gateway {
namespace {

/// Operations in flight may finish their records for this long after the end.
constexpr int kOutcomeSteps = 90;
constexpr net::Millis kOutcomeStep{10};
/// A CLOSE that the journal refused is tried again after this long.
constexpr net::Millis kCloseAgain{1000};

session::Budget budget_of(const Budget& configured) {
    return {configured.bytes_mib << 20, configured.in_flight, configured.per_second};
}

Result<session::Connection> grant_connection(const Connection& configured,
                                             const policy::Facts& facts) {
    NARROWS_TRY(policy::Scope scope, policy::Scope::parse(configured.scope.text));
    const policy::Target target{configured.account, configured.regions};
    NARROWS_TRY(policy::SessionPolicy compiled, policy::session_policy(scope, target, &facts));
    std::vector<session::Egress> egress;
    egress.reserve(configured.egress.size());
    for (const EgressRule& rule : configured.egress) {
        egress.push_back({rule.host, rule.port});
    }
    return session::Connection{configured.name,
                               configured.type,
                               configured.account,
                               configured.partition,
                               configured.regions,
                               configured.role_arn,
                               configured.external_id,
                               configured.profile,
                               configured.endpoint,
                               std::move(egress),
                               budget_of(configured.budget),
                               std::move(scope),
                               std::move(compiled.json),
                               compiled.whole && !configured.role_arn.empty(),
                               identity::new_access_key_id(),
                               configured.partition_keys,
                               configured.unsigned_operations};
}

upstream::LeaseTerms lease_terms(const session::Terms& terms, const session::Connection& granted,
                                 model::PartNo part, const aws::Catalogue& catalogue) {
    upstream::LeaseTerms lease;
    lease.part = part;
    lease.profile = granted.profile;
    lease.role_arn = granted.role_arn;
    lease.external_id = granted.external_id;
    lease.session_policy = granted.session_policy;
    lease.source_identity = upstream::session_name_value(
        terms.principal.empty() ? terms.agent : terms.agent + "@" + terms.principal);
    lease.tags =
        upstream::session_tags(terms.id.value(), terms.agent, terms.principal, terms.task_id);
    lease.sts_region = granted.regions.empty() ? "us-east-1" : granted.regions.front();
    const auto sts = catalogue.service("sts");
    const auto endpoint = sts ? catalogue.endpoint(*sts, granted.partition, lease.sts_region)
                              : Result<aws::Endpoint>(fail(ErrorCode::not_found, "no sts"));
    const Result<upstream::Target> target = upstream::choose_target(
        endpoint.has_value() ? endpoint.value().host : std::string(), granted.endpoint);
    if (target.has_value()) {
        lease.sts = target.value();
    }
    return lease;
}

/// The Signer's leases, the registry: in this order, after OPEN.
net::Task<Result<void>> activate(Runtime& runtime, session::SessionPtr session) {
    for (const session::Connection& granted : session->terms().connections) {
        upstream::Lease lease{session->terms().id, granted.name};
        upstream::LeaseTerms terms = lease_terms(session->terms(), granted, session->log().no(),
                                                 runtime.services->catalogue);
        const Result<void> opened =
            co_await runtime.signer->open(std::move(lease), std::move(terms));
        if (!opened.has_value()) {
            co_return opened;
        }
    }
    runtime.sessions.add(session);
    co_return ok();
}

Result<session::Terms> make_terms(Runtime& runtime, const Start& start, const Settings& settings) {
    const identity::StartRequest request{
        start.agent.id, start.launcher ? std::optional(start.launcher->id) : std::nullopt,
        start.principal, start.connections, start.lifetime_s};
    NARROWS_TRY(const identity::Authority authority,
                identity::authorise_start(settings.registry, request));
    session::Terms terms;
    terms.id = identity::new_session_id();
    terms.agent = start.agent.id;
    terms.principal = start.principal;
    terms.task_id = start.task.id;
    terms.started_at = runtime.clock.wall();
    terms.expires_at = terms.started_at + authority.lifetime_s * kNsPerSecond;
    policy::Facts facts;
    facts.agent = terms.agent;
    facts.principal =
        terms.principal.empty() ? std::nullopt : std::optional<std::string>(terms.principal);
    facts.task_id = terms.task_id;
    facts.session_id = terms.id.value();
    for (const std::string& name : authority.connections) {
        NARROWS_TRY(session::Connection granted,
                    grant_connection(*settings.config.connection(name), facts));
        terms.connections.push_back(std::move(granted));
    }
    terms.open = open_payload(runtime, start, authority, settings, terms);
    return terms;
}

net::Task<Result<Started>> hand_out(Runtime& runtime, session::SessionPtr session) {
    const session::Terms& terms = session->terms();
    std::vector<identity::TokenClaims> claims;
    claims.reserve(terms.connections.size());
    for (const session::Connection& granted : terms.connections) {
        claims.push_back({terms.id, granted.name, granted.key_id, terms.expires_at, terms.agent,
                          terms.principal});
    }
    Result<signer::Minted> minted = co_await runtime.signer->mint(std::move(claims), true);
    if (!minted.has_value()) {
        co_return fail(minted.error());
    }
    Result<std::string> bearer = co_await bearer_token(runtime, terms);
    if (!bearer.has_value()) {
        co_return fail(bearer.error());
    }
    signer::Minted& made = minted.value();
    co_return Started{std::move(session), std::move(made.credentials),
                      std::move(made.delivery_token), std::move(made.proxy_token),
                      std::move(bearer.value())};
}

/// Its OPEN may yet become durable, when the disk is well: the part says that nothing came of it.
void give_up_opening(recording::PartLog& log, const Error& why) {
    if (log.no().value() == 0) {
        return;
    }
    codec::Map fields;
    fields.emplace("what", "ending");
    fields.emplace("reason", "ended");
    fields.emplace("by", "gateway");
    fields.emplace("why", "its OPEN could not be made durable: " + why.what);
    if (!log.control_unawaited(recording::RecordKind::notice,
                               recording::observed(std::move(fields)))) {
        log::error("a session that was not opened cannot be declared so: {}", why.what);
    }
}

std::vector<SpentProof> proofs_of(const codec::Map& open) {
    std::vector<SpentProof> proofs;
    const auto verified = open.find("verified");
    for (const char* who : {"agent", "launcher"}) {
        const codec::Value* identity =
            verified == open.end() ? nullptr : verified->second.find(who);
        const Result<Bytes> digest =
            codec::unhex(identity == nullptr ? std::string() : identity->text("proof_sha256"));
        SpentProof proof{{}, identity == nullptr ? 0 : identity->number("proof_expires")};
        if (proof.expires_at != 0 && digest.has_value() &&
            digest.value().size() == proof.sha256.size()) {
            std::copy(digest.value().begin(), digest.value().end(), proof.sha256.begin());
            proofs.push_back(proof);
        }
    }
    return proofs;
}

/// So that a restart knows the session. On a worker.
net::Task<Result<void>> keep_session(Runtime& runtime, std::string id, model::PartNo part,
                                     codec::Map open) {
    KeptSession kept{std::move(id), part, {}, false, proofs_of(open)};
    kept.open = std::move(open);
    std::function<Result<void>()> keep = [&runtime, kept = std::move(kept)] {
        return runtime.kept->keep(kept);
    };
    co_return co_await runtime.workers->run(keep);
}

/// OPEN, durable and in the evidence log; then what a restart must know.
net::Task<Result<session::SessionPtr>> open_part(Runtime& runtime, session::Terms terms,
                                                 model::PartNo predecessor) {
    const std::string id = terms.id.value();
    std::shared_ptr<recording::PartLog> log = runtime.new_part("session", id);
    codec::Map open = terms.open;
    auto payload = [&](model::PartNo part) {
        return complete_open(runtime, open, part, predecessor);
    };
    const Result<void> opened = co_await log->open(*runtime.workers, payload);
    if (!opened.has_value()) {
        give_up_opening(*log, opened.error());
        co_return fail(opened.error());
    }
    const Result<void> kept = co_await keep_session(runtime, id, log->no(), std::move(open));
    if (!kept.has_value()) {
        give_up_opening(*log, kept.error());
        co_return fail(kept.error());
    }
    terms.mono_expires_at = runtime.clock.mono() + (terms.expires_at - runtime.clock.wall());
    auto session = std::make_shared<session::Session>(std::move(terms), std::move(log));
    const Result<void> active = co_await activate(runtime, session);
    if (!active.has_value()) {
        const session::Ending ending{"ended", "gateway", std::nullopt};
        (void)co_await end_session(runtime, session, ending);
        co_return fail(active.error());
    }
    co_return session;
}

codec::Map ending_fields(const session::Ending& ending) {
    codec::Map fields;
    fields.emplace("reason", ending.reason);
    fields.emplace("by", ending.by);
    if (ending.exit_status) {
        fields.emplace("exit_status", *ending.exit_status);
    }
    return fields;
}

/// So that no restart brings the session back, then on record. A drained one may come back.
net::Task<Result<void>> record_ending(Runtime& runtime, session::Session& session) {
    const session::Ending ending = session.ending();
    if (ending.reason == "drained" || session.log().ending()) {
        co_return ok();
    }
    std::function<Result<void>()> forget = [&runtime, id = session.terms().id.value()] {
        return runtime.kept->end(id, runtime.clock.wall());
    };
    const Result<void> forgotten = co_await runtime.operator_workers->run(forget);
    if (!forgotten.has_value()) {
        co_return forgotten;
    }
    codec::Map fields = ending_fields(ending);
    fields.emplace("what", "ending");
    codec::Value payload = recording::observed(std::move(fields));
    co_return co_await session.log().control(recording::RecordKind::notice, std::move(payload),
                                             recording::Await::durable, journal::Use::closing);
}

net::Task<Result<void>> close_session(Runtime& runtime, session::SessionPtr session) {
    const Result<void> ending = co_await record_ending(runtime, *session);
    if (!ending.has_value()) {
        co_return ending;
    }
    for (int step = 0; step < kOutcomeSteps && session->in_flight() > 0; ++step) {
        co_await net::sleep_for(kOutcomeStep);
    }
    const model::SessionId id = session->terms().id;
    runtime.signer->close_session(id);
    codec::Map fields = ending_fields(session->ending());
    fields.emplace("in_flight", session->in_flight());
    const bool drained = session->ending().reason == "drained";
    const Result<void> end = co_await session->log().close(std::move(fields), drained);
    if (!end.has_value()) {
        co_return end;
    }
    runtime.sessions.remove(id);
    for (std::size_t i = 0; i < runtime.adapters.size(); ++i) {
        aws::Adapter* adapter = runtime.adapters[i].get();
        runtime.loops.at(i).post([adapter, id] { adapter->drop_session(id.value()); });
    }
    log::info("session {} is over: {}", id.value(), session->ending().reason);
    co_return ok();
}

/// Somebody else is closing the part.
net::Task<Result<void>> await_close(Runtime& runtime, session::Session& session) {
    for (int step = 0; step < 2 * kOutcomeSteps; ++step) {
        if (session.log().closed() || !runtime.sessions.find(session.terms().id)) {
            co_return ok();
        }
        co_await net::sleep_for(kOutcomeStep);
    }
    co_return fail(ErrorCode::unavailable, "the session is over, its end is not on record yet");
}

/// One token may prove launcher and agent alike: it opens this session, and no other.
Result<void> spend_proofs(identity::Authenticator& authenticator, const Start& start) {
    NARROWS_TRY(authenticator.spend(start.agent));
    const bool another = start.launcher && start.launcher->proof != start.agent.proof;
    return another ? authenticator.spend(*start.launcher) : ok();
}

}  // namespace

std::string no_new_sessions(const Runtime& runtime) {
    if (runtime.draining) {
        return "the gateway is stopping";
    }
    const recorder::Status status = runtime.recorder->status();
    return status.can_open_session ? status.no_new_sessions : status.journal.why;
}

net::Task<Result<Started>> start_session(Runtime& runtime, Start start) {
    const std::string why = no_new_sessions(runtime);
    if (!why.empty()) {
        co_return fail(ErrorCode::unavailable, "no new sessions now: " + why);
    }
    const std::shared_ptr<Settings> settings = runtime.settings();
    Result<session::Terms> terms = make_terms(runtime, start, *settings);
    if (!terms.has_value()) {
        co_return fail(terms.error());
    }
    const Result<void> spent = spend_proofs(settings->authenticator, start);
    if (!spent.has_value()) {
        co_return fail(spent.error());
    }
    Result<session::SessionPtr> session =
        co_await open_part(runtime, std::move(terms.value()), model::PartNo(0));
    if (!session.has_value()) {
        co_return fail(session.error());
    }
    const session::Terms& open = session.value()->terms();
    log::info("session {} started: agent {}, until {}", open.id.value(), open.agent,
              rfc3339(open.expires_at));
    co_return co_await hand_out(runtime, session.value());
}

net::Task<Result<void>> reopen_session(Runtime& runtime, session::Terms terms,
                                       model::PartNo predecessor) {
    Result<session::SessionPtr> session =
        co_await open_part(runtime, std::move(terms), predecessor);
    if (!session.has_value()) {
        co_return fail(session.error());
    }
    co_return ok();
}

net::Task<Result<void>> end_session(Runtime& runtime, session::SessionPtr session,
                                    session::Ending ending) {
    session->end(std::move(ending));
    if (!session->begin_closing()) {
        co_return co_await await_close(runtime, *session);
    }
    Result<void> closed = co_await close_session(runtime, session);
    if (!closed.has_value()) {
        log::error("session {}: its end could not be recorded: {}", session->terms().id.value(),
                   closed.error().what);
        runtime.loops.next().spawn([session]() -> net::Task<void> {
            co_await net::sleep_for(kCloseAgain);
            session->closing_failed();
        });
    }
    co_return closed;
}

void expire_sessions(Runtime& runtime) {
    for (const session::SessionPtr& session : runtime.sessions.all()) {
        if (session->is_active() && session->over(runtime.clock)) {
            session->end({"expired", "clock", std::nullopt});
        }
    }
    for (const session::SessionPtr& session : runtime.sessions.all()) {
        if (!session->is_active() && !session->is_closing()) {
            runtime.loops.next().spawn([&runtime, session]() -> net::Task<void> {
                (void)co_await end_session(runtime, session, session->ending());
            });
        }
    }
}

codec::Map enforcement() {
    codec::Map level;
    level.emplace("level", "cooperative");
    level.emplace("words",
                  "nothing that this gateway knows of kept the agent from going around it: its "
                  "environment was set, its network was not closed");
    return level;
}

}  // namespace narrows::gateway
