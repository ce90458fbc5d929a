#include "gateway/resume.h"

#include <fmt/format.h>

#include "base/log.h"
#include "codec/text.h"
#include "gateway/lifecycle.h"
#include "gateway/open_record.h"

namespace narrows::gateway {
namespace {

using recording::Await;
using recording::RecordKind;

/// The configuration does not allow the session any more. Its part is closed already, so the word
/// stands in the system part.
net::Task<void> end_left(Runtime& runtime, const KeptSession& kept, const Error& why) {
    log::warn("session {} of an earlier start does not go on: {}", kept.id, why.what);
    codec::Map fields;
    fields.emplace("what", "ending");
    fields.emplace("part", kept.part.value());
    fields.emplace("session", kept.id);
    fields.emplace("reason", "ended");
    fields.emplace("by", "configuration");
    fields.emplace("why", why.what);
    codec::Value payload = recording::observed(std::move(fields));
    const Result<void> forgotten = runtime.kept->end(kept.id, runtime.clock.wall());
    if (!forgotten.has_value()) {
        log::error("session {} cannot be forgotten: {}", kept.id, forgotten.error().what);
    }
    const Result<void> declared = co_await runtime.system->control(
        RecordKind::notice, std::move(payload), Await::durable, journal::Use::closing);
    if (!declared.has_value()) {
        log::error("that could not be recorded: {}", declared.error().what);
    }
}

net::Task<void> reopen(Runtime& runtime, const KeptSession& kept) {
    Result<session::Terms> terms = terms_from_open(runtime, *runtime.settings(), kept.open);
    if (!terms.has_value()) {
        co_return co_await end_left(runtime, kept, terms.error());
    }
    const Result<void> opened =
        co_await reopen_session(runtime, std::move(terms.value()), kept.part);
    if (!opened.has_value()) {
        log::warn("session {} does not go on: {}", kept.id, opened.error().what);
    }
}

bool goes_on(const Runtime& runtime, const KeptSession& kept) {
    const codec::Value* observed = kept.open.find("observed");
    return !kept.over && observed != nullptr &&
           runtime.clock.wall() < observed->number("expires_at") &&
           runtime.recorder->found().may_go_on.contains(kept.part);
}

net::Task<Result<void>> record_recovery(Runtime& runtime) {
    const recorder::Found& found = runtime.recorder->found();
    if (found.frames == 0) {
        co_return ok();
    }
    if (found.parts_interrupted > 0) {
        log::warn("recovered: {} parts were interrupted, {} operations have no known outcome",
                  found.parts_interrupted, found.operations_unknown);
    }
    codec::Value payload = recording::observed(found.fields());
    co_return co_await runtime.system->control(RecordKind::recovery, std::move(payload),
                                               Await::durable, journal::Use::closing);
}

}  // namespace

net::Task<Result<void>> resume(Runtime& runtime) {
    const Result<void> recorded = co_await record_recovery(runtime);
    if (!recorded.has_value()) {
        co_return recorded;
    }
    const Result<void> tidied = runtime.kept->tidy(runtime.clock.wall());
    const Result<std::vector<KeptSession>> sessions = runtime.kept->load();
    if (!tidied.has_value() || !sessions.has_value()) {
        co_return fail(tidied.has_value() ? sessions.error() : tidied.error());
    }
    for (const KeptSession& kept : sessions.value()) {
        for (const SpentProof& proof : kept.proofs) {
            (void)runtime.replays.use(proof.sha256, proof.expires_at, runtime.clock.wall())
                .has_value();
        }
        if (goes_on(runtime, kept)) {
            co_await reopen(runtime, kept);
        }
    }
    co_return ok();
}

}  // namespace narrows::gateway
