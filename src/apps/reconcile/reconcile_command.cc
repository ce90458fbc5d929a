#include "apps/reconcile/reconcile_command.h"

#include <charconv>
#include <iostream>
#include <memory>

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apps/recording/common.h"
#include "codec/json.h"
#include "codec/text.h"
#include "crypto/hash.h"
#include "gateway/s3_trail.h"
#include "reconcile/reconcile.h"

namespace narrows::apps {
namespace {

constexpr std::int64_t kWeekS = 7 * 24 * 3600;
constexpr std::uint64_t kPublicKeysMax = std::uint64_t{4} << 20;
constexpr std::size_t kProgressWidth = 100;
constexpr mode_t kOwnerOnly = 077;

/// A line for people; `what` may hold a trail's text.
std::string line_of(const codec::Map& said) {
    const codec::Value value(said);
    const std::string type = value.text("type");
    const std::string kind = type == "finding" ? value.text("kind") : type;
    const std::string when = value.text("time", value.text("first"));
    std::string what = value.text("operation", value.text("file", value.text("what")));
    if (const std::string record = value.text("record"); !record.empty()) {
        what += " #" + record;
    }
    if (value.find("count") != nullptr) {
        what += fmt::format(" ({})", value.number("count"));
    }
    std::string line = fmt::format("{:<14} {:<24} {}\n    {}", kind, when, what, value.text("why"));
    for (const char* name : {"event", "request_id", "key_id", "principal", "session", "error"}) {
        if (const std::string text = value.text(name); !text.empty()) {
            line += fmt::format("\n    {:<11} {}", name, text);
        }
    }
    std::string out;
    for (const std::string_view each : codec::split(line, '\n')) {
        out += codec::printable(each) + "\n";
    }
    return out;
}

void print_summary(const reconcile::Outcome& outcome, std::ostream& out) {
    fmt::print(out,
               "\n{} to {}\n"
               "  operations on record   {} ({} matched, {} pending, {} not covered)\n"
               "  events looked at       {}\n"
               "  calls without a record {}\n"
               "  records without a call {}\n"
               "  calls that differ      {}\n"
               "  findings in the trail  {}\n",
               rfc3339(outcome.from), rfc3339(outcome.to), outcome.operations, outcome.matched,
               outcome.pending, outcome.not_covered, outcome.events, outcome.bypasses,
               outcome.missing, outcome.differs, outcome.trail_findings);
    for (const std::string& each : outcome.open) {
        fmt::print(out, "could not tell: {}\n", codec::printable(each));
    }
    fmt::print(out, "{}\n",
               outcome.verdict == reconcile::Verdict::agreed    ? "agreed"
               : outcome.verdict == reconcile::Verdict::wanting ? "FOUND WANTING"
                                                                : "COULD NOT TELL");
}

Result<reconcile::Options> options_of(const ReconcileOptions& given) {
    reconcile::Options options;
    const auto settle = duration_s(given.settle);
    if (!settle) {
        return fail(ErrorCode::invalid, "--settle takes a time such as 15m, 1h or 24h");
    }
    options.settle_ns = *settle * kNsPerSecond;
    options.now = system_clock().wall();
    NARROWS_TRY(options.covers, reconcile::Covers::parse(given.covers));
    if (!given.public_keys.empty()) {
        NARROWS_TRY(const Bytes text, io::read_all(io::posix(), given.public_keys, kPublicKeysMax));
        NARROWS_TRY(options.keys, reconcile::PublicKeys::parse(as_text(text)));
    }
    if (!given.state.empty()) {
        ::umask(kOwnerOnly);  // the state holds parameters of operations
        NARROWS_TRY(io::posix().make_directory(given.state));
        options.state = given.state + "/reconcile.sqlite";
    }
    options.regions = {given.regions.begin(), given.regions.end()};
    options.gateways = {given.gateways.begin(), given.gateways.end()};
    options.own = {given.buckets.begin(), given.buckets.end()};
    options.own.insert(given.kms_keys.begin(), given.kms_keys.end());
    options.again = given.again;
    return options;
}

std::function<void(const std::string&)> progress_on(std::ostream& err) {
    if (&err != &std::cerr || isatty(STDERR_FILENO) == 0) {
        return {};
    }
    return [&err](const std::string& doing) {
        const std::size_t from = doing.size() > kProgressWidth ? doing.size() - kProgressWidth : 0;
        fmt::print(err, "\r{:<{}}", codec::printable(doing.substr(from)), kProgressWidth);
    };
}

Result<std::unique_ptr<reconcile::Trail>> open_trail(const ReconcileOptions& given,
                                                     gateway::Fetches& fetches) {
    if (!given.cloudtrail.starts_with(kInS3)) {
        return reconcile::directory_trail(io::posix(), given.cloudtrail);
    }
    return gateway::open_s3_trail(place_at(given.recordings.s3, given.cloudtrail), system_clock(),
                                  fetches);
}

/// Says what is found, and remembers the hash of all that was said.
class Teller {
  public:
    Teller(const ReconcileOptions& given, bool shows_progress, std::ostream& out, std::ostream& err)
        : json_(given.recordings.json), is_clear_(!shows_progress), out_(out), err_(err) {}

    void tell(const codec::Map& said) {
        clear();
        const std::string line = codec::json_encode(said) + "\n";
        report_.update(line);
        out_ << (json_ ? line : line_of(said));
    }
    void clear() {
        if (!std::exchange(is_clear_, true)) {
            fmt::print(err_, "\r{:{}}\r", "", kProgressWidth);
        }
    }
    std::string report() { return codec::hex(report_.finish256()); }

