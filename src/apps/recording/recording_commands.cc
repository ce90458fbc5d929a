#include "apps/recording/recording_commands.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <thread>

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <toml++/toml.h>

#include "apps/recording/common.h"
#include "apps/recording/story.h"
#include "codec/json.h"
#include "codec/text.h"
#include "review/findings.h"
#include "review/limits.h"
#include "review/recording.h"

namespace narrows::apps {
namespace {

constexpr std::uint64_t kBodyShownMax = 1 << 20;
constexpr std::int64_t kPauseMax = 5 * kNsPerSecond;

void print_json(std::ostream& out, const codec::Value& value) {
    out << codec::json_encode(value) << "\n";
}

/// Whether `--operation` leaves this one out.
bool is_left_out(const RecordingOptions& options, const review::OperationView& operation) {
    return options.operation && *options.operation != operation.op.value();
}

review::ReadOptions read_options(const RecordingOptions& options) {
    review::ReadOptions read;
    read.body_bytes_max = options.bodies ? kBodyShownMax : 0;
    if (options.operation) {
        read.only = model::Sequence(*options.operation);
    }
    return read;
}

/// Secret values of the one operation that was asked for, of no other.
codec::Value operation_json(const RecordingOptions& options,
                            const review::OperationView& operation) {
    codec::Value line = json_of(operation, options.bodies);
    if (options.operation && !operation.secrets.empty()) {
        line.as<codec::Map>()->emplace(
            "secrets", codec::List(operation.secrets.begin(), operation.secrets.end()));
    }
    return line;
}

int show_json(const RecordingOptions& options, const Chosen& chosen, std::ostream& out,
              std::ostream& err) {
    codec::Value header = json_of(chosen.session);
    (*header.as<codec::Map>())["type"] = "session";
    print_json(out, header);
    review::Limits limits;
    review::Findings findings;
    const review::RecordingSink sink{[&](const review::EventView& event) {
                                         limits.add(event);
                                         print_json(out, json_of(event));
                                     },
                                     [&](const review::OperationView& operation) {
                                         limits.add(operation);
                                         findings.add(operation);
                                         if (!is_left_out(options, operation)) {
                                             print_json(out, operation_json(options, operation));
                                         }
                                     }};
    const auto read =
        review::read_recording(chosen.source(), chosen.session, read_options(options), sink);
    if (!read) {
        return failed(read.error(), err);
    }
    print_json(out, review::json_of(findings));
    codec::List sentences;
    for (std::string& each : limits.sentences(io::posix(), chosen.data_dir)) {
        sentences.emplace_back(std::move(each));
    }
    print_json(out, codec::Map{{"type", "cannot_show"}, {"sentences", std::move(sentences)}});
    return kExitHeld;
}

/// `before` is told each record's time before it is shown.
int tell(const RecordingOptions& options, const Chosen& chosen, std::ostream& out,
         std::ostream& err, const std::function<void(WallNs)>& before) {
    Story story(out, {wants_colour(out), options.bodies, options.operation.has_value()});
    story.header(chosen.session);
    review::Limits limits;
    review::Findings findings;
    bool found = false;
    const review::RecordingSink sink{
        [&](const review::EventView& event) {
            limits.add(event);
            if (!options.operation || event.kind == model::RecordKind::open) {
                before(event.time);
                story.event(event);
            }
        },
        [&](const review::OperationView& operation) {
            limits.add(operation);
            findings.add(operation);
            if (!is_left_out(options, operation)) {
                found = true;
                before(operation.time);
                story.operation(operation);
            }
        }};
    const auto read =
        review::read_recording(chosen.source(), chosen.session, read_options(options), sink);
    if (!read) {
        return failed(read.error(), err);
    }
    if (options.operation && !found) {
        fmt::print(err, "narrows: the session has no operation {}\n", *options.operation);
        return kExitUsage;
    }
    if (!options.operation) {
        story.findings(review::lines_of(findings));
        story.cannot_show(limits.sentences(io::posix(), chosen.data_dir));
    }
    return kExitHeld;
}

int write_raw(const RecordingOptions& options, const Chosen& chosen, std::ostream& out,
              std::ostream& err) {
    if (!options.operation) {
        fmt::print(err, "narrows: --raw writes one response: say which with --operation N\n");
        return kExitUsage;
    }
    std::ofstream file(options.raw, std::ios::binary | std::ios::trunc);
    std::uint64_t size = 0;
    review::ReadOptions read = read_options(options);
    read.body = [&](bool is_request, ByteView bytes) {
        if (!is_request) {
            size += bytes.size();
            file.write(as_text(bytes).data(), static_cast<std::streamsize>(bytes.size()));
        }
    };
    const review::RecordingSink sink{[](const review::EventView&) {},
                                     [](const review::OperationView&) {}};
    const auto done = review::read_recording(chosen.source(), chosen.session, read, sink);
    if (!done) {
        return failed(done.error(), err);
    }
    file.close();
    if (!file) {
        return failed({ErrorCode::io, "could not write " + options.raw}, err);
    }
    fmt::print(out, "{} bytes written to {}\n", size, options.raw);
    return kExitHeld;
}

void add_common(CLI::App* command, RecordingOptions& options) {
    command->add_option("--data-dir", options.data_dir, "the gateway's data directory, or a copy");
    command->add_option("--config", options.config, "narrows.toml, to find the data directory");
    command->add_flag("--json", options.json, "one JSON object a line");
    command->add_option("--key", options.keys,
                        "an age identity file that opens what is recorded; may be given several "
                        "times (default: reviewer.key in the data directory, if it is there)");
}

void add_restore_options(CLI::App* command, RecordingOptions& options) {
    command
        ->add_option("--from", options.from,
                     "the gateway's folder in the archive: DIR/v1/narrows+NAME or "
                     "s3://BUCKET/…/v1/narrows+NAME")
        ->required();
    command->add_option("--to", options.to, "a new data directory")->required();
    add_s3_options(command, options);
    command->add_flag("--json", options.json, "one JSON object");
}

using Run = int (*)(const RecordingOptions&, std::ostream&, std::ostream&);

CLI::App* add_command(CLI::App* to, const char* name, const char* about, Run run,
                      const std::shared_ptr<RecordingOptions>& options, int& exit_code) {
    CLI::App* command = to->add_subcommand(name, about);
    add_common(command, *options);
    command->callback(
        [run, options, &exit_code] { exit_code = run(*options, std::cout, std::cerr); });
    return command;
}

}  // namespace

Result<std::string> data_dir_of(const RecordingOptions& options) {
    if (!options.data_dir.empty()) {
        return options.data_dir;
    }
    if (options.config.empty()) {
        return fail(ErrorCode::invalid,
                    "where are the recordings? Say --data-dir DIR or --config narrows.toml");
    }
    try {
        const toml::table table = toml::parse_file(options.config);
        const auto data_dir = table["gateway"]["data_dir"].value<std::string>();
        if (!data_dir) {
            return fail(ErrorCode::invalid, options.config + " has no data_dir under [gateway]");
        }
        return (std::filesystem::path(options.config).parent_path() / *data_dir).string();
    } catch (const toml::parse_error& error) {
        return fail(ErrorCode::invalid,
                    fmt::format("{}, line {}: {}", options.config, error.source().begin.line,
                                error.description()));
    }
}

std::vector<std::string> key_files(const RecordingOptions& options, const std::string& data_dir) {
    const std::string beside = data_dir + "/reviewer.key";
    const Result<bool> exists = io::posix().exists(beside);
    const bool has_own = exists && exists.value();
    return options.keys.empty() && has_own ? std::vector<std::string>{beside} : options.keys;
}

Result<Opened> open_recordings(const RecordingOptions& options) {
    NARROWS_TRY(std::string data_dir, data_dir_of(options));
    auto keys = std::make_unique<evidence::KeyRing>(io::posix(), data_dir);
    for (const std::string& path : key_files(options, data_dir)) {
        NARROWS_TRY(Bytes text, io::read_all(io::posix(), path, crypto::kAgeIdentityFileMax));
        const Secret identities(std::move(text));
        NARROWS_TRY(keys->add(identities.text()));
    }
    archive::Away away = archive::archived_away(io::posix(), data_dir);
    return Opened{std::move(data_dir), std::move(keys), std::move(away)};
}

Result<Chosen> choose_session(const RecordingOptions& options) {
    NARROWS_TRY(Opened opened, open_recordings(options));
    auto session = review::read_session(opened.source(), options.session);
    const auto archived = opened.away.sessions.find(options.session);
    if (!session && archived != opened.away.sessions.end()) {
        return fail(ErrorCode::not_found,
                    fmt::format("session {} was archived whole to {}: narrows recording restore "
                                "brings it back",
                                options.session, archived->second.store));
    }
    NARROWS_TRY(session);
    return Chosen{std::move(opened), std::move(session).value()};
}

void tell_archived(const Chosen& chosen, std::ostream& err) {
    const auto archived = chosen.away.sessions.find(chosen.session.session);
    if (archived != chosen.away.sessions.end()) {
        fmt::print(err,
                   "narrows: some records of this session are not here, since they were archived "
                   "to {}; narrows recording restore brings them back\n",
                   archived->second.store);
    }
}

namespace {

/// Sessions that are on record in the archive alone.
void list_archived(const RecordingOptions& options, const archive::Away& away,
                   const std::vector<review::SessionSummary>& here, std::ostream& out) {
    for (const auto& [id, session] : away.sessions) {
        const bool listed = std::any_of(here.begin(), here.end(), [&, &id = id](const auto& each) {
            return each.session == id;
        });
        if (listed) {
            continue;
        }
        if (options.json) {
            print_json(out, codec::Map{{"session", id},
                                       {"start", rfc3339(session.opened)},
                                       {"completeness", "archived"},
                                       {"store", session.store}});
        } else {
            fmt::print(out, "{}  {}  archived to {}\n", codec::printable(id),
                       rfc3339(session.opened), codec::printable(session.store));
        }
    }
}

/// "gaps" says that something is missing; what the log says is archived is not. The counts beside
/// these words are of what is here.
std::string completeness_words(const review::SessionSummary& session, const archive::Away& away) {
    const bool away_in_part = session.completeness == review::Completeness::gaps &&
                              away.sessions.contains(session.session);
    return away_in_part ? "partly here" : name_of(session.completeness);
}

}  // namespace

int run_recording_list(const RecordingOptions& options, std::ostream& out, std::ostream& err) {
    const Result<Opened> opened = open_recordings(options);
    if (!opened) {
        return failed(opened.error(), err);
    }
    const auto sessions = review::list_sessions(opened.value().source());
    if (!sessions) {
        return failed(sessions.error(), err);
    }
    const archive::Away& away = opened.value().away;
    list_archived(options, away, sessions.value(), out);
    for (const review::SessionSummary& each : sessions.value()) {
        if (options.json) {
            codec::Value line = json_of(each);
            (*line.as<codec::Map>())["completeness"] = completeness_words(each, away);
            if (const auto there = away.sessions.find(each.session); there != away.sessions.end()) {
                (*line.as<codec::Map>())["store"] = there->second.store;
            }
            print_json(out, line);
            continue;
        }
        fmt::print(out, "{}  {}  {:<11} {:>5} allowed {:>4} denied {:>3} unknown  {}  {}\n",
                   codec::printable(each.session), rfc3339(each.start),
                   completeness_words(each, away), each.allowed, each.denied, each.unknown,
                   codec::printable(each.agent.value), codec::printable(each.task.value));
    }
    if (sessions.value().empty() && away.sessions.empty() && !options.json) {
        fmt::print(err, "no session is on record in {}\n", opened.value().data_dir);
    }
    return kExitHeld;
}

int run_recording_show(const RecordingOptions& options, std::ostream& out, std::ostream& err) {
    const Result<Chosen> chosen = choose_session(options);
    if (!chosen) {
        return failed(chosen.error(), err);
    }
    tell_archived(chosen.value(), err);
    if (!options.raw.empty()) {
        return write_raw(options, chosen.value(), out, err);
    }
    return options.json ? show_json(options, chosen.value(), out, err)
                        : tell(options, chosen.value(), out, err, [](WallNs) {});
}

int run_recording_replay(const RecordingOptions& options, std::ostream& out, std::ostream& err) {
    const Result<Chosen> chosen = choose_session(options);
    if (!chosen) {
        return failed(chosen.error(), err);
    }
    tell_archived(chosen.value(), err);
    if (!(options.speed > 0)) {
        return failed({ErrorCode::invalid, "--speed is a number above zero"}, err);
    }
    WallNs last = chosen.value().session.start;
    return tell(options, chosen.value(), out, err, [&](WallNs time) {
        const std::int64_t pause = std::clamp<std::int64_t>(time - last, 0, kPauseMax);
        last = std::max(last, time);
        out.flush();
        std::this_thread::sleep_for(std::chrono::nanoseconds(
            static_cast<std::int64_t>(static_cast<double>(pause) / options.speed)));
    });
}

void register_recording_commands(CLI::App& app, int& exit_code) {
    const auto options = std::make_shared<RecordingOptions>();
    CLI::App* recording = app.add_subcommand("recording", "read and verify recordings");
    recording->require_subcommand(1);
    add_command(recording, "list", "the sessions on record", run_recording_list, options,
                exit_code);
    CLI::App* show = add_command(recording, "show", "a session as a story", run_recording_show,
                                 options, exit_code);
    CLI::App* replay = add_command(recording, "replay", "a session at its own pace",
                                   run_recording_replay, options, exit_code);
    CLI::App* exported =
        add_command(recording, "export",
                    "as evidence, or for other tools: records as they are, HAR, OCSF or CSV",
                    run_recording_export, options, exit_code);
    CLI::App* verify = add_command(recording, "verify", "whether the recordings can be relied on",
                                   run_recording_verify, options, exit_code);
    CLI::App* restore =
        recording->add_subcommand("restore", "a data directory anew, from an archive alone");
    restore->callback([options, &exit_code] {
        exit_code = run_recording_restore(*options, std::cout, std::cerr);
    });
    add_restore_options(restore, *options);
    for (CLI::App* command : {show, replay}) {
        command->add_option("session", options->session, "an id, a beginning of one, or last")
            ->required();
    }
    exported->add_option("session", options->session,
                         "an id, a beginning of one, or last; without one, everything on record "
                         "(HAR needs one)");
    for (CLI::App* command : {show, replay}) {
        command->add_flag("--bodies", options->bodies, "print request and response bodies");
    }
    show->add_option("--operation", options->operation, "this one only, in full");
    show->add_option("--raw", options->raw, "write that operation's response body to a file");
    replay->add_option("--speed", options->speed, "how many times as fast as it happened");
    exported->add_option("--format", options->format,
                         "jsonl (records as they are), har (HAR 1.2), ocsf (API Activity), csv");
    auto* output =
        exported->add_option("--output", options->output, "a new file instead of standard output");
    exported
        ->add_option("--output-dir", options->output_dir,
                     "a new folder: gets the export, and beside it the large bodies of a HAR")
        ->excludes(output);
    exported->add_option("--inline-max", options->inline_max,
                         "har: bytes of a body inside the document; larger ones go beside it with "
                         "--output-dir, else are cut and marked");
    auto* evidence = exported->add_flag(
        "--evidence", options->evidence,
        "a bundle that verifies by itself: a folder (--output-dir), or a tar of it (--output)");
    exported->add_flag("--proof", options->proof, "a C2SP tlog-proof of --operation N, to --output")
        ->excludes(evidence);
    exported->add_option("--operation", options->operation, "proof: the operation's number");
    exported->add_option("--to", options->recipient,
                         "evidence: the session's keys in envelopes to this age recipient");
    exported->add_flag("--open", options->open,
                       "evidence: the session's keys in plain; proof: show the record's fields");
    exported
        ->add_option("--redact", options->redact,
                     "withhold these fields (observed/request/headers/3), or bodies; may be given "
                     "several times")
        ->allow_extra_args(false);
    exported->add_option("--ocsf-version", options->ocsf_version, "ocsf: 1.8.0 or 1.9.0");
    verify->add_option("session", options->session,
                       "findings of this session only; or the path of a bundle or a proof");
    add_verify_options(verify, options->trust, options->checkpoints, options->archive);
    add_s3_options(verify, *options);
}

}  // namespace narrows::apps
