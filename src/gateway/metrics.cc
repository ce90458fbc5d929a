#include "gateway/metrics.h"

#include <fmt/format.h>

#include "codec/json.h"

namespace narrows::gateway {
namespace {

const char* name_of(journal::Condition condition) {
    switch (condition) {
        case journal::Condition::ok:
            return "ok";
        case journal::Condition::low_space:
            return "low-space";
        case journal::Condition::refusing:
            return "refusing";
    }
    return "refusing";
}

void lane_metrics(std::string& out, const char* lane, const journal::LaneCounters& counters) {
    const auto line = [&](const char* name, std::uint64_t value) {
        out += fmt::format("narrows_journal_{}{{lane=\"{}\"}} {}\n", name, lane, value);
    };
    line("frames_total", counters.frames);
    line("batches_total", counters.batches);
    line("bytes_written_total", counters.bytes_written);
    line("faults_total", counters.faults);
    line("syncs_total", counters.syncs);
    line("room_bytes", counters.room_bytes);
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < counters.sync_us.size(); ++i) {
        sum += counters.sync_us[i];
        const std::string bound = journal::kSyncBucketsUs[i] == UINT64_MAX
                                      ? "+Inf"
                                      : fmt::format("{}", double(journal::kSyncBucketsUs[i]) / 1e6);
        out += fmt::format("narrows_journal_sync_seconds_bucket{{lane=\"{}\",le=\"{}\"}} {}\n",
                           lane, bound, sum);
    }
    out += fmt::format("narrows_journal_sync_seconds_sum{{lane=\"{}\"}} {}\n", lane,
                       double(counters.sync_us_sum) / 1e6);
    out +=
        fmt::format("narrows_journal_sync_seconds_count{{lane=\"{}\"}} {}\n", lane, counters.syncs);
}

double seconds(std::int64_t ns) {
    return static_cast<double>(ns) / 1e9;
}

/// Ages are left out for what no anchor has taken since the start.
void anchor_metrics(std::string& out, EvidenceKeeper& evidence) {
    out +=
        "# HELP narrows_anchor_age_seconds since this anchor took a checkpoint\n"
        "# TYPE narrows_anchor_age_seconds gauge\n"
        "# HELP narrows_anchor_trouble 1: it did not take the last one\n"
        "# TYPE narrows_anchor_trouble gauge\n"
        "# HELP narrows_anchor_contradicts 1: it knows more than this log, or another one\n"
        "# TYPE narrows_anchor_contradicts gauge\n";
    for (const AnchorState& anchor : evidence.anchoring().states()) {
        const std::string labels =
            fmt::format("{{anchor=\"{}\",kind=\"{}\"}}", anchor.name, anchor.kind);
        if (anchor.age_ns) {
            out +=
                fmt::format("narrows_anchor_age_seconds{} {}\n", labels, seconds(*anchor.age_ns));
        }
        out += fmt::format("narrows_anchor_trouble{} {}\n", labels, anchor.trouble.empty() ? 0 : 1);
        out += fmt::format("narrows_anchor_contradicts{} {}\n", labels, anchor.contradicts ? 1 : 0);
    }
    if (const auto age = evidence.anchoring().age_ns()) {
        out += fmt::format(
            "# HELP narrows_anchored_age_seconds since any anchor took one\n"
            "# TYPE narrows_anchored_age_seconds gauge\n"
            "narrows_anchored_age_seconds {}\n",
            seconds(*age));
    }
    out += "# HELP narrows_alarm 1 for each that is raised\n# TYPE narrows_alarm gauge\n";
    for (const auto& [what, why] : evidence.alarms().active()) {
        out += fmt::format("narrows_alarm{{what=\"{}\"}} 1\n", what);
    }
}

codec::Map anchor_health(EvidenceKeeper& evidence) {
    codec::List anchors;
    for (const AnchorState& anchor : evidence.anchoring().states()) {
        anchors.emplace_back(codec::Map{
            {"name", anchor.name},
            {"kind", anchor.kind},
            {"age_s", anchor.age_ns ? codec::Value(*anchor.age_ns / kNsPerSecond) : codec::Value()},
            {"entries", anchor.size},
            {"trouble", anchor.trouble},
            {"contradicts", anchor.contradicts}});
    }
    codec::List alarms;
    for (const auto& [what, why] : evidence.alarms().active()) {
        alarms.emplace_back(codec::Map{{"what", what}, {"why", why}});
    }
    const auto age = evidence.anchoring().age_ns();
    return {{"anchors", std::move(anchors)},
            {"anchored_age_s", age ? codec::Value(*age / kNsPerSecond) : codec::Value()},
            {"alarms", std::move(alarms)}};
}

void gauge(std::string& out, const char* name, const char* help, std::uint64_t value) {
    out += fmt::format("# HELP {} {}\n# TYPE {} gauge\n{} {}\n", name, help, name, name, value);
}

}  // namespace

std::string metrics_text(Runtime& runtime) {
    std::string out;
    gauge(out, "narrows_sessions", "sessions that may act", runtime.sessions.all().size());
    gauge(out, "narrows_operations_in_flight", "operations between INTENT and outcome",
          runtime.gate->inside());
    gauge(out, "narrows_lobby_counted_total", "attempts only counted, beyond the lobby's budget",
          runtime.lobby->counted());
    const journal::State state = runtime.journal->state();
    gauge(out, "narrows_journal_refusing", "1: nothing can be recorded, so nothing passes",
          state.condition == journal::Condition::refusing ? 1 : 0);
    gauge(out, "narrows_journal_low_space", "1: no new sessions",
          state.condition == journal::Condition::low_space ? 1 : 0);
    gauge(out, "narrows_evidence_log_size", "entries in the evidence log",
          runtime.evidence->size());
    gauge(out, "narrows_evidence_log_trouble", "1: checkpoints cannot be signed",
          runtime.evidence->trouble().empty() ? 0 : 1);
    gauge(out, "narrows_clock_jumps_total", "times the wall clock was set since the start",
          runtime.evidence->clock_jumps());
    gauge(out, "narrows_clock_synchronised", "1: some daemon keeps the wall clock",
          read_clock_state(runtime.clock).synchronised ? 1 : 0);
    anchor_metrics(out, *runtime.evidence);
    const journal::Counters counters = runtime.journal->counters();
    gauge(out, "narrows_journal_queued_frames", "records not yet durable", counters.queued_frames);
    gauge(out, "narrows_journal_queued_bytes", "bytes of records not yet durable",
          counters.queued_bytes);
    lane_metrics(out, "control", counters.control);
    lane_metrics(out, "bulk", counters.bulk);
    return out;
}

Health health(Runtime& runtime) {
    const journal::State state = runtime.journal->state();
    Health health;
    health.healthy = state.condition != journal::Condition::refusing;
    codec::Map map;
    map.emplace("status", health.healthy ? "ok" : "refusing");
    map.emplace("journal", name_of(state.condition));
    map.emplace("why", state.why);
    map.emplace("evidence_log",
                runtime.evidence->trouble().empty() ? "ok" : runtime.evidence->trouble());
    map.merge(anchor_health(*runtime.evidence));
    map.emplace("no_new_sessions", runtime.evidence->no_new_sessions());
    map.emplace("sessions", std::uint64_t{runtime.sessions.all().size()});
    map.emplace("draining", runtime.draining.load());
    health.json = codec::json_encode(codec::Value(std::move(map))) + "\n";
    return health;
}

}  // namespace narrows::gateway