  private:
    const bool json_;
    bool is_clear_;
    std::ostream& out_;
    std::ostream& err_;
    crypto::Hasher report_;
};

/// The verdict for the log, as the operator's port takes it.
Result<void> record(const ReconcileOptions& given, const reconcile::Outcome& outcome,
                    const std::string& report) {
    NARROWS_TRY(const client::Operator gateway, client::Operator::make(given.gateway));
    const codec::Map counts{{"operations", outcome.operations},
                            {"events", outcome.events},
                            {"matched", outcome.matched},
                            {"bypasses", outcome.bypasses},
                            {"missing", outcome.missing},
                            {"differs", outcome.differs},
                            {"pending", outcome.pending},
                            {"not_covered", outcome.not_covered},
                            {"trail_findings", outcome.trail_findings}};
    NARROWS_TRY(gateway.reconciled({{"trail", outcome.trail},
                                    {"from", outcome.from},
                                    {"to", outcome.to},
                                    {"verdict", name_of(outcome.verdict)},
                                    {"counts", counts},
                                    {"report", report}}));
    return ok();
}

Result<reconcile::Outcome> run(const ReconcileOptions& given, std::ostream& out,
                               std::ostream& err) {
    NARROWS_TRY(reconcile::Options options, options_of(given));
    NARROWS_TRY(const Opened opened, open_recordings(given.recordings));
    gateway::Fetches fetches(gateway::Fetches::kTriesOfCommands);
    NARROWS_TRY(const auto trail, open_trail(given, fetches));
    options.progress = progress_on(err);
    Teller teller(given, static_cast<bool>(options.progress), out, err);
    NARROWS_TRY(reconcile::Outcome outcome,
                reconcile::reconcile(opened.source(), opened.away, *trail, options,
                                     [&](const codec::Map& said) { teller.tell(said); }));
    teller.clear();
    const std::string report = teller.report();
    // The report is worth having even if the log cannot take its verdict.
    const Result<void> recorded =
        given.record ? record(given, outcome, report) : Result<void>(ok());
    const bool is_recorded = given.record && recorded.has_value();
    if (given.recordings.json) {
        codec::Map summary = outcome.map();
        summary["type"] = "summary";
        summary["report"] = report;
        summary["recorded"] = is_recorded;
        out << codec::json_encode(summary) << "\n";
    } else {
        print_summary(outcome, out);
        if (is_recorded) {
            fmt::print(out, "The verdict is in the gateway's log.\n");
        }
    }
    NARROWS_TRY(recorded);
    return outcome;
}

}  // namespace

std::optional<std::int64_t> duration_s(std::string_view text) {
    std::int64_t number = 0;
    const char* const last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), last, number);
    if (error != std::errc() || end + 1 != last || number < 0 || number > kWeekS) {
        return std::nullopt;
    }
    const std::int64_t unit = *end == 's' ? 1 : *end == 'm' ? 60 : *end == 'h' ? 3600 : 0;
    const std::int64_t seconds = number * unit;
    return unit == 0 || seconds > kWeekS ? std::nullopt : std::optional(seconds);
}

int run_reconcile(const ReconcileOptions& options, std::ostream& out, std::ostream& err) {
    const Result<reconcile::Outcome> outcome = run(options, out, err);
    if (!outcome.has_value()) {
        return failed(outcome.error(), err);
    }
    switch (outcome.value().verdict) {
        case reconcile::Verdict::agreed:
            return kExitHeld;
        case reconcile::Verdict::wanting:
            return kExitWanting;
        default:
            return kExitCannotTell;
    }
}

void register_reconcile_command(CLI::App& app, int& exit_code) {
    const auto options = std::make_shared<ReconcileOptions>();
    CLI::App* command = app.add_subcommand(
        "reconcile", "recordings beside CloudTrail: no call without a record, and back");
    command
        ->add_option("--cloudtrail", options->cloudtrail,
                     "the trail: a folder with (or above) AWSLogs, or s3://BUCKET/PREFIX")
        ->required();
    RecordingOptions& recordings = options->recordings;
    command->add_option("--data-dir", recordings.data_dir,
                        "the gateway's data directory, or a copy");
    command->add_option("--config", recordings.config, "narrows.toml, to find the data directory");
    command->add_option(
        "--key", recordings.keys,
        "an age identity file that opens what is recorded (default: reviewer.key in "
        "the data directory, if it is there)");
    command->add_flag("--json", recordings.json, "one JSON object a line");
    command->add_option("--public-keys", options->public_keys,
                        "what `aws cloudtrail list-public-keys` prints, of the time of the trail");
    command->add_option("--state", options->state,
                        "a folder that is kept, so that the next run reads only what is new");
    command->add_option("--covers", options->covers,
                        "what the trail logs: management (if nothing is said), data, data-SERVICE "
                        "(data-s3); may be given several times");
    command->add_option("--expect-region", options->regions,
                        "a region that the trail logs: if it has no file of it, that is a finding; "
                        "may be given several times");
    command->add_option("--settle", options->settle,
                        "how long events may be on their way: 15m, 1h (if nothing is said), 24h");
    command->add_option("--gateway-identity", options->gateways,
                        "ARN of the gateway's own role or user, if the trail does not show who "
                        "assumes its roles");
    command->add_option("--gateway-bucket", options->buckets,
                        "a bucket that the gateway itself uses: its archive, its anchors");
    command->add_option("--gateway-key", options->kms_keys,
                        "the KMS key of its log, as its configuration names it");
    command->add_flag("--recheck", options->again,
                      "read files again that have not changed since the last run");
    add_s3_options(command, recordings);
    command->add_flag("--record", options->record,
                      "put the verdict into the gateway's log, as a [[reviewer]]");
    client::add_operator_options(*command, options->gateway);
    command->callback(
        [options, &exit_code] { exit_code = run_reconcile(*options, std::cout, std::cerr); });
}

}  // namespace narrows::apps
