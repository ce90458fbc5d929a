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

codec::Map gap_fields(const journal::Range& range) {
    codec::Map fields;
    fields.emplace("first", range.first.value());
    fields.emplace("last", range.last.value());
    fields.emplace("why",
                   "not on disk when the gateway started: lost with a power cut within the last "
                   "50 ms, or never acknowledged");
    return fields;
}

codec::Map unknown_fields(std::uint64_t op) {
    codec::Map fields;
    fields.emplace("op", op);
    fields.emplace("why", "the gateway stopped before the outcome was on record");
    return fields;
}

codec::Map interrupted_fields(const LeftPart& left, std::uint64_t outcomes, std::uint64_t gaps) {
    codec::Map counts;
    for (const auto& [kind, count] : left.counts) {
        counts.emplace(kind, count);
    }
    if (outcomes > 0) {
        const auto before = left.counts.find("UNKNOWN");
        const std::uint64_t had = before == left.counts.end() ? 0 : before->second;
        counts.insert_or_assign("UNKNOWN", had + outcomes);
    }
    if (gaps > 0) {
        counts.insert_or_assign("GAP", gaps);
    }
    codec::Map fields = left.ending;
    fields.try_emplace("reason", "interrupted");
    fields.try_emplace("by", "recovery");
    fields.insert_or_assign("counts", std::move(counts));
    return fields;
}

/// Appends to an earlier boot's part what became of it.
net::Task<Result<void>> close_left(Runtime& runtime, const journal::PartReport& report,
                                   const LeftPart& left) {
    recording::PartLog log(*runtime.journal, runtime.journal->resume_part(report),
                           runtime.receipt_key.view());
    for (const journal::Range& range : report.missing) {
        const Result<void> declared =
            co_await log.control(RecordKind::gap, recording::observed(gap_fields(range)),
                                 Await::durable, journal::Use::closing);
        if (!declared.has_value()) {
            co_return declared;
        }
    }
    for (const std::uint64_t op : left.unfinished) {
        if (!log.control_unawaited(RecordKind::unknown, recording::observed(unknown_fields(op)))) {
            co_return fail(ErrorCode::unavailable,
                           "the journal refuses the outcomes that an earlier start left open: " +
                               runtime.journal->state().why);
        }
    }
    codec::Map fields = interrupted_fields(left, left.unfinished.size(), report.missing.size());
    const Result<recording::PartHead> end = co_await log.close_with(std::move(fields));
    if (!end.has_value()) {
        co_return fail(end.error());
    }
    runtime.evidence->close(end.value(), {});
    co_return ok();
}

codec::Map recovery_fields(const Recovered& recovered, std::uint64_t interrupted,
                           std::uint64_t unknown) {
    codec::Map fields;
    fields.emplace("segments", recovered.report.segments);
    fields.emplace("frames", recovered.report.frames);
    fields.emplace("bytes", recovered.report.bytes);
    fields.emplace("parts_interrupted", interrupted);
    fields.emplace("operations_unknown", unknown);
    codec::List gaps;
    for (const journal::Gap& gap : recovered.report.gaps) {
        codec::Map entry;
        entry.emplace("kind", journal::name_of(gap.kind));
        entry.emplace("file", gap.file);
        entry.emplace("offset", gap.location.offset);
        entry.emplace("bytes", gap.bytes);
        entry.emplace("why", gap.why);
        gaps.emplace_back(std::move(entry));
    }
    fields.emplace("gaps", std::move(gaps));
    return fields;
}

void remember_proof(Runtime& runtime, const codec::Value& identity) {
    const Result<Bytes> digest = codec::unhex(identity.text("proof_sha256"));
    crypto::Digest proof{};
    if (digest.has_value() && digest.value().size() == proof.size()) {
        std::copy(digest.value().begin(), digest.value().end(), proof.begin());
        (void)runtime.replays.use(proof, identity.number("proof_expires"), runtime.clock.wall())
            .has_value();
    }
}

/// Proofs of sessions that were opened before may not open another.
void remember_proofs(Runtime& runtime, const codec::Value& open) {
    const codec::Value* verified = open.find("verified");
    for (const char* who : {"agent", "launcher"}) {
        const codec::Value* identity = verified == nullptr ? nullptr : verified->find(who);
        if (identity != nullptr && identity->number("proof_expires") != 0) {
            remember_proof(runtime, *identity);
        }
    }
}

/// The configuration does not allow the session any more. Its part is closed already, so the word
/// stands in the system part.
net::Task<void> end_left(Runtime& runtime, model::PartNo part, const LeftPart& left,
                         const Error& why) {
    const std::string id = left.open.find("observed")->text("session");
    log::warn("session {} of an earlier start does not go on: {}", id, why.what);
    codec::Map fields;
    fields.emplace("what", "ending");
    fields.emplace("part", part.value());
    fields.emplace("session", id);
    fields.emplace("reason", "ended");
    fields.emplace("by", "configuration");
    fields.emplace("why", why.what);
    codec::Value payload = recording::observed(std::move(fields));
    const Result<void> declared = co_await runtime.system->control(
        RecordKind::notice, std::move(payload), Await::durable, journal::Use::closing);
    if (!declared.has_value()) {
        log::error("that could not be recorded: {}", declared.error().what);
    }
}

net::Task<void> reopen(Runtime& runtime, model::PartNo part, const LeftPart& left) {
    if (runtime.clock.wall() >= left.open.find("observed")->number("expires_at")) {
        co_return;
    }
    Result<session::Terms> terms = terms_from_open(runtime, *runtime.settings(), left.open);
    if (!terms.has_value()) {
        co_return co_await end_left(runtime, part, left, terms.error());
    }
    const std::string id = terms.value().id.value();
    const Result<void> opened = co_await reopen_session(runtime, std::move(terms.value()), part);
    if (!opened.has_value()) {
        log::warn("session {} does not go on: {}", id, opened.error().what);
    }
}

}  // namespace

net::Task<Result<void>> resume(Runtime& runtime, Recovered& recovered) {
    std::uint64_t interrupted = 0;
    std::uint64_t unknown = 0;
    std::vector<std::pair<model::PartNo, const LeftPart*>> going_on;
    for (const journal::PartReport& report : recovered.report.parts) {
        LeftPart& left = recovered.parts()[report.part.value()];
        remember_proofs(runtime, left.open);
        if (recovered.goes_on(report.part.value())) {
            going_on.emplace_back(report.part, &left);
        }
        if (report.closed) {
            continue;
        }
        ++interrupted;
        unknown += left.unfinished.size();
        const Result<void> closed = co_await close_left(runtime, report, left);
        if (!closed.has_value()) {
            co_return closed;
        }
    }
    if (recovered.report.frames > 0) {
        codec::Map fields = recovery_fields(recovered, interrupted, unknown);
        runtime.evidence->add(evidence::RecoveryEntry{fields});
        const Result<void> declared = co_await runtime.system->control(
            RecordKind::recovery, recording::observed(std::move(fields)), Await::durable,
            journal::Use::closing);
        if (!declared.has_value()) {
            co_return declared;
        }
    }
    for (const auto& [part, left] : going_on) {
        co_await reopen(runtime, part, *left);
    }
    if (interrupted > 0) {
        log::warn("recovered: {} parts were interrupted, {} operations have no known outcome",
                  interrupted, unknown);
    }
    co_return ok();
}

}  // namespace narrows::gateway
