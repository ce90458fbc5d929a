#include "apps/reconcile/reconcile_command.h"

#include <charconv>
#include <iostream>
#include <memory>

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <unistd.h>

#include "apps/recording/common.h"
#include "codec/json.h"
#include "codec/text.h"
#include "reconcile/reconcile.h"

namespace narrows::apps {
namespace {

constexpr std::int64_t kWeekS = 7 * 24 * 3600;
constexpr std::uint64_t kPublicKeysMax = std::uint64_t{4} << 20;
constexpr std::size_t kProgressWidth = 100;

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
        NARROWS_TRY(io::posix().make_directory(given.state));
        options.state = given.state + "/reconcile.sqlite";
    }
    options.gateways = {given.gateways.begin(), given.gateways.end()};
    options.buckets = {given.buckets.begin(), given.buckets.end()};
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

Result<reconcile::Outcome> run(const ReconcileOptions& given, std::ostream& out,
                               std::ostream& err) {
    NARROWS_TRY(reconcile::Options options, options_of(given));
    NARROWS_TRY(const Opened opened, open_recordings(given.recordings));
    const auto trail = reconcile::directory_trail(io::posix(), given.cloudtrail);
    options.progress = progress_on(err);
    bool is_clear = !options.progress;
    const auto tell = [&](const codec::Map& said) {
        if (!std::exchange(is_clear, true)) {
            fmt::print(err, "\r{:{}}\r", "", kProgressWidth);
        }
        if (given.recordings.json) {
            out << codec::json_encode(said) << "\n";
        } else {
            out << line_of(said);
        }
    };
    NARROWS_TRY(reconcile::Outcome outcome,
                reconcile::reconcile(opened.source(), opened.away, *trail, options, tell));
    if (given.recordings.json) {
        codec::Map summary = outcome.map();
        summary["type"] = "summary";
        out << codec::json_encode(summary) << "\n";
    } else {
        print_summary(outcome, out);
    }
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
                     "the trail: a folder with (or above) AWSLogs")
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
    command->add_option("--settle", options->settle,
                        "how long events may be on their way: 15m, 1h (if nothing is said), 24h");
    command->add_option("--gateway-identity", options->gateways,
                        "ARN of the gateway's own role or user, if the trail does not show who "
                        "assumes its roles");
    command->add_option("--gateway-bucket", options->buckets,
                        "a bucket that the gateway itself uses: its archive, its anchors");
    command->add_flag("--recheck", options->again,
                      "read files again that have not changed since the last run");
    command->callback(
        [options, &exit_code] { exit_code = run_reconcile(*options, std::cout, std::cerr); });
}

}  // namespace narrows::apps
