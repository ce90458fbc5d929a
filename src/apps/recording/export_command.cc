#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <set>

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <unistd.h>

#include "apps/recording/common.h"
#include "codec/json.h"
#include "codec/text.h"
#include "evidence/payload.h"
#include "evidence/verify.h"
#include "journal/reader.h"
#include "review/csv.h"
#include "review/har.h"
#include "review/limits.h"
#include "review/ocsf.h"

namespace narrows::apps {
namespace {

using review::Exporter;

constexpr std::uint64_t kProgressEvery = 1'000;

/// Counts what went by, on a terminal only.
class Progress {
  public:
    explicit Progress(std::ostream& err, bool shown) : err_(err), shown_(shown) {}
    ~Progress() {
        if (shown_) {
            fmt::print(err_, "\r{:40}\r", "");
        }
    }
    void step() {
        if (shown_ && ++steps_ % kProgressEvery == 0) {
            fmt::print(err_, "\r{} records and operations exported", steps_);
            err_.flush();
        }
    }

  private:
    std::ostream& err_;
    bool shown_;
    std::uint64_t steps_ = 0;
};

// ---- records as they are

void print_line(std::ostream& out, codec::Map line) {
    out << codec::json_encode(codec::Value(std::move(line))) << "\n";
}

void print_frame(std::ostream& out, evidence::KeyRing& keys, const std::string& origin,
                 const journal::Frame& frame) {
    const Result<ByteView> plain = keys.open(origin, frame);
    codec::Map line{{"part", frame.part.value()},
                    {"sequence", frame.sequence.value()},
                    {"kind", model::name_of(frame.kind)},
                    {"time", rfc3339(frame.time)},
                    {"leaf", codec::hex(journal::leaf_of(origin, frame))}};
    if (!plain) {
        line["sealed"] = std::uint64_t{frame.payload.size()};
        line["operation"] = frame.op;
        return print_line(out, std::move(line));
    }
    auto payload = evidence::decode_payload(frame.kind, plain.value());
    if (payload) {
        line["payload"] = std::move(payload.value().value);
    } else {
        line["undecoded"] = to_bytes(plain.value());
    }
    print_line(out, std::move(line));
}

void print_gap(std::ostream& out, const journal::Gap& gap) {
    print_line(out, {{"gap", journal::name_of(gap.kind)},
                     {"file", gap.file},
                     {"offset", gap.location.offset},
                     {"bytes", gap.bytes},
                     {"why", gap.why}});
}

Result<void> export_part(const std::string& directory, evidence::KeyRing& keys, model::PartNo part,
                         std::ostream& out, Progress& progress) {
    NARROWS_TRY(journal::PartIndex index, journal::PartIndex::build(io::posix(), directory, part));
    for (const journal::Gap& gap : index.gaps()) {
        print_gap(out, gap);
    }
    for (const journal::PartIndex::Entry& entry : index.entries()) {
        NARROWS_TRY(const journal::Frame frame, index.read(entry));
        print_frame(out, keys, index.origin(), frame);
        progress.step();
    }
    return ok();
}

/// Every part, the system's and the lobby's too, about in the order in which things happened.
Result<void> export_all(const std::string& directory, evidence::KeyRing& keys, std::ostream& out,
                        Progress& progress) {
    NARROWS_TRY(journal::Reader reader, journal::Reader::open(io::posix(), directory));
    // After a disk fault a record may stand in the journal twice.
    std::set<std::pair<model::PartNo, model::Sequence>> printed;
    while (true) {
        NARROWS_TRY(const std::optional<journal::Item> item, reader.next());
        if (!item) {
            return ok();
        }
        if (const auto* gap = std::get_if<journal::Gap>(&*item)) {
            print_gap(out, *gap);
        } else if (const auto& frame = std::get<journal::Frame>(*item);
                   printed.emplace(frame.part, frame.sequence).second) {
            print_frame(out, keys, reader.origin(), frame);
            progress.step();
        }
    }
}

Result<void> export_records(const Chosen& chosen, std::ostream& out, Progress& progress) {
    const std::string directory = evidence::journal_directory(chosen.data_dir);
    if (chosen.session.session.empty()) {
        return export_all(directory, *chosen.keys, out, progress);
    }
    for (const model::PartNo part : chosen.session.parts) {
        NARROWS_TRY(export_part(directory, *chosen.keys, part, out, progress));
    }
    return ok();
}

// ---- formats of other tools

/// Opens files in a folder that this export made.
auto body_opener(const std::string& folder) {
    return [folder](const std::string& name) -> Result<std::unique_ptr<std::ostream>> {
        const std::string path = folder + "/" + name;
        auto file = std::make_unique<std::ofstream>(path, std::ios::binary | std::ios::trunc);
        if (!*file) {
            return fail(ErrorCode::io, "could not create " + path);
        }
        return std::unique_ptr<std::ostream>(std::move(file));
    };
}

std::unique_ptr<Exporter> exporter_of(const RecordingOptions& options, const Chosen& chosen,
                                      std::ostream& out) {
    if (options.format == "csv") {
        return review::csv_exporter(out);
    }
    if (options.format == "ocsf") {
        return review::ocsf_exporter(out, options.ocsf_version == "1.9.0"
                                              ? review::OcsfVersion::v1_9_0
                                              : review::OcsfVersion::v1_8_0);
    }
    review::HarOptions har{.inline_max = options.inline_max, .open_body = {}};
    if (!options.output_dir.empty()) {
        har.open_body = body_opener(options.output_dir);
    }
    return review::har_exporter(out, chosen.session, std::move(har));
}

/// What the log says is archived is not lost.
review::LossView explained(review::LossView loss, const archive::Away& away) {
    if (!loss.declared && loss.part && loss.records &&
        away.explains(loss.part->value(), loss.records->first.value(),
                      loss.records->last.value())) {
        loss.why = "archived to " + away.store + ", and not here any more";
    }
    return loss;
}

Result<void> export_with(Exporter& exporter, const Chosen& chosen, Progress& progress) {
    review::Limits limits;
    const review::RecordingSink sink{
        [&](const review::EventView& event) {
            limits.add(event);
            exporter.event(event);
            progress.step();
        },
        [&](const review::OperationView& operation) {
            limits.add(operation);
            exporter.operation(operation);
            progress.step();
        },
        [&](const review::LossView& loss) { exporter.lost(explained(loss, chosen.away)); }};
    const review::ReadOptions read{.in_order = false, .body_bytes_max = 0, .only = {}, .body = {}};
    if (chosen.session.session.empty()) {
        NARROWS_TRY(review::read_everything(chosen.source(), read, sink));
    } else {
        NARROWS_TRY(review::read_recording(chosen.source(), chosen.session, read, sink));
    }
    return exporter.finish(limits.sentences(io::posix(), chosen.data_dir));
}

// ---- where it goes

Result<void> check_usage(const RecordingOptions& options) {
    const std::set<std::string> formats{"jsonl", "har", "ocsf", "csv"};
    if (!formats.contains(options.format)) {
        return fail(ErrorCode::invalid, "--format is one of jsonl, har, ocsf and csv");
    }
    if (options.ocsf_version != "1.8.0" && options.ocsf_version != "1.9.0") {
        return fail(ErrorCode::invalid, "--ocsf-version is 1.8.0 or 1.9.0");
    }
    if (options.format == "har" && options.session.empty()) {
        return fail(ErrorCode::invalid,
                    "a HAR is of one session: name it, or say last; `narrows recording list` "
                    "shows all");
    }
    return ok();
}

/// A session of its own, or an empty one for everything on record.
Result<Chosen> choose(const RecordingOptions& options) {
    if (!options.session.empty()) {
        return choose_session(options);
    }
    NARROWS_TRY(Opened opened, open_recordings(options));
    return Chosen{std::move(opened), {}};
}

/// The path of the export: nothing is there yet. "": standard output.
Result<std::string> new_path(const RecordingOptions& options) {
    const std::string& wanted = options.output_dir.empty() ? options.output : options.output_dir;
    if (wanted.empty()) {
        return wanted;
    }
    NARROWS_TRY(const bool exists, io::posix().exists(wanted));
    if (exists) {
        return fail(ErrorCode::invalid,
                    wanted + " exists already and is not overwritten: name another, or move it");
    }
    if (options.output_dir.empty()) {
        return wanted;
    }
    NARROWS_TRY(io::posix().make_directory(wanted));
    return wanted + "/recording." + options.format;
}

void say_done(const RecordingOptions& options, const std::string& path,
              const Exporter::Counts* counts, std::ostream& out) {
    if (options.json) {
        codec::Map line{{"type", "export"}, {"format", options.format}, {"file", path}};
        if (counts != nullptr) {
            line["operations"] = counts->operations;
            line["losses"] = counts->losses;
            line["lossy"] = counts->lossy;
            line["bodies"] = counts->bodies;
        }
        print_line(out, std::move(line));
    } else if (counts == nullptr) {
        fmt::print(out, "records written to {}\n", codec::printable(path));
    } else {
        fmt::print(out, "{} operations written to {}", counts->operations, codec::printable(path));
        fmt::print(out, "; {} stretches lost, {} entries with bytes replaced, {} bodies beside\n",
                   counts->losses, counts->lossy, counts->bodies);
    }
}

Result<void> export_to(const RecordingOptions& options, std::ostream& out, std::ostream& err) {
    NARROWS_TRY(check_usage(options));
    NARROWS_TRY(const Chosen chosen, choose(options));
    NARROWS_TRY(const std::string path, new_path(options));
    std::ofstream file;
    if (!path.empty()) {
        NARROWS_TRY(io::posix().open(path, io::Mode::create_new));
        file.open(path, std::ios::binary);
    }
    std::ostream& to = path.empty() ? out : file;
    std::unique_ptr<Exporter> exporter;
    Result<void> done = ok();
    {
        Progress progress(err, !path.empty() && &err == &std::cerr && isatty(STDERR_FILENO) != 0);
        if (options.format == "jsonl") {
            done = export_records(chosen, to, progress);
        } else {
            exporter = exporter_of(options, chosen, to);
            done = export_with(*exporter, chosen, progress);
        }
    }
    to.flush();
    if (done && !to) {
        done = fail(ErrorCode::io, "could not write the export " + path);
    }
    if (!done && !path.empty()) {
        return fail(done.error().code, fmt::format("{}; {} is not whole", done.error().what, path));
    }
    if (done && !path.empty()) {
        say_done(options, path, exporter ? &exporter->counts() : nullptr, out);
    }
    return done;
}

}  // namespace

int run_recording_export(const RecordingOptions& options, std::ostream& out, std::ostream& err) {
    if (options.evidence || options.proof) {
        return run_recording_evidence(options, out, err);
    }
    const Result<void> done = export_to(options, out, err);
    return done ? kExitHeld : failed(done.error(), err);
}

}  // namespace narrows::apps
