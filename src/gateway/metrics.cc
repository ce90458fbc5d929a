#include "gateway/metrics.h"

#include <fmt/format.h>

#include "codec/json.h"
#include "gateway/lifecycle.h"

namespace narrows::gateway {
namespace {

using recorder::AnchorState;

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

void describe(std::string& out, const char* name, const char* type, const char* help) {
    out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

void single(std::string& out, const char* name, const char* type, const char* help,
            std::uint64_t value) {
    describe(out, name, type, help);
    out += fmt::format("{} {}\n", name, value);
}

void gauge(std::string& out, const char* name, const char* help, std::uint64_t value) {
    single(out, name, "gauge", help, value);
}

struct LaneSeries {
    const char* name;
    const char* type;
    const char* help;
    std::uint64_t journal::LaneCounters::*value;
};

constexpr LaneSeries kLaneSeries[] = {
    {"narrows_journal_frames_total", "counter", "records written", &journal::LaneCounters::frames},
    {"narrows_journal_batches_total", "counter", "writes to disk", &journal::LaneCounters::batches},
    {"narrows_journal_bytes_written_total", "counter", "bytes written",
     &journal::LaneCounters::bytes_written},
    {"narrows_journal_faults_total", "counter", "segments given up after a failed write or sync",
     &journal::LaneCounters::faults},
    {"narrows_journal_syncs_total", "counter", "syncs to disk", &journal::LaneCounters::syncs},
    {"narrows_journal_room_bytes", "gauge", "room in the active segment and the prepared spares",
     &journal::LaneCounters::room_bytes},
};

void sync_buckets(std::string& out, const char* lane, const journal::LaneCounters& counters) {
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
    out += fmt::format("narrows_journal_sync_seconds_count{{lane=\"{}\"}} {}\n", lane, sum);
}

void lane_metrics(std::string& out, const journal::Counters& counters) {
    for (const LaneSeries& series : kLaneSeries) {
        describe(out, series.name, series.type, series.help);
        out += fmt::format("{0}{{lane=\"control\"}} {1}\n{0}{{lane=\"bulk\"}} {2}\n", series.name,
                           counters.control.*series.value, counters.bulk.*series.value);
    }
    describe(out, "narrows_journal_sync_seconds", "histogram", "how long a sync took");
    sync_buckets(out, "control", counters.control);
    sync_buckets(out, "bulk", counters.bulk);
}

double seconds(std::int64_t ns) {
    return static_cast<double>(ns) / 1e9;
}

std::string labels_of(const AnchorState& anchor) {
    return fmt::format("{{anchor=\"{}\",kind=\"{}\"}}", anchor.name, anchor.kind);
}

/// Ages are left out for what no anchor has taken since the start.
void anchor_metrics(std::string& out, const recorder::Status& status) {
    const std::vector<AnchorState>& anchors = status.anchors;
    const auto flags = [&](const char* name, const char* help, auto raised) {
        describe(out, name, "gauge", help);
        for (const AnchorState& anchor : anchors) {
            out += fmt::format("{}{} {}\n", name, labels_of(anchor), raised(anchor) ? 1 : 0);
        }
    };
    describe(out, "narrows_anchor_age_seconds", "gauge", "since this anchor took a checkpoint");
    for (const AnchorState& anchor : anchors) {
        if (anchor.age_ns) {
            out += fmt::format("narrows_anchor_age_seconds{} {}\n", labels_of(anchor),
                               seconds(*anchor.age_ns));
        }
    }
    flags("narrows_anchor_trouble", "1: it did not take the last one",
          [](const AnchorState& anchor) { return !anchor.trouble.empty(); });
    flags("narrows_anchor_contradicts", "1: it knows more than this log, or another one",
          [](const AnchorState& anchor) { return anchor.contradicts; });
    if (const auto age = status.anchored_age_ns) {
        describe(out, "narrows_anchored_age_seconds", "gauge", "since any anchor took one");
        out += fmt::format("narrows_anchored_age_seconds {}\n", seconds(*age));
    }
    describe(out, "narrows_alarm", "gauge", "1 for each that is raised");
    for (const auto& [what, why] : status.alarms) {
        out += fmt::format("narrows_alarm{{what=\"{}\"}} 1\n", what);
    }
}

codec::Map anchor_health(const recorder::Status& status) {
    codec::List anchors;
    for (const AnchorState& anchor : status.anchors) {
        anchors.emplace_back(codec::Map{
            {"name", anchor.name},
            {"kind", anchor.kind},
            {"age_s", anchor.age_ns ? codec::Value(*anchor.age_ns / kNsPerSecond) : codec::Value()},
            {"entries", anchor.size},
            {"trouble", anchor.trouble},
            {"contradicts", anchor.contradicts}});
    }
    codec::List alarms;
    for (const auto& [what, why] : status.alarms) {
        alarms.emplace_back(codec::Map{{"what", what}, {"why", why}});
    }
    const auto age = status.anchored_age_ns;
    return {{"anchors", std::move(anchors)},
            {"anchored_age_s", age ? codec::Value(*age / kNsPerSecond) : codec::Value()},
            {"alarms", std::move(alarms)}};
}

void archive_metrics(std::string& out, const recorder::Status& status, WallNs now) {
    if (!status.archive) {
        return;
    }
    const recorder::ArchiveState& archive = *status.archive;
    gauge(out, "narrows_archive_trouble", "1: the last round did not bring all",
          archive.trouble.empty() ? 0 : 1);
    gauge(out, "narrows_archive_backlog_segments", "complete segments that are not archived yet",
          archive.backlog.segments);
    gauge(out, "narrows_archive_backlog_bytes", "bytes of these", archive.backlog.bytes);
    gauge(out, "narrows_archive_log_size", "entries of the newest checkpoint in the archive",
          archive.backlog.log_size);
    single(out, "narrows_archive_removed_total", "counter",
           "local copies of archived segments removed", archive.backlog.removed);
    if (archive.age_ns) {
        describe(out, "narrows_archive_age_seconds", "gauge", "since the archive had everything");
        out += fmt::format("narrows_archive_age_seconds {}\n", seconds(*archive.age_ns));
    }
    if (archive.backlog.oldest != 0) {
        describe(out, "narrows_archive_backlog_age_seconds", "gauge",
                 "since the oldest segment that waits was begun");
        out += fmt::format("narrows_archive_backlog_age_seconds {}\n",
                           seconds(now - archive.backlog.oldest));
    }
}

codec::Value archive_health(const recorder::Status& status) {
    if (!status.archive) {
        return {};
    }
    const recorder::ArchiveState& archive = *status.archive;
    return codec::Map{
        {"store", archive.store},
        {"age_s", archive.age_ns ? codec::Value(*archive.age_ns / kNsPerSecond) : codec::Value()},
        {"backlog_segments", archive.backlog.segments},
        {"backlog_bytes", archive.backlog.bytes},
        {"entries", archive.backlog.log_size},
        {"removed", archive.backlog.removed},
        {"trouble", archive.trouble}};
}

}  // namespace

std::string metrics_text(Runtime& runtime) {
    std::string out;
    gauge(out, "narrows_sessions", "sessions that may act", runtime.sessions.all().size());
    gauge(out, "narrows_operations_in_flight", "operations between INTENT and outcome",
          runtime.gate->inside());
    single(out, "narrows_lobby_counted_total", "counter",
           "attempts only counted, beyond the lobby's budget", runtime.lobby->counted());
    single(out, "narrows_findings_total", "counter",
           "key ids, private keys, signed URLs and session tokens seen in answers",
           runtime.services->findings);
    const recorder::Status status = runtime.recorder->status();
    const journal::State& state = status.journal;
    gauge(out, "narrows_journal_refusing", "1: nothing can be recorded, so nothing passes",
          state.condition == journal::Condition::refusing ? 1 : 0);
    gauge(out, "narrows_journal_low_space", "1: no new sessions",
          state.condition == journal::Condition::low_space ? 1 : 0);
    gauge(out, "narrows_evidence_log_size", "entries in the evidence log", status.log_size);
    gauge(out, "narrows_evidence_log_trouble", "1: checkpoints cannot be signed",
          status.log_trouble.empty() ? 0 : 1);
    single(out, "narrows_clock_jumps_total", "counter",
           "times the wall clock was set since the start", status.clock_jumps);
    gauge(out, "narrows_clock_synchronised", "1: some daemon keeps the wall clock",
          read_clock_state(runtime.clock).synchronised ? 1 : 0);
    anchor_metrics(out, status);
    archive_metrics(out, status, runtime.clock.wall());
    const journal::Counters& counters = status.counters;
    gauge(out, "narrows_journal_queued_frames", "records not yet durable", counters.queued_frames);
    gauge(out, "narrows_journal_queued_bytes", "bytes of records not yet durable",
          counters.queued_bytes);
    lane_metrics(out, counters);
    return out;
}

Health health(Runtime& runtime) {
    const recorder::Status status = runtime.recorder->status();
    const journal::State& state = status.journal;
    Health health;
    health.healthy = state.condition != journal::Condition::refusing;
    codec::Map map;
    map.emplace("status", health.healthy ? "ok" : "refusing");
    map.emplace("origin", "narrows/" + runtime.name);
    map.emplace("journal", name_of(state.condition));
    const std::string no_session = no_new_sessions(runtime);
    map.emplace("can_start", no_session.empty());
    map.emplace("why", no_session);
    map.emplace("evidence_log", status.log_trouble.empty() ? "ok" : status.log_trouble);
    map.merge(anchor_health(status));
    map.emplace("archive", archive_health(status));
    map.emplace("sessions", std::uint64_t{runtime.sessions.all().size()});
    map.emplace("draining", runtime.draining.load());
    health.json = codec::json_encode(codec::Value(std::move(map))) + "\n";
    return health;
}

}  // namespace narrows::gateway
